// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guests/counted.c prints `count-at` lines by hypercalls, each of which is a part of work of its
 * own; a PC prints through its UART.
 * Attack: several such lines in one exit, by OUTS.
 * Expected: no stay of the hypervisor above 10 000 instructions.
 */
#include "pc.h"

int guest_main(void)
{
	static const char text[] = "x\nx\nx\nx\n";

	for (unsigned n = 0; n < 200; n++) {
		const char *from = text;
		uint32_t count = 8;

		__asm__ volatile("cld; rep outsb"
				 : "+S"(from), "+c"(count)
				 : "d"((uint16_t)0x3f8)
				 : "memory");
	}
	say("\nwell so far\n");
	return 0;
}
