// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rows of a text screen are printed after "veneer: NAME: screen NN |", and the host command took
 * every line of the hypervisor's with ", exit code " after the name as the guest's end (note_life).
 * Attack: a screen with that text, and later another.
 * Expected: the host does not believe that the guest has ended: `--expect-screen` finds the first
 * screen and then the second.
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
