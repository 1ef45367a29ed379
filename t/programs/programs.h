/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random programs for ring 0 of a bare PC; README.md says what they are made of.
 *
 * A program, its data and its stack are in the arena: the first 64 KiB of memory. With paging on,
 * each 64 KiB of the address space are the arena once more, but for the harness at 1 MiB, and the
 * program is told to be at some of them: an address that was cut to 16 bits, or has any base added,
 * still is one of the program's.
 *
 * A program is a row of slots, a few instructions each, which begin where the one before ends.
 * Whatever happens, it goes on: a fault leads to the next slot, everything else to what follows. So
 * it ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../guests-pc/serial.h"

#define PAGE	    4096u
#define ARENA_BYTES 0x10000u

/* In the arena. */
#define CODE	     0x1000u
#define CODE_END     0x6000u
#define COPIES	     0x6000u /* of code */
#define DATA	     0x8000u
#define DATA_BYTES   0x3000u
#define ABSENT	     0xb000u /* with paging, this page is not there */
#define READ_ONLY    0xc000u /* and this one cannot be written */
#define STACK	     0xf000u

#define SEL_CODE     0x08
#define SEL_DATA     0x10
#define SEL_OTHER    0x18 /* code */
#define SEL_CONFORM  0x20 /* conforming code */
#define SEL_CONST    0x28 /* data that is read-only */
#define SEL_NO_DATA  0x30 /* not present */
#define SEL_NO_CODE  0x38
#define SEL_USER     0x40 /* data of ring 3 */
#define SEL_USERCODE 0x48
#define SEL_BASED    0x50 /* data at DATA, 4 KiB */
#define SEL_BLIND    0x58 /* code that cannot be read */
#define SEL_TASK     0x60
#define SEL_LOCAL    0x68 /* the LDT, with one segment of data */
#define SEL_STACK    0x70 /* data, for SS */
#define SEL_MOVED    0x78 /* code and data at 0x10000: with paging, the same again */
#define SEL_MOVED_SS 0x80
#define SEL_GATE     0x88 /* a call gate */
#define SEL_EMPTY    0x90
#define SEL_BEYOND   0x98 /* the table's limit */

/* Vectors besides those of exceptions. */
#define VECTOR_NOTE   0x30
#define VECTOR_END    0x31
#define VECTOR_TRAP   0x32 /* by a trap gate */
#define VECTOR_ABSENT 0x33 /* a gate that is not present */
#define VECTOR_NO     0x34 /* no gate */

struct random {
	uint32_t state;
};

static inline uint32_t draw(struct random *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 17;
	r->state ^= r->state << 5;
	return r->state * 0x9e3779b1u >> 3 | r->state << 29;
}

static inline uint32_t below(struct random *r, uint32_t n)
{
	return (draw(r) >> 4) % n;
}

static inline bool one_in(struct random *r, uint32_t n)
{
	return !below(r, n);
}

#define SLOTS_MAX 64

struct program {
	struct random random;
	bool paging;
	bool tame;     /* see README.md */
	uint32_t base; /* where it is told to be; 0 without paging */
	uint32_t at;   /* where its next byte goes */
	unsigned slots;
	uint32_t slot[SLOTS_MAX];
};

extern uint8_t arena[];
extern uint64_t gdt[];

/* generate.c: writes the program of a seed into the arena, which is empty. */
void generate(struct program *p, uint32_t seed, bool tame);

/* On the program's stack after an event, from the lowest address on. */
struct frame {
	uint32_t gs, fs, es, ds;
	uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
	uint32_t vector, error, eip, cs, eflags;
};

/* events.c: runs a program to its end. Returns a sum of all that it could see. */
struct outcome {
	uint32_t sum;
	unsigned events;
	bool broken; /* the harness itself was */
};
struct outcome run(const struct program *p, bool show);

/* entry.S */
void enter_program(void); /* by resume_ss and resume_esp, where a struct frame is */
void leave_program(void) __attribute__((noreturn));
extern uint32_t resume_ss, resume_esp;
extern char stubs[];

/* main.c */
void say_hex(uint32_t v, unsigned digits);
