// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flags that no instruction set, see guests/iopl.c, of a 32-bit kernel.
 * Attack: IOPL 3 by an emulated instruction, a page fault that is not the guest's, and INT3 right
 * behind POPF, ADD and CMPXCHG8B.
 * Expected: a port is that of the guest's own device. Translated, the flags behind CMPXCHG8B are
 * ADD's, but for ZF; otherwise they are what QEMU makes of them.
 */
#include "pc.h"

#define SCRATCH 0x3ff /* a byte of COM1, without effect */
#define MINE	0xa5
#define WANTED	0x3202 /* IOPL 3 */
#define CHANGED 0x3895 /* IOPL OF SF AF PF CF */

uint64_t pair __attribute__((aligned(8)));
static uint8_t fresh[64 * 4096] __attribute__((aligned(4096)));

#define MAKE_UP "pushl $2; popfl; jmp 1f; 1: addl %%ecx, %%esi; cmpxchg8b pair; "

static uint32_t made_up(uint32_t add, uint32_t to)
{
	uint32_t flags;

	__asm__ volatile(MAKE_UP "pushfl; popl %0"
			 : "=r"(flags), "+S"(to)
			 : "c"(add)
			 : "eax", "edx", "memory");
	return flags;
}

static uint32_t right(uint32_t add, uint32_t to)
{
	uint32_t flags;

	__asm__ volatile("addl %2, %1; pushfl; popl %0" : "=r"(flags), "+S"(to) : "c"(add));
	return flags;
}

static uint8_t scratch(void)
{
	uint8_t value;

	__asm__ volatile("inb %%dx, %0" : "=a"(value) : "d"(SCRATCH));
	return value;
}

static void by_instruction(void)
{
	__asm__ volatile(MAKE_UP "movl %%cr0, %%eax" ::"c"(WANTED), "S"(0)
			 : "eax", "edx", "memory");
}

static void by_page(uint8_t *page)
{
	__asm__ volatile("movl %0, %%edi; " MAKE_UP "movb %%cl, (%%edi)" ::"r"(page), "c"(WANTED),
			 "S"(0)
			 : "eax", "edx", "edi", "memory");
}

static void breakpoint(uint32_t unused)
{
	(void)unused;
	__asm__ volatile(MAKE_UP "int3" ::"c"(WANTED), "S"(0) : "eax", "edx", "memory");
}

int guest_main(void)
{
	unsigned wrong = 0;

	__asm__ volatile("outb %0, %1" ::"a"((uint8_t)MINE), "d"((uint16_t)SCRATCH));
	for (unsigned i = 0; i < 64; i++) {
		by_instruction();
		expect(scratch() == MINE, "behind an emulated instruction");
		by_page(&fresh[i * 4096]);
		expect(scratch() == MINE, "behind a page fault");
		attempt(breakpoint, 0);
		expect(scratch() == MINE, "behind INT3");
	}
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t add = noise() & ~0x100u, to = noise(); /* no TF */

		wrong += ((made_up(add, to) ^ right(add, to)) & CHANGED) != 0;
	}
	say_number(wrong);
	say(" flags made up\n");
	say(failures ? "NOT WELL\n" : "well\n");
	return failures != 0;
}
