// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A write to a frame drops what was translated from it. The limit of 200 blocks was for each
 * address that it is mapped at: up to 3 072 blocks fell in one stay of 78 688 instructions. Attack:
 * a page of code at 15 addresses, run at each; then one write to it. Expected: no stay of the
 * hypervisor above its goal of 10 000 instructions.
 */
#include "pc.h"

#define PAGE	4096
#define ALIAS	0x40000000u
#define ALIASES 15
#define CHAIN	190

static uint32_t directory[1024] __attribute__((aligned(PAGE)));
static uint32_t table[1024] __attribute__((aligned(PAGE)));
static uint32_t aliases[1024] __attribute__((aligned(PAGE)));
static uint8_t body[PAGE] __attribute__((aligned(PAGE)));

static void paging_on(void)
{
	uint32_t cr0;

	for (unsigned i = 0; i < 1024; i++) {
		table[i] = i * PAGE | 7;
		aliases[i] = (uint32_t)body | 7;
	}
	directory[0] = (uint32_t)table | 7;
	directory[ALIAS >> 22] = (uint32_t)aliases | 7;
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("movl %1, %%cr3; movl %0, %%cr0" ::"r"(cr0 | 0x80000000), "r"(directory)
			 : "memory");
}

int guest_main(void)
{
	paging_on();
	for (unsigned i = 0; i < CHAIN; i++) {
		body[2 * i] = 0xeb;
		body[2 * i + 1] = 0;
	}
	body[2 * CHAIN] = 0xc3;
	for (unsigned n = 0; n < 4; n++) {
		for (unsigned i = 0; i < ALIASES; i++)
			__asm__ volatile("call *%0" ::"r"(ALIAS + i * PAGE) : "memory", "cc");
		((volatile uint8_t *)body)[2048] = (uint8_t)n;
	}
	say("well so far\n");
	return 0;
}
