// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Several processors and the interrupt command register (XSA-188, and the reboots by INIT of 2017).
 * Attack: random values in the register, with every delivery mode, shorthand and destination, INIT
 * and startup IPIs included, while the other processors run random code in real mode, loop with
 * interrupts masked, or are started twice.
 * Expected: only this guest's own processors are affected. Runs in a virtual machine. The random
 * code may also write to this kernel's memory, after which it may do anything or nothing, or end the
 * guest by port 0xf4.
 */
#include "pc.h"

#define LAPIC	  0xfee00000u
#define ICR_LOW	  (LAPIC + 0x300)
#define ICR_HIGH  (LAPIC + 0x310)
#define FIRST	  0x10u /* pages that the others may start at */
#define PAGES	  0x40u
#define MODE_INIT 0x500
#define MODE_SIPI 0x600

static void write32(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

/* Code for the others: loops with and without interrupts, a halt, and random bytes after some
 * harmless instructions. */
static void fill_pages(void)
{
	static const uint8_t start[4][6] = { { 0xfa, 0xeb, 0xfe },
					     { 0xfb, 0xeb, 0xfe },
					     { 0xfa, 0xf4, 0xeb, 0xfd },
					     { 0x0f, 0xa2, 0x40, 0x90, 0xfb, 0x90 } };

	for (uint32_t p = FIRST; p < FIRST + PAGES; p++) {
		volatile uint8_t *page = (uint8_t *)(p << 12);

		for (unsigned i = 0; i < 4096; i++)
			page[i] = i < 6 && (p & 7) ? start[p & 3][i] : (uint8_t)noise();
	}
}

static void start_others(void)
{
	write32(ICR_LOW, 0xc0000 | 0x4000 | MODE_INIT);
	write32(ICR_LOW, 0xc0000 | 0x4000 | MODE_SIPI | (FIRST + noise() % PAGES));
}

int guest_main(void)
{
	fill_pages();
	say("well so far\n");
	__asm__ volatile("cli");
	write32(LAPIC + 0xf0, 0x1ff);
	for (unsigned i = 0; i < 3000; i++) {
		write32(ICR_HIGH, noise());
		if (noise() % 4)
			write32(ICR_LOW, (noise() & ~0xc0100u) | (noise() % 2 ? 0xc0000 : 0));
		else
			start_others();
	}
	say(failures ? "NOT WELL\n" : "well\n");
	return 0;
}
