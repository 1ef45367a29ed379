/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by both attackers: random numbers from a seed, and instructions made from them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

/* Marsaglia's xorshift: a state is never 0. */
static inline uint64_t random64(struct random *r)
{
	uint64_t x = r->state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	r->state = x;
	return x * 0x2545f4914f6cdd1d;
}

static inline uint32_t random32(struct random *r)
{
	return (uint32_t)(random64(r) >> 32);
}

/* 0 to n - 1 */
static inline uint32_t below(struct random *r, uint32_t n)
{
	return (uint32_t)((uint64_t)random32(r) * n >> 32);
}

static inline bool one_in(struct random *r, uint32_t n)
{
	return !below(r, n);
}

/* Mostly small numbers, each doubling half as likely: below 2^bits. */
static inline uint32_t about(struct random *r, unsigned bits)
{
	return random32(r) >> (32 - 1 - below(r, bits));
}

/* A different stream for each start, since a guest that restarts must not repeat itself. */
void random_begin(struct random *r, uint64_t seed, uint64_t more);

/* Returns the number after name= in a command line, or otherwise if there is none. */
uint64_t argument(const char *cmdline, const char *name, uint64_t otherwise);

/* How often each kind of attack is made: a hexadecimal digit for each in weights=, 0 for never. */
#define KINDS 16
struct weights {
	uint8_t of[KINDS];
	unsigned sum;
};
void weights_read(struct weights *w, const char *cmdline);
unsigned weights_choose(const struct weights *w, struct random *r);

/* Writes one sensitive instruction, sometimes with odd prefixes; returns its length, at most
 * INSTRUCTION_MAX. kernel: a kernel will execute it, and should mostly survive. */
#define INSTRUCTION_MAX 24
unsigned random_instruction(struct random *r, uint8_t *to, bool kernel);

/* Numbers that mean something on most processors, or that are boundary values. */
uint16_t random_port(struct random *r);
uint32_t random_msr(struct random *r);
uint16_t random_selector(struct random *r);
uint64_t random_descriptor(struct random *r);
uint32_t random_flags(struct random *r);

/* Writes a line that looks like another's, with characters that might erase the name in front of
 * it; returns its length, at most FORGED_MAX. The test interprets the console as a terminal does,
 * and looks for such lines. */
#define FORGED_MAX 64
unsigned random_forgery(struct random *r, char *to);

/* A value for DR7, often 0, without the registers in off. QEMU 7.2 crashes if a breakpoint is hit
 * in code whose segment does not begin at 0, or is removed just when it is hit. So there are none
 * on what the attacker itself accesses. */
uint32_t random_breakpoints(struct random *r, unsigned off);
