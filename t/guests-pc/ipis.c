// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Several processors and the one register that moves them (XSA-188, and 2017's reboots by INIT).
 * Tried: noise into the interrupt command register, of every delivery mode, shorthand and
 * destination, INIT and startup IPIs among them, while the others run noise in real mode, or a loop
 * with interrupts masked, or wait for a start that comes twice. Must happen: none but this guest's
 * own processors notice. Runs in a virtual machine.
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

/* Loops, masked and not, a halt, and noise that begins after some harmless instructions. */
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
