// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An interrupt storm (the 8254 at its highest rate, more than half a million edges a second).
 * Attack: make the hypervisor do nothing but raise interrupts in every guest's turn.
 * Expected: edges that come too fast are merged, and the neighbour on the same core finishes.
 */
#include "pc.h"

static volatile uint32_t ticks;

void tick(void);
void tick(void)
{
	ticks++;
	outb(0x20, 0x20);
}

__asm__("tick_entry: pushal; cld; call tick; popal; iretl");

int guest_main(void)
{
	extern char tick_entry[];
	uint32_t at = (uint32_t)tick_entry;
	static const uint8_t init[][2] = {
		{ 0x20, 0x11 }, { 0x21, 0x20 }, { 0x21, 4 }, { 0x21, 1 },
		{ 0x21, 0xfe }, { 0x43, 0x34 }, { 0x40, 2 }, { 0x40, 0 }
	};

	idt[0x20] = (at & 0xffff) | 0x08 << 16 | 0x8e00ull << 32 | (uint64_t)(at >> 16) << 48;
	for (unsigned i = 0; i < sizeof(init) / sizeof(init[0]); i++)
		outb(init[i][0], init[i][1]);
	__asm__ volatile("sti");
	while (ticks < 3000)
		__asm__ volatile("hlt");
	__asm__ volatile("cli");
	say_number(ticks);
	say(" ticks\n");
	return 0;
}
