// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guests/reboots.c is a paravirtual one. Tried: a PC that resets itself again and again, whose
 * devices, screen and tables of ACPI are made anew each time in one go. Must happen: no stay of the
 * hypervisor above 10 000 instructions.
 */
#include "pc.h"

int guest_main(void)
{
	say("so far: going\n");
	__asm__ volatile("outb %0, %1" ::"a"((uint8_t)6), "Nd"((uint16_t)0xcf9));
	for (;;)
		;
}
