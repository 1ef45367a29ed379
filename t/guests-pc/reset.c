// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guests/reboots.c tests a paravirtual guest.
 * Attack: a PC that resets itself again and again, whose devices, screen and ACPI tables are set up
 * in one go each time.
 * Expected: no stay of the hypervisor above 10 000 instructions.
 */
#include "pc.h"

int guest_main(void)
{
	say("so far: going\n");
	__asm__ volatile("outb %0, %1" ::"a"((uint8_t)6), "Nd"((uint16_t)0xcf9));
	for (;;)
		;
}
