// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rewriter's patches as a target; this guest runs rewritten (XSA-186, 191).
 * Attack: jumps into the middle of patched instructions and to every byte of the stubs and tables;
 * writes to all of the patch window; random values in the vCPU page and in the page that unmasks.
 * Expected: exceptions in the guest, or no effect; stubs cannot be written.
 */
#include "pc.h"

#define WINDOW 0xff000000u

static volatile uint32_t sink;

/* Patched: PUSHF, CLI, STI, POPF with neighbours. */
static void __attribute__((noinline)) victim(uint32_t ignored)
{
	(void)ignored;
	__asm__ volatile(
		"pushfl; popl %%eax; cli; movl %%eax, %0; movl %0, %%ecx; sti; movl %%ecx, %0; "
		"pushl %%eax; popfl; movl %%eax, %0"
		: "=m"(sink)::"eax", "ecx");
}

static void jump(uint32_t at)
{
	__asm__ volatile("call *%0" ::"r"(at) : "eax", "ecx", "edx", "memory");
}

static void write_word(uint32_t at)
{
	*(volatile uint32_t *)at = noise();
}

static void read_word(uint32_t at)
{
	sink = *(volatile uint32_t *)at;
}

int guest_main(void)
{
	unsigned written = 0, read = 0;

	victim(0);
	for (uint32_t at = WINDOW + 0x2000; at < WINDOW + 0x3000; at += 4) {
		written += attempt(write_word, at) == -1;
		read += attempt(read_word, at) == -1;
	}
	expect(!written, "stubs and tables cannot be written");
	expect(read == 1024, "stubs and tables can be read");
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t page = noise() % 2 ? WINDOW : WINDOW + 0x1000;

		attempt(write_word, page + (noise() & 0xffc));
		if (i % 64 == 0)
			victim(0);
	}
	say(failures ? "NOT WELL" : "well");
	say(" so far; now into the middle of things\n");
	for (unsigned i = 0; i < 40; i++)
		attempt(jump, (uint32_t)victim + i);
	for (uint32_t at = WINDOW + 0x2000; at < WINDOW + 0x2400; at++)
		attempt(jump, at);
	return 0;
}
