/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ELF32 i386 executable, read with libelf: its code ranges, symbols and bytes by address. */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	uint32_t start, end; /* [start, end) */
};

struct segment {
	uint32_t vaddr, offset, filesz, memsz, flags;
};

struct name {
	uint32_t start, bytes; /* bytes: 0 if the file does not say */
	char *text;
};

struct names {
	struct name *name;
	unsigned count;
};

struct image {
	const char *path;
	uint8_t *data;	    /* the whole file, ours to change */
	uint8_t *unchanged; /* and as it was */
	size_t bytes;
	uint32_t entry;
	unsigned segments;
	struct segment *segment; /* PT_LOAD */
	unsigned code_ranges;
	struct range *code; /* executable sections, or segments where there are no sections */
	unsigned roots;
	uint32_t *root; /* addresses known to be code: entry, symbols */
	struct names symbols, sections;
	bool has_symbols, multiboot, rewritten;
};

/* Returns 0, or -1 with one line in why (at least 200 bytes). Checks every offset that is used
 * later. */
int image_read(struct image *im, const char *path, char *why, size_t why_bytes);
int image_parse(struct image *im, uint8_t *data, size_t bytes, char *why, size_t why_bytes);
void image_free(struct image *im);

/* The bytes of the file at an address, or NULL; *left is how many there are. */
uint8_t *image_at(const struct image *im, uint32_t address, uint32_t *left);
bool image_is_code(const struct image *im, uint32_t address);

/* An address, with its symbol and section as far as the file has them:
 * "0xc0100020 (start+0x20, .text)". Returns text. */
#define PLACE_BYTES 200
const char *image_place_name(const struct image *im, uint32_t address, char text[PLACE_BYTES]);
