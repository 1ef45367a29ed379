// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts masked for ever.
 * Attack: CLI, then an endless loop.
 * Expected: the guest still loses the core at the end of its slice, and the neighbour finishes.
 */
#include "pc.h"

int guest_main(void)
{
	say("well so far\n");
	__asm__ volatile("cli; 1: jmp 1b");
	return 1;
}
