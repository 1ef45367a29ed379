/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the attackers of both kinds share: numbers from a seed, and instructions made of them. */
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

/* Small numbers most of all, each doubling half as likely: below 2^bits. */
static inline uint32_t about(struct random *r, unsigned bits)
{
	return random32(r) >> (32 - 1 - below(r, bits));
}

/* Another stream for each start, since a guest that restarts must not do the same again. */
void random_begin(struct random *r, uint64_t seed, uint64_t more);

/* What a command line says behind name=, or otherwise. */
uint64_t argument(const char *cmdline, const char *name, uint64_t otherwise);

/* How much of each kind of attack: a hexadecimal digit for each in weights=, 0 for none. */
#define KINDS 16
struct weights {
	uint8_t of[KINDS];
	unsigned sum;
};
void weights_read(struct weights *w, const char *cmdline);
unsigned weights_choose(const struct weights *w, struct random *r);

/* One sensitive instruction, with odd prefixes now and then; its length, INSTRUCTION_MAX at most.
 * kernel: a kernel is to run it, and to live mostly. */
#define INSTRUCTION_MAX 24
unsigned random_instruction(struct random *r, uint8_t *to, bool kernel);

/* Numbers that name something in most processors, or lie at an edge. */
uint16_t random_port(struct random *r);
uint32_t random_msr(struct random *r);
uint16_t random_selector(struct random *r);
uint64_t random_descriptor(struct random *r);
uint32_t random_flags(struct random *r);

/* A line as others print it, with what might take back the name in front of it; its length, at most
 * FORGED_MAX. The harness shows the console as a terminal does, and looks for it there. */
#define FORGED_MAX 64
unsigned random_forgery(struct random *r, char *to);

/* A value for DR7, often none, without the registers in off: QEMU 7.2 ends where a breakpoint is
 * met in code whose segment does not begin at 0, or is taken away just when it is met, so there are
 * none on what the attacker itself touches. */
uint32_t random_breakpoints(struct random *r, unsigned off);
