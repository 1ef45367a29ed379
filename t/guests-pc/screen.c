// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rows of a text screen are shown behind "veneer: NAME: screen NN |", and the host command takes
 * every line of the hypervisor's with ", exit code " behind the name for the guest's end
 * (note_life). Tried: a screen that says so, and something else later. Must happen: the guest is
 * not believed to have ended: `--expect-screen` of the one and then of the other finds both.
 */
#include "pc.h"

static void row(const char *s)
{
	volatile uint16_t *cell = (volatile uint16_t *)0xb8000;

	for (; *s; s++)
		*cell++ = (uint16_t)(0x0700 | (uint8_t)*s);
}

static uint8_t in(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "d"(port));
	return v;
}

static void wait_for_key(void)
{
	while (!(in(0x3fd) & 1))
		;
	in(0x3f8);
}

int guest_main(void)
{
	__asm__ volatile("outb %0, %1" ::"a"((uint8_t)3),
			 "d"((uint16_t)0x3fb)); /* the UART is in use */
	__asm__ volatile("outb %0, %1" ::"a"((uint8_t)3),
			 "d"((uint16_t)0x3fb)); /* the UART is in use */
	row("halted, exit code 0");
	wait_for_key();
	row("READY              ");
	wait_for_key();
	return 0;
}
