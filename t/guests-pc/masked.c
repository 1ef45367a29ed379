// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts masked for good. Tried: CLI, then a loop without an end in sight. Must happen: the
 * core is taken away all the same when the slice is over, and the neighbour's clock goes on.
 */
#include "pc.h"

int guest_main(void)
{
	__asm__ volatile("cli; movl $100000000, %%ecx; 1: dec %%ecx; jnz 1b" ::: "ecx");
	say("well\n");
	return 0;
}
