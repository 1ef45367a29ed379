/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the functions that write slots have in common: generate.c has it, and the usual ones. */
#pragma once

#include "programs.h"

void put(struct program *p, const uint8_t *bytes, unsigned n);
void put16(struct program *p, uint32_t v);
void put32(struct program *p, uint32_t v);

#define PUT(p, ...)                                       \
	do {                                              \
		const uint8_t bytes_[] = { __VA_ARGS__ }; \
		put((p), bytes_, sizeof(bytes_));         \
	} while (0)

static inline uint32_t pick(struct program *p, uint32_t n)
{
	return below(&p->random, n);
}

static inline bool chance(struct program *p, uint32_t n)
{
	return one_in(&p->random, n);
}

static inline uint32_t any(struct program *p)
{
	return draw(&p->random);
}

/* Where the next byte is for the program. */
static inline uint32_t here(const struct program *p)
{
	return p->base + p->at;
}

uint8_t reg(struct program *p);	  /* other than ESP */
uint32_t data(struct program *p); /* an address */
void mov(struct program *p, uint8_t to, uint32_t v);
/* A displacement of 8 bits leads to where the next byte goes. */
void land(struct program *p, uint32_t displacement_at);
void note(struct program *p);
uint8_t short_op(struct program *p); /* harmless, of one byte */
uint16_t code_selector(struct program *p);
void any_selector(struct program *p, uint8_t to);

/* Slots that others contain. */
void arithmetic(struct program *p);
void push_flags(struct program *p);
void read_selectors(struct program *p);

/* unusual.c: the end of the list is NULL */
extern void (*const unusual[])(struct program *);
/* Bytes from one place to another that are code somehow, and lead nowhere else. */
void fill_wildly(struct program *p, uint32_t from, uint32_t to);
