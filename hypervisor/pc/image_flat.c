// SPDX-License-Identifier: GPL-2.0-or-later
/* Images without headers of ELF: a flat binary, whose addresses are in the configuration, and one
 * with the addresses in its Multiboot header (Multiboot 0.6.96, section 3.1.3). Both become an ELF
 * image of one segment. */
#include "lib/string.h"
#include "load/image.h"

#define MULTIBOOT_ADDRESSES 0x10000 /* of the header's flags */
#define MULTIBOOT_KNOWN	    0xffff0007

/* 3.1.1 */
struct multiboot_header {
	uint32_t magic, flags, checksum;
	uint32_t header, load, load_end, bss_end, entry;
};

static void set_segment(struct elf_image *elf, uint32_t offset, uint32_t at, uint64_t filesz,
			uint64_t memsz)
{
	elf->is_64 = false;
	elf->segments = 1;
	elf->segment[0] = (struct elf_segment){ PT_LOAD, offset, at, at, filesz, memsz };
}

const char *flat_read(struct image *im, const struct guest_config *c)
{
	uint64_t bytes = im->file.bytes;

	if (im->bzimage || elf_is(im->file.data, bytes))
		return "no flat binary: remove load = from the configuration";
	if (!bytes || bytes > UINT32_MAX - c->load)
		return bytes ? "does not fit below 4 GiB: lower load = in the configuration"
			     : "an empty file";
	if (c->entry - c->load >= bytes)
		return "its entry is not in it: change entry = in the configuration";
	im->elf.data = im->file.data;
	im->elf.bytes = bytes;
	set_segment(&im->elf, 0, c->load, bytes, bytes);
	im->elf.entry = c->entry;
	return NULL;
}

static const char *read_addresses(struct elf_image *elf, const struct multiboot_header *h,
				  uint32_t at)
{
	uint32_t before = h->header - h->load, offset = at - before;
	uint64_t left = elf->bytes - offset, filesz = h->load_end ? h->load_end - h->load : left;
	uint64_t memsz = h->bss_end ? h->bss_end - h->load : filesz;

	if (h->load > h->header || before > at)
		return "its Multiboot header says that it is loaded behind that header";
	if (filesz > left || h->load_end - 1ull < h->load)
		return "its Multiboot header says that more is loaded than is in the file";
	if (memsz < filesz || h->bss_end - 1ull < h->load)
		return "its Multiboot header says that memory ends within what is loaded";
	if (h->load + memsz > UINT32_MAX)
		return "its Multiboot header says that it ends above 4 GiB";
	set_segment(elf, offset, h->load, filesz, memsz);
	elf->entry = h->entry;
	return NULL;
}

/* Kernels linked high name their entry by its virtual address, and begin without paging. */
uint64_t elf32_entry(const struct elf_image *elf)
{
	for (unsigned i = 0; i < elf->segments; i++) {
		const struct elf_segment *s = &elf->segment[i];

		if (s->type == PT_LOAD && elf->entry - s->vaddr < s->memsz)
			return elf->entry - s->vaddr + s->paddr;
	}
	return elf->entry;
}

/* Where it is in the file; what is cut off reads as 0. */
static int find_header(const struct file *file, struct multiboot_header *h)
{
	struct elf_image elf = { .data = file->data, .bytes = file->bytes };
	int at = elf_multiboot(&elf);

	*h = (struct multiboot_header){ 0 };
	if (at >= 0)
		memcpy(h, file->data + at, MIN(sizeof(*h), file->bytes - (unsigned)at));
	return at;
}

bool multiboot_has_addresses(const struct image *im)
{
	struct multiboot_header h;

	return find_header(&im->file, &h) >= 0 && (h.flags & MULTIBOOT_ADDRESSES);
}

const char *multiboot_read(struct image *im)
{
	struct multiboot_header h;
	int at = find_header(&im->file, &h);

	if (at < 0 || !(h.flags & MULTIBOOT_ADDRESSES))
		return "not an ELF file, a bzImage or a Multiboot kernel: a flat binary wants load "
		       "= in the configuration";
	im->elf.data = im->file.data;
	im->elf.bytes = im->file.bytes;
	return read_addresses(&im->elf, &h, (uint32_t)at);
}

/* Multiboot2 2.0, section 3.1.1 */
static bool has_multiboot2(const struct file *file)
{
	uint64_t end = MIN(file->bytes, 32768ull);

	for (uint64_t at = 0; at + 16 <= end; at += 8) {
		uint32_t h[4]; /* magic, architecture, length, checksum */

		memcpy(h, file->data + at, sizeof(h));
		if (h[0] == 0xe85250d6 && h[0] + h[1] + h[2] + h[3] == 0)
			return true;
	}
	return false;
}

const char *multiboot_check(struct image *im)
{
	struct multiboot_header h;

	im->multiboot = find_header(&im->file, &h) >= 0;
	if (!im->multiboot && has_multiboot2(&im->file))
		return "a Multiboot2 kernel, and only Multiboot 1 is offered: give it both headers";
	return h.flags & ~MULTIBOOT_KNOWN
		       ? "its Multiboot header wants what this version of Multiboot has not"
		       : NULL;
}
