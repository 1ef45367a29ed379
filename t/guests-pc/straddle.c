// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attack: the frame of an exception, half in each of two pages that are full of translated code.
 * Expected: both are dropped within a stay of 10 000 instructions.
 */
#include "pc.h"

#define PAGE  4096
#define CHAIN 195

static uint8_t body[2 * PAGE] __attribute__((aligned(PAGE)));

static void fault(uint32_t esp)
{
	__asm__ volatile("movl %0, %%esp; int3" ::"r"(esp) : "memory");
}

static void fill(uint8_t *at)
{
	for (unsigned i = 0; i < CHAIN; i++) {
		at[2 * i] = 0xeb;
		at[2 * i + 1] = 0;
	}
	at[2 * CHAIN] = 0xc3;
}

int guest_main(void)
{
	for (unsigned n = 0; n < 4; n++) {
		fill(body);
		fill(body + PAGE + 16);
		__asm__ volatile("call *%0" ::"r"(body) : "memory", "cc");
		__asm__ volatile("call *%0" ::"r"(body + PAGE + 16) : "memory", "cc");
		attempt(fault, (uint32_t)body + PAGE + 4);
	}
	say("well so far\n");
	return 0;
}
