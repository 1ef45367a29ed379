// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guests/starts.c starts its vCPUs by hypercalls.
 * Attack: a PC sends INIT and a startup IPI to seven other vCPUs at once, again and again, all on
 * the neighbour's core. They start at once, with their local timers at the highest rate.
 * Expected: no stay of the hypervisor above 10 000 instructions; the neighbour's timing is not
 * affected.
 */
#include "pc.h"

static void lapic(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)(0xfee00000 + at) = value;
}

int guest_main(void)
{
	static const uint8_t code[] = { 0xeb, 0xfe }; /* JMP to itself */

	for (unsigned i = 0; i < sizeof(code); i++)
		((volatile uint8_t *)0x8000)[i] = code[i];
	say("going\n");
	for (unsigned n = 0; n < 3000; n++) {
		lapic(0x310, 0);
		lapic(0x300, 0xc4500);
		if (n % 3)
			lapic(0x300, 0xc4608);
		if (n % 7 == 0)
			lapic(0x300, 0x84030); /* an interrupt to all others */
	}
	return 0;
}
