/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding code. Certain: what can be reached from the entry, the symbols, a profile's addresses and
 * the direct branches of certain code. Referenced: what certain code names by an immediate operand,
 * if everything that can be reached from there decodes and agrees with what is known. The rest of
 * the executable ranges, and what is named but not aligned as compilers align functions, is left
 * alone: data is never patched on a guess.
 */
#ifndef REWRITER_SCAN_H
#define REWRITER_SCAN_H

#include "classify.h"
#include "image.h"

#define AT_START   0x01 /* an instruction starts here */
#define AT_INSIDE  0x02 /* inside one */
#define AT_TARGET  0x04 /* something may jump, call or return here */
#define AT_GUESSED 0x08 /* by a reference only */
#define AT_FIXED                                                                                   \
	0x10		/* a target for other reasons than the direct branches counted in branches \
			 */
#define AT_PATCHED 0x80 /* overwritten by the rewriter */

struct code_map {
	const struct image *image;
	uint32_t base, bytes; /* addresses covered */
	uint8_t *at;	      /* AT_* for each byte */
	uint8_t *length;      /* of the instruction that starts there */
	uint8_t *branches;    /* direct branches to it, at most 255 */
	unsigned conflicts;   /* addresses where two decodings overlap */
	unsigned undecodable; /* reached, but not an instruction */
};

/* Extra roots: addresses that trapped at run time. 0, or -1 when the ranges are too large. */
int scan(struct code_map *m, const struct image *im, const uint32_t *extra, unsigned extras);
void scan_free(struct code_map *m);

static inline uint8_t map_at(const struct code_map *m, uint32_t address)
{
	return address - m->base < m->bytes ? m->at[address - m->base] : 0;
}

bool decode_at(const struct image *im, uint32_t address, struct decoded *d);
/* Target of a direct near branch, if it is one. */
bool branch_target(const struct decoded *d, uint32_t address, uint32_t *target);
/* Nothing follows: jmp, ret, iret, ud2. */
bool ends_block(const struct decoded *d);

#endif
