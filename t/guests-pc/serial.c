// SPDX-License-Identifier: GPL-2.0-or-later
#include "serial.h"

/* A transmitter that is full loses what is written to it. */
void say(const char *s)
{
	for (; *s; s++) {
		while (!(inb(0x3fd) & 0x20))
			;
		outb(0x3f8, (uint8_t)*s);
	}
}

void say_number(uint32_t v)
{
	char digits[12], *d = digits + 11;

	*d = 0;
	do
		*--d = (char)('0' + v % 10);
	while (v /= 10);
	say(d);
}
