// SPDX-License-Identifier: GPL-2.0-or-later
/* Boot inputs (XSA-194): bundles and ELF files, valid, truncated at every byte, and with random
 * bytes. */
#include <elf.h>

#include "load/bundle.h"
#include "tap.h"

/* load/elf.h names the same things as <elf.h> */
#undef PT_LOAD
#undef PT_NOTE
#include "load/elf.h"

static char archive[4096];

static size_t put_entry(size_t at, const char *name, const char *data, size_t bytes)
{
	size_t name_bytes = strlen(name) + 1;

	at += (size_t)sprintf(
		archive + at, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1,
		0100644, 0, 0, 1, 0, (unsigned)bytes, 0, 0, 0, 0, (unsigned)name_bytes, 0);
	memcpy(archive + at, name, name_bytes);
	at = (at + name_bytes + 3) & ~3ul;
	memcpy(archive + at, data, bytes);
	return (at + bytes + 3) & ~3ul;
}

/* Searches a copy of exactly n bytes, so that the sanitizer detects a read beyond them. */
static int find_in_copy(const char *from, size_t n, const char *name, struct file *f)
{
	char *copy = malloc(n ? n : 1);

	memcpy(copy, from, n);
	int err = bundle_find(copy, n, name, f);
	if (!err && (f->data < (uint8_t *)copy || f->data + f->bytes > (uint8_t *)copy + n))
		err = 1;
	free(copy);
	return err;
}

static void bundles(void)
{
	struct file f;
	size_t n = put_entry(0, "veneer.conf", "[guest a]\n", 10);

	n = put_entry(n, "./a.elf", "12345", 5);
	n = put_entry(n, "TRAILER!!!", "", 0);
	ok(!bundle_find(archive, n, "veneer.conf", &f) && f.bytes == 10 &&
		   !memcmp(f.data, "[guest a]\n", 10),
	   "a file is found");
	ok(!bundle_find(archive, n, "a.elf", &f) && f.bytes == 5,
	   "a file with ./ before its name is found");
	is(bundle_find(archive, n, "b", &f), -ENOENT, "a missing file is not found");
	unsigned wrong = 0;
	for (size_t cut = 0; cut < n; cut++)
		wrong += find_in_copy(archive, cut, "nothing", &f) !=
				 (cut < n ? -EINVAL : -ENOENT) &&
			 cut < n - 4;
	ok(!wrong, "every truncation is noticed");
	for (unsigned round = 0; round < 50000; round++) {
		char copy[sizeof(archive)];

		memcpy(copy, archive, n);
		for (unsigned i = 0; i < 1 + rnd() % 4; i++)
			copy[rnd() % n] =
				(char)(rnd() % 2 ? "0123456789abcdefF"[rnd() % 17] : (char)rnd());
		wrong += find_in_copy(copy, n, "a.elf", &f) == 1;
	}
	ok(!wrong, "random bytes never lead outside");
}

static uint8_t image[2048];

static void make_elf64(void)
{
	Elf64_Ehdr e = { .e_type = ET_EXEC,
			 .e_machine = EM_X86_64,
			 .e_entry = 0x200000,
			 .e_phoff = 64,
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 2 };
	Elf64_Phdr p[2] = { { .p_type = 1,
			      .p_offset = 1024,
			      .p_vaddr = 0x200000,
			      .p_paddr = 0x200000,
			      .p_filesz = 512,
			      .p_memsz = 1000 },
			    { .p_type = 4, .p_offset = 512, .p_filesz = 24 } };
	uint32_t note[6] = { 7, 4, 1, 0x656e6556, 0x00007265, 1 };

	memcpy(e.e_ident, "\177ELF\2\1\1", 7);
	memcpy(image, &e, sizeof(e));
	memcpy(image + 64, p, sizeof(p));
	memcpy(image + 512, note, sizeof(note));
}

static bool segments_inside(const struct elf_image *im)
{
	for (unsigned i = 0; i < im->segments; i++)
		if (im->segment[i].offset > im->bytes ||
		    im->segment[i].filesz > im->bytes - im->segment[i].offset)
			return false;
	return im->segments <= ELF_SEGMENTS;
}

static void elves(void)
{
	struct elf_image im;

	make_elf64();
	ok(!elf_read(image, sizeof(image), &im) && im.is_64 && im.entry == 0x200000 &&
		   im.segments == 2,
	   "a valid ELF file is read");
	const uint32_t *abi = elf_note(&im, "Veneer", 1, 4);
	ok(abi && *abi == 1, "its note is found");
	ok(!elf_note(&im, "Veneer", 2, 4) && !elf_note(&im, "Xen", 1, 4) &&
		   !elf_note(&im, "Veneer", 1, 8),
	   "another note is not found");
	bool good = true;
	unsigned accepted = 0;
	for (unsigned round = 0; round < 200000; round++) {
		size_t n = round % 3 ? sizeof(image) : rnd() % sizeof(image);
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, image, n);
		for (unsigned i = 0; n && i < 1 + rnd() % 3; i++)
			copy[rnd() % (n < 600 ? n : 600)] = rnd() % 2 ? 0xff : (uint8_t)rnd();
		if (!elf_read(copy, n, &im)) {
			accepted++;
			good &= segments_inside(&im);
			elf_note(&im, "Veneer", 1, 4);
			elf_multiboot(&im);
		}
		free(copy);
	}
	ok(good && accepted > 100, "two hundred thousand broken ELF files (%u still readable)",
	   accepted);
}

int main(void)
{
	bundles();
	elves();
	return done_testing();
}
