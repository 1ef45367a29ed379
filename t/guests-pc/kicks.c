// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unlimited kicks. A vCPU on one core interrupts another of this guest on the neighbour's core, in
 * every way there is: interrupts, INIT and startup IPIs through the local APIC, interrupts through
 * the I/O APIC, and device timers. The other first is not started, then starts and halts. Each
 * attempt kicked the neighbour's core, which had seventy times as many exits.
 * Expected: what is already on its way is not sent again, and what arrives is charged to the vCPU
 * that gets it. Runs with `vcpus = 2`, `cpus = 0-1`, in a virtual machine, the neighbour on core 1.
 */
#include "pc.h"

#define LAPIC	 0xfee00000u
#define ICR	 (LAPIC + 0x300)
#define IOAPIC	 0xfec00000u
#define AP_START 0x8000u
#define TIMES	 2000

static void write32(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

static void route(unsigned pin, uint32_t low)
{
	write32(IOAPIC, 0x11 + 2 * pin);
	write32(IOAPIC + 0x10, 1u << 24);
	write32(IOAPIC, 0x10 + 2 * pin);
	write32(IOAPIC + 0x10, low);
}

static void storm(void)
{
	for (unsigned i = 0; i < TIMES; i++) {
		write32(ICR, 0xc4000 | (0x30 + i % 128)); /* fixed, to all others */
		write32(ICR, 0xc4500);			  /* INIT */
		write32(ICR, 0xc4600 | AP_START >> 12);	  /* startup */
		outb(0x43, 0x34);			  /* the 8254 */
		outb(0x40, 0);
		outb(0x40, 1);
		route(4, 0x8030); /* COM1, level */
	}
}

int guest_main(void)
{
	static const uint8_t halt[] = { 0xfa, 0xf4, 0xeb, 0xfc };

	for (unsigned i = 0; i < sizeof(halt); i++)
		((volatile uint8_t *)AP_START)[i] = halt[i];
	write32(LAPIC + 0xf0, 0x1ff);
	say("going\n");
	storm();
	return 0;
}
