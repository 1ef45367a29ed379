// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/elf.h"

#include <linux/elf.h>

#include "lib/string.h"

bool elf_is(const void *data, uint64_t bytes)
{
	return bytes >= 4 && !memcmp(data, "\177ELF", 4);
}

static struct elf_segment segment_at(const uint8_t *at, bool is_64)
{
	Elf32_Phdr p32;
	Elf64_Phdr p64;

	if (is_64) {
		memcpy(&p64, at, sizeof(p64));
		return (struct elf_segment){ p64.p_type,  p64.p_offset, p64.p_vaddr,
					     p64.p_paddr, p64.p_filesz, p64.p_memsz };
	}
	memcpy(&p32, at, sizeof(p32));
	return (struct elf_segment){ p32.p_type,  p32.p_offset, p32.p_vaddr,
				     p32.p_paddr, p32.p_filesz, p32.p_memsz };
}

/* The program headers: their number, size and file offset. */
struct headers {
	uint64_t at;
	unsigned count, size;
};

static const char *read_header(struct elf_image *image, struct headers *h)
{
	const uint8_t *d = image->data;
	Elf32_Ehdr e32 = { 0 };
	Elf64_Ehdr e64 = { 0 };

	if (!elf_is(d, image->bytes))
		return "not an ELF file";
	if (image->bytes < sizeof(e64))
		return "an ELF file that is cut off";
	if ((d[4] != 1 && d[4] != 2) || d[5] != 1)
		return "not a little-endian ELF of 32 or 64 bits";
	image->is_64 = d[4] == 2;
	memcpy(&e32, d, sizeof(e32));
	memcpy(&e64, d, sizeof(e64));
	bool is_64 = image->is_64;
	if (e32.e_machine != (is_64 ? EM_X86_64 : EM_386))
		return "not for x86";
	if (e32.e_type != ET_EXEC)
		return "not an executable (ET_EXEC)";
	image->entry = is_64 ? e64.e_entry : e32.e_entry;
	h->at = is_64 ? e64.e_phoff : e32.e_phoff;
	h->count = is_64 ? e64.e_phnum : e32.e_phnum;
	h->size = is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	if ((is_64 ? e64.e_phentsize : e32.e_phentsize) != h->size || h->at > image->bytes ||
	    (uint64_t)h->count * h->size > image->bytes - h->at)
		return "program headers outside the file";
	return NULL;
}

static const char *add_segment(struct elf_image *image, const struct elf_segment *s)
{
	if (s->type != PT_LOAD && s->type != PT_NOTE)
		return NULL;
	if (s->offset > image->bytes || s->filesz > image->bytes - s->offset)
		return "a segment outside the file";
	if (s->type == PT_LOAD && s->filesz > s->memsz)
		return "a segment larger in the file than in memory";
	if (s->paddr + s->memsz < s->paddr || s->vaddr + s->memsz < s->vaddr)
		return "a segment that wraps around";
	if (image->segments == ELF_SEGMENTS)
		return "more than 16 segments";
	image->segment[image->segments++] = *s;
	return NULL;
}

const char *elf_read(const void *data, uint64_t bytes, struct elf_image *image)
{
	struct headers h;

	image->data = data;
	image->bytes = bytes;
	image->segments = 0;
	const char *why = read_header(image, &h);
	for (unsigned i = 0; !why && i < h.count; i++) {
		struct elf_segment s =
			segment_at(image->data + h.at + (uint64_t)i * h.size, image->is_64);

		why = add_segment(image, &s);
	}
	return why;
}

/* Returns the note at *p if it matches, and advances. NULL and nothing left: no such note. */
static const void *read_note(const uint8_t **p, uint64_t *bytes, const char *name, uint32_t type,
			     uint32_t want)
{
	const uint8_t *at = *p;
	uint32_t head[3]; /* name size, descriptor size, type */
	uint64_t left = *bytes;

	*bytes = 0;
	if (left < sizeof(head))
		return NULL;
	memcpy(head, at, sizeof(head));
	uint64_t desc = sizeof(head) + ALIGN_UP((uint64_t)head[0], 4);
	uint64_t next = desc + ALIGN_UP((uint64_t)head[1], 4);
	if (desc > left || head[1] > left - desc)
		return NULL;
	if (head[2] == type && head[0] == strlen(name) + 1 && head[1] >= want &&
	    !memcmp(at + sizeof(head), name, head[0]))
		return at + desc;
	if (next <= left) {
		*p += next;
		*bytes = left - next;
	}
	return NULL;
}

const void *elf_note(const struct elf_image *image, const char *name, uint32_t type, uint32_t bytes)
{
	for (unsigned i = 0; i < image->segments; i++) {
		const struct elf_segment *s = &image->segment[i];
		const uint8_t *p = image->data + s->offset;
		uint64_t left = s->type == PT_NOTE ? s->filesz : 0;

		while (left) {
			const void *desc = read_note(&p, &left, name, type, bytes);

			if (desc)
				return desc;
		}
	}
	return NULL;
}

int elf_multiboot(const struct elf_image *image)
{
	uint64_t end = MIN(image->bytes, 8192ull);

	for (uint64_t at = 0; at + 12 <= end; at += 4) {
		uint32_t h[3];

		memcpy(h, image->data + at, sizeof(h));
		if (h[0] == 0x1badb002 && h[0] + h[1] + h[2] == 0)
			return (int)at;
	}
	return -ENOENT;
}
