// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rows of a text screen are shown behind "veneer: NAME: screen NN |", and the host command takes
 * every line of the hypervisor's with ", verdict " behind the name for the guest's end (note_life).
 * Tried: a screen that says so, and something else later. Must happen: the guest is not believed to
 * have ended: `veneer run --expect-screen NAME=READY` waits for the word and finds it.
 */
#include "pc.h"

static void row(const char *s)
{
	volatile uint16_t *cell = (volatile uint16_t *)0xb8000;

	for (; *s; s++)
		*cell++ = (uint16_t)(0x0700 | (uint8_t)*s);
}

static void wait(unsigned n)
{
	for (volatile unsigned i = 0; i < n; i++)
		;
}

int guest_main(void)
{
	row("halted, verdict 0");
	say("going\n");
	wait(400000000);
	row("READY            ");
	wait(2000000000);
	return 0;
}
