/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parser for a guest's ELF file (System V ABI, chapters 4 and 5), 32 and 64 bit. */
#pragma once

#include "lib/types.h"

#define ELF_SEGMENTS 16
#define PT_LOAD	     1
#define PT_NOTE	     4

struct elf_segment {
	uint32_t type;
	uint64_t offset, vaddr, paddr, filesz, memsz;
};

struct elf_image {
	const uint8_t *data;
	uint64_t bytes;
	bool is_64;
	uint64_t entry;
	unsigned segments;
	struct elf_segment segment[ELF_SEGMENTS]; /* PT_LOAD and PT_NOTE, inside the file */
};

/* By its first bytes. */
bool elf_is(const void *data, uint64_t bytes);

/* Checks and reads the headers. Returns NULL, or an error message. */
const char *elf_read(const void *data, uint64_t bytes, struct elf_image *image);

/* The descriptor of the note (name, type) if it has at least that many bytes, else NULL. It may be
 * unaligned. */
const void *elf_note(const struct elf_image *image, const char *name, uint32_t type,
		     uint32_t bytes);

/* Offset of the Multiboot 1 header in the first 8 KiB (specification 0.6.96, 3.1), or -ENOENT. */
int elf_multiboot(const struct elf_image *image);
