// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Functions and returns at addresses that differ by multiples of 64 KiB, as those of a large kernel
 * do: in the table by which translated code jumps they share an entry. Each must be found without
 * an exit, whichever was found last.
 */
#include "pc.h"

#define PLACES	 5
#define DISTANCE 65536
#define ROUNDS	 4000

static uint8_t area[PLACES * DISTANCE] __attribute__((aligned(4096)));

/* lea (%eax, %eax, 2), %eax; call *%edx; add $place, %eax; ret. What EDX leads to: ret. */
static void put(unsigned place)
{
	const uint8_t code[] = { 0x8d,		 0x04, 0x40, 0xff, 0xd2, 0x05,
				 (uint8_t)place, 0,    0,    0,	   0xc3, 0xc3 };

	for (unsigned i = 0; i < sizeof(code); i++)
		area[place * DISTANCE + i] = code[i];
}

int guest_main(void)
{
	uint32_t sum = 1;

	for (unsigned i = 0; i < PLACES; i++)
		put(i);
	for (unsigned i = 0; i < ROUNDS * PLACES; i++) {
		uint32_t at = (uint32_t)area + i % PLACES * DISTANCE;

		__asm__ volatile("call *%1" : "+a"(sum) : "c"(at), "d"(at + 11) : "memory", "cc");
	}
	say("well: ");
	say_number(sum);
	say("\n");
	return 0;
}
