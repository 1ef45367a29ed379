// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Port I/O (XSA-123, 195, 200).
 * Attack: every port with every width, REP with DF set, strings that cross the end of memory,
 * random values to every device for a long time.
 * Expected: all ones where there is no device, and faults in the guest; nothing else.
 */
#include "pc.h"

/* Ports to leave out: those that end or restart the guest, and the console, which would print
 * garbage. */
static bool spare(uint16_t port)
{
	return port == 0xf4 || port == 0x64 || port == 0x60 || port == 0x92 || port == 0xcf9 ||
	       port == 0xcf8 || (port >= 0x600 && port < 0x608) || (port >= 0x3f8 && port < 0x400);
}

static bool spare_wide(uint16_t port)
{
	return spare(port) || spare((uint16_t)(port + 1)) || spare((uint16_t)(port + 2)) ||
	       spare((uint16_t)(port + 3));
}

static void every_port(void)
{
	unsigned all_ones = 0;

	for (uint32_t port = 0; port < 0x10000; port += port < 0x400 ? 1 : 61) {
		uint32_t v = 0;

		if (spare_wide((uint16_t)port))
			continue;
		__asm__ volatile(
			"outb %%al, %%dx; outw %%ax, %%dx; outl %%eax, %%dx" ::"a"(noise()),
			"d"(port));
		__asm__ volatile("inb %%dx, %%al; inw %%dx, %%ax; inl %%dx, %%eax"
				 : "=a"(v)
				 : "d"(port));
		all_ones += v == 0xffffffff;
	}
	expect(all_ones > 1000, "empty ports read as ones");
}

static void string_in(uint32_t at)
{
	uint32_t count = 600;

	__asm__ volatile("rep insl" : "+D"(at), "+c"(count) : "d"(0x5000) : "memory");
}

static void string_out_down(uint32_t at)
{
	uint32_t count = 2000;

	__asm__ volatile("std; rep outsw; cld" : "+S"(at), "+c"(count) : "d"(0x5000));
}

static void strings(void)
{
	static uint32_t buffer[600];

	string_in((uint32_t)buffer);
	expect(buffer[0] == 0xffffffff && buffer[599] == 0xffffffff, "REP INS fills the buffer");
	expect(attempt(string_out_down, 0x100000) == -1, "REP OUTS goes downwards with DF set");
}

static void devices(void)
{
	static const uint16_t port[] = { 0x20,	0x21,  0xa0,  0xa1,  0x40,  0x41,  0x42,
					 0x43,	0x61,  0x70,  0x71,  0x3c0, 0x3c4, 0x3c5,
					 0x3c8, 0x3c9, 0x3d4, 0x3d5, 0x4d0, 0x4d1, 0x3f9,
					 0x3fa, 0x3fb, 0x3fd, 0x3fe };

	__asm__ volatile("cli"); /* the random values unmask lines and start timers */
	for (unsigned i = 0; i < 8000; i++) {
		uint16_t p = port[noise() % (sizeof(port) / sizeof(port[0]))];
		uint32_t v;

		if (noise() % 2)
			__asm__ volatile("outb %%al, %%dx" ::"a"(noise()), "d"(p));
		else
			__asm__ volatile("inb %%dx, %%al" : "=a"(v) : "d"(p));
	}
	/* restore the UART, so that output works */
	__asm__ volatile("outb %%al, %%dx" ::"a"(3), "d"(0x3fb));
	__asm__ volatile("outb %%al, %%dx" ::"a"(0), "d"(0x3fc));
}

int guest_main(void)
{
	every_port();
	strings();
	devices();
	return 0;
}
