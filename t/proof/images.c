// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parsers of untrusted files: load/bundle.c, load/elf.c, pc/image_flat.c. A file returns any value
 * at each read, so no proof relies on its contents staying the same.
 *
 * If a loop goes through a file, its body is a function, and one iteration is proved from any
 * position in a file of any size: it reads inside the file, and either leaves less of it or ends.
 */
#include "proof.h"

#include "lib/string.c" /* the hypervisor's own */

#define VENEER_HOST
#include "load/bundle.c"
#include "load/elf.c"
#include "pc/image_flat.c"

#define NAME_BYTES   BOUND(7, 31)
#define SEARCH_BYTES BOUND(64, 256)

static void any_name(char *name)
{
	for (unsigned i = 0; i < NAME_BYTES; i++)
		name[i] = (char)any_u8();
	name[NAME_BYTES] = 0;
}

static bool inside(const void *file, uint64_t bytes, const void *at, uint64_t length)
{
	uint64_t offset = (uint64_t)at - (uint64_t)file;

	return offset <= bytes && length <= bytes - offset;
}

/* Reads its field of the header, and returns any 32-bit number, or fails. */
static bool claim_hex_field(const uint8_t *header, unsigned field, uint64_t *value)
{
	const uint8_t *first = header + 6 + field * 8, *last = first + 7;

	prove(field < 13);
	*value = *first + *last;
	*value = any_u32();
	return any_u8() & 1;
}

PROOF(hex_field, "hex_field reads 8 bytes of the header and gives at most 32 bits: every header")
{
	uint64_t value, bytes = 8 + 6 + 8 * (any_u8() & 15);
	const uint8_t *header = any_file(bytes);
	bool good = hex_field(header, (unsigned)(bytes - 14) / 8, &value);

	(void)claim_hex_field;
	prove(value <= UINT32_MAX);
	possible(good && value == 0xfedcba98);
	possible(!good);
}

SEPARATELY(read_member);

PROOF(bundle,
      "a turn of bundle_find reads the bundle alone, finds what lies inside, or leaves less: "
      "every bundle, every name of up to " DIGITS(NAME_BYTES) " bytes")
{
	char name[NAME_BYTES + 1];
	struct file file;
	uint64_t bytes = any_u64(), left = bytes;

	assume(bytes < 1ull << 48);
	any_name(name);
	const uint8_t *bundle = any_file(bytes), *p = bundle;
	int err = read_member(&p, &left, name, &file);
	if (!err)
		prove(inside(bundle, bytes, file.data, file.bytes));
	else if (err == -EAGAIN)
		prove(left < bytes && inside(bundle, bytes, p, left));
	possible(!err && file.bytes == 1);
	possible(err == -EAGAIN && !left);
	possible(err == -ENOENT);
}

SEPARATELY(read_header);

PROOF(elf_header, "elf_read's header and program headers are read inside the file: every file")
{
	struct elf_image image;
	struct headers h;
	unsigned i = any_u16(); /* the maximum number */

	image.bytes = any_u64();
	assume(image.bytes < 1ull << 48);
	image.data = any_file(image.bytes);
	assume(!read_header(&image, &h));
	assume(i < h.count);
	prove((i + 1ull) * h.size <= (uint64_t)h.count * h.size); /* an intermediate step */
	segment_at(image.data + h.at + (uint64_t)i * h.size, image.is_64);
	possible(i == 3);
}

SEPARATELY(add_segment);

PROOF(elf_segments,
      "segments that elf_read keeps lie in the file, do not wrap, and are at most 16: "
      "every program header, after every other")
{
	struct elf_image image;
	struct elf_segment s;

	assume(image.segments <= ELF_SEGMENTS);
	unsigned before = image.segments;
	const char *why = add_segment(&image, &s);
	prove(image.segments <= ELF_SEGMENTS);
	prove(image.segments == before || (!why && image.segments == before + 1));
	if (image.segments == before)
		return;
	const struct elf_segment *kept = &image.segment[before];
	prove(kept->offset <= image.bytes && kept->filesz <= image.bytes - kept->offset);
	prove(kept->paddr + kept->memsz >= kept->paddr && kept->vaddr + kept->memsz >= kept->vaddr);
	prove(kept->type != PT_LOAD || kept->filesz <= kept->memsz);
	possible(before == ELF_SEGMENTS - 1);
}

SEPARATELY(read_note);

PROOF(elf_note,
      "a turn of elf_note reads its segment alone, finds what lies inside, or leaves less: "
      "every segment, every name of up to " DIGITS(NAME_BYTES) " bytes")
{
	char name[NAME_BYTES + 1];
	uint64_t bytes = any_u64(), left = bytes;
	uint32_t type = any_u32(), want = any_u32();

	assume(bytes < 1ull << 48);
	any_name(name);
	const uint8_t *segment = any_file(bytes), *p = segment;
	const void *desc = read_note(&p, &left, name, type, want);
	if (desc)
		prove(inside(segment, bytes, desc, want));
	else
		prove(!left || (left < bytes && inside(segment, bytes, p, left)));
	possible(desc && want == 4);
	possible(left);
}

PROOF(elf_multiboot,
      "elf_multiboot reads the file alone, ends, and names a place inside: every file "
      "of up to " DIGITS(SEARCH_BYTES) " bytes")
{
	struct elf_image image;

	image.bytes = any_u16();
	assume(image.bytes <= SEARCH_BYTES);
	image.data = any_file(image.bytes);
	int at = elf_multiboot(&image);
	prove(at == -ENOENT || (at >= 0 && (uint64_t)at + 12 <= image.bytes));
	possible(at == SEARCH_BYTES - 12);
}

PROOF(addresses, "what the addresses of a Multiboot header load lies in the file, and ends below "
		 "4 GiB: every header at every place of every file")
{
	struct elf_image image;
	struct multiboot_header h;
	uint32_t at = any_u32();

	assume(image.bytes < 1ull << 48 && at < image.bytes);
	if (read_addresses(&image, &h, at))
		return;
	const struct elf_segment *s = &image.segment[0];
	prove(image.segments == 1 && s->offset <= image.bytes &&
	      s->filesz <= image.bytes - s->offset);
	prove(s->filesz <= s->memsz && s->paddr + s->memsz < 1ull << 32);
	possible(s->filesz < s->memsz);
	possible(s->offset + s->filesz == image.bytes && h.load_end);
}
