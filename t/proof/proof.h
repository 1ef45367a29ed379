/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a proof is written with. A proof is a function that sets up any input, calls the code, and
 * says what must hold. t/proof/prove runs it on all inputs at once; README.md tells how.
 *
 * A local variable without a value holds any value.
 */
#pragma once

#include "lib/types.h"

/* name: what is proved, and for which inputs */
#define PROOF(name, text)                      \
	const char proof_text_##name[] = text; \
	void proof_##name(void);               \
	void proof_##name(void)

uint8_t any_u8(void);
uint16_t any_u16(void);
uint32_t any_u32(void);
uint64_t any_u64(void);

/* Memory that others write at any moment: each read gives any value. */
void *any_memory(uint64_t bytes, uint64_t align);
/* The same, which must not be written. */
const void *any_file(uint64_t bytes);

void assume(bool holds);   /* of the inputs */
void prove(bool holds);	   /* for all inputs that lead here */
void possible(bool holds); /* for some input: the proof is of something */

/* What a function returns is followed on for each of its ways apart: more work, of which each part
 * is easier. So must its callers' be, up to the proof. */
#define SEPARATELY(function) const char separately_##function[] = ""

/* A function claim_NAME stands for NAME in all proofs but the one that is called NAME, which proves
 * that NAME does no more than the claim says. taken_NAME stands for it without a proof. */

/* A bound in `make check`, and in `make check-long` */
#ifdef LONG
#define BOUND(quick, long) long
#else
#define BOUND(quick, long) quick
#endif

/* A bound's digits, for a proof's text */
#define DIGITS(bound)  DIGITS_(bound)
#define DIGITS_(bound) #bound
