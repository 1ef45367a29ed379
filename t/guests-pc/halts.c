// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All processors halt with interrupts masked.
 * Attack: the other one halts, then this one, with an interrupt of the 8254 pending and more to
 * come. Nothing is left that could end the halts.
 * Expected: that is a crash, whatever the kernel has said before; no interrupt ends a halt that
 * masks it.
 */
#include "pc.h"

static void lapic(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)(0xfee00000 + at) = value;
}

static volatile uint16_t *const began = (volatile uint16_t *)0x7000, *const woke = began + 1;

/* The other processor: counts in memory, halts, and counts again if it is woken. */
static void start_other(void)
{
	static const uint8_t code[] = { 0xfa, 0x31, 0xc0, 0x8e,
					0xd8, /* cli; xor %ax, %ax; mov %ax, %ds */
					0xff, 0x06, 0x00, 0x70, /* incw 0x7000 */
					0xf4, 0xff, 0x06, 0x02,
					0x70, /* hlt; incw 0x7002 */
					0xeb, 0xf9 };

	for (unsigned i = 0; i < sizeof(code); i++)
		((volatile uint8_t *)0x8000)[i] = code[i];
	*began = *woke = 0;
	lapic(0x300, 0xc4500);
	lapic(0x300, 0xc4608);
	for (unsigned i = 0; i < 20000 && !*began; i++)
		inb(0x61);
}

int guest_main(void)
{
	__asm__ volatile("cli");
	start_other();
	outb(0x43, 0x34);
	outb(0x40, 0xff);
	outb(0x40, 0x03); /* 1 165 Hz */
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 0x04);
	outb(0x21, 0x01);
	outb(0x21, 0xfe);
	expect(!*woke, "the other processor is still halted");
	say("well so far: ");
	say_number(*began);
	say(" other\n");
	__asm__ volatile("hlt");
	say("NOT WELL: woken\n");
	return 1;
}
