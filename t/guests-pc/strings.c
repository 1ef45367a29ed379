// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Four bytes of a string instruction are done in one exit.
 * Attack, with 4 KiB pages and a transmitter interrupt that goes through the I/O APIC and the 8259:
 * OUTS of line ends to the UART, where each costs most, and 32-bit INS, which reads four of its
 * registers.
 * Expected: no stay of the hypervisor above 10 000 instructions.
 */
#include "pc.h"

static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint32_t tables[4][1024] __attribute__((aligned(4096)));
static char text[8192] __attribute__((aligned(4096)));

static void out(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "d"(port));
}

int guest_main(void)
{
	for (unsigned i = 0; i < 1024; i++)
		directory[i] = i << 22 | 0xe7;
	for (unsigned i = 0; i < 4; i++) {
		directory[i] = (uint32_t)tables[i] | 0x67;
		for (unsigned j = 0; j < 1024; j++)
			tables[i][j] = i << 22 | j << 12 | 0x67;
	}
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = '\n';
	*(volatile uint32_t *)0xfec00000 = 0x10 + 8;
	*(volatile uint32_t *)0xfec00010 = 0x40;
	__asm__ volatile(
		"movl %%cr4, %%eax; orl $0x10, %%eax; movl %%eax, %%cr4; movl %0, %%cr3; movl "
		"%%cr0, %%eax; orl $0x80000000, %%eax; movl %%eax, %%cr0" ::"r"(directory)
		: "eax", "memory");
	out(0x3f9, 2);
	out(0x3fc, 8);
	for (unsigned n = 0; n < 100; n++) {
		const char *at = text + 4096 - 2; /* in two pages */
		uint32_t count = 4;

		__asm__ volatile("cld; rep outsb"
				 : "+S"(at), "+c"(count)
				 : "d"((uint16_t)0x3f8)
				 : "memory");
		count = 4;
		at = text + 4096 - 2;
		__asm__ volatile("rep insl"
				 : "+D"(at), "+c"(count)
				 : "d"((uint16_t)0x3f8)
				 : "memory");
	}
	out(0x3f9, 0);
	say("\nwell so far\n");
	return 0;
}
