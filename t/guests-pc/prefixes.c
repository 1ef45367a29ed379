// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The block after an emulated instruction was translated in the same stay, 12 instructions however
 * long, and all pages of code were looked through for its page: 29 897 instructions.
 * Attack: LGDT of a full table that has changed, at the end of a page; the next block is made of
 * instructions with 13 prefixes, and there are 720 pages of code.
 * Expected: no stay of the hypervisor above its goal of 10 000 instructions.
 */
#include "pc.h"

#define PAGE  4096
#define FIRST 0x800000u
#define FILL  720
#define PAIRS 12

static uint8_t tab[65536 + 8] __attribute__((aligned(4096)));
static struct table_register r;

static void go(uint32_t at)
{
	__asm__ volatile("call *%0" ::"r"(at) : "memory", "cc");
}

/* LGDT, then instructions of 15 bytes in the next page. */
static void write_code(uint32_t at)
{
	volatile uint8_t *q = (uint8_t *)at;

	q[-7] = 0x0f;
	q[-6] = 0x01;
	q[-5] = 0x15;
	*(volatile uint32_t *)(at - 4) = (uint32_t)&r;
	for (unsigned k = 0; k < 14; k++) {
		for (unsigned j = 0; j < 13; j++)
			q[k * 15 + j] = 0x3e;
		q[k * 15 + 13] = 0x8b;
		q[k * 15 + 14] = 0xc0;
	}
	q[14 * 15] = 0xc3;
}

int guest_main(void)
{
	uint64_t *to = (uint64_t *)(tab + 4);
	volatile uint8_t *p = (uint8_t *)FIRST;

	r = (struct table_register){ 0xffff, (uint32_t)to };
	for (unsigned i = 0; i < 8192; i++)
		to[i] = gdt[i % 4 + 1];
	for (unsigned i = 0; i < 5; i++)
		to[i] = gdt[i];
	__asm__ volatile("lgdt %0" ::"m"(r));
	for (unsigned n = 0; n < 4; n++) {
		for (unsigned i = 0; i < FILL; i++) {
			p[i * PAGE] = 0xc3;
			go(FIRST + i * PAGE);
		}
		for (unsigned i = 0; i < PAIRS; i++) {
			uint32_t at = FIRST + (FILL + 2 * i + 1) * PAGE;

			write_code(at);
			for (unsigned k = 140; k < 380; k++)
				to[k] = gdt[(k + i + n) % 4 + 1];
			go(at - 7);
		}
	}
	say("well so far\n");
	return 0;
}
