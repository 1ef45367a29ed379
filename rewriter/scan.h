/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding code. Certain code is reached from the entry, the symbols, a profile's addresses and
 * direct branches of certain code. Referenced code is named by an immediate operand in certain
 * code, if everything reachable from there decodes and is consistent with known code. The rest of
 * the executable ranges, and referenced addresses that are not aligned as compilers align
 * functions, are left alone: data is never patched on a guess.
 */
#pragma once

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

/* Reached, but no code: not an instruction, or inside another one. */
struct misfit {
	uint32_t address;
	uint32_t from; /* the instruction that leads there; 0: the entry, a symbol or the profile */
	bool inside;
};
#define MISFITS_LISTED 8

struct code_map {
	const struct image *image;
	uint32_t base, bytes;		      /* addresses covered */
	uint8_t *at;			      /* AT_* for each byte */
	uint8_t *length;		      /* of the instruction that starts there */
	uint8_t *branches;		      /* direct branches to it, at most 255 */
	unsigned conflicts;		      /* addresses where two decodings overlap */
	unsigned undecodable;		      /* reached, but not an instruction */
	struct misfit misfit[MISFITS_LISTED]; /* the first of both */
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
/* Execution does not continue after it: jmp, ret, iret, ud2. */
bool ends_block(const struct decoded *d);
