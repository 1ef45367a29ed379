// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts masked for good. Tried: CLI, then a loop without an end. Must happen: the core is
 * taken away all the same when the slice is over, and the neighbour comes to its end.
 */
#include "pc.h"

int guest_main(void)
{
	say("well so far\n");
	__asm__ volatile("cli; 1: jmp 1b");
	return 1;
}
