/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vocabulary of proofs. A proof is a function that sets up any input, calls the code, and
 * states what must hold. t/proof/prove runs it on all inputs at once; README.md explains how.
 *
 * A local variable without an initial value holds any value.
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

/* Memory that others may write at any moment: each read returns any value. */
void *any_memory(uint64_t bytes, uint64_t align);
/* The same, which must not be written. */
const void *any_file(uint64_t bytes);

void assume(bool holds);   /* restricts the inputs */
void prove(bool holds);	   /* must hold for all inputs that reach this point */
void possible(bool holds); /* must hold for some input, so that the proof is not vacuous */

/* The paths through a function are not merged at its return: more work, but each part is easier.
 * Its callers must then be marked too, up to the proof. */
#define SEPARATELY(function) const char separately_##function[] = ""

/* A function claim_NAME replaces NAME in all proofs except the one called NAME, which proves that
 * NAME does no more than the claim says. taken_NAME replaces it without a proof. */

/* A bound in `make check`, and in `make check-long` */
#ifdef LONG
#define BOUND(quick, long) long
#else
#define BOUND(quick, long) quick
#endif

/* A bound's digits, for a proof's text */
#define DIGITS(bound)  DIGITS_(bound)
#define DIGITS_(bound) #bound
