// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * INVLPG of one address in a large page drops all that is cached of it. Shadows have small pages
 * for it, of which one was dropped: the kernel read and executed what had been there. Attack: a
 * page of 4 MiB is mapped to another frame, or split, with INVLPG of one address. Expected: data
 * and code are the new page's everywhere. (The guest hurts itself alone.)
 */
#include "pc.h"

#define PAGE  4096
#define ALIAS 0x40000000u
#define ONE   0x800000u
#define TWO   0xc00000u

static uint32_t directory[1024] __attribute__((aligned(PAGE)));
static uint32_t table[1024] __attribute__((aligned(PAGE)));

static void invlpg(uint32_t at)
{
	__asm__ volatile("invlpg (%0)" ::"r"(at) : "memory");
}

#define WORD(at) (*(volatile uint32_t *)(at))

int guest_main(void)
{
	uint32_t cr;
	static const uint32_t offset[] = { 0, 0x1000, 0x8000, 0x100000, 0x200000, 0x3ff000 };

	for (unsigned i = 0; i < 1024; i++) {
		directory[i] = i << 22 | 0x83;
		table[i] = TWO + i * PAGE + 3;
	}
	__asm__ volatile("movl %%cr4, %0; orl $0x10, %0; movl %0, %%cr4" : "=&r"(cr));
	__asm__ volatile("movl %0, %%cr3" ::"r"(directory));
	__asm__ volatile("movl %%cr0, %0; orl $0x80010000, %0; movl %0, %%cr0" : "=&r"(cr));
	for (unsigned i = 0; i < 6; i++) {
		WORD(ONE + offset[i]) = 0x00c301b0; /* mov $1, %al; ret */
		WORD(TWO + offset[i]) = 0x00c302b0;
	}
	for (unsigned way = 0; way < 3; way++) {
		directory[ALIAS >> 22] = ONE | 0x83;
		__asm__ volatile("movl %0, %%cr3" ::"r"(directory) : "memory");
		for (unsigned i = 0; i < 6; i++) {
			expect((WORD(ALIAS + offset[i]) >> 8 & 255) == 1, "the first is there");
			if (way == 1)
				expect((((uint32_t(*)(void))(ALIAS + offset[i]))() & 255) == 1,
				       "its code");
		}
		directory[ALIAS >> 22] = way == 2 ? (uint32_t)table | 3 : TWO | 0x83;
		invlpg(ALIAS + 0x5000);
		for (unsigned i = 0; i < 6; i++) {
			say_number(WORD(ALIAS + offset[i]) >> 8 & 255);
			expect((WORD(ALIAS + offset[i]) >> 8 & 255) == 2, "the second is there");
			if (way == 1)
				expect((((uint32_t(*)(void))(ALIAS + offset[i]))() & 255) == 2,
				       "second code");
		}
		say("\n");
	}
	return 0;
}
