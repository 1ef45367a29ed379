// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory-mapped registers of devices, and addresses with no device (XSA-123, 195, 200).
 * Attack: random values for every byte of the APICs' pages and those next to them, with every width
 * and alignment, across page boundaries, by every form of MOV that is emulated, from code that
 * crosses a page boundary and changes under the emulator.
 * Expected: all ones where there is no device; only the registers keep values; others are not
 * affected. At last an instruction that is not emulated ends the guest. Runs in a virtual machine.
 */
#include "pc.h"

#define LAPIC  0xfee00000u
#define IOAPIC 0xfec00000u

static uint32_t read32(uint32_t at)
{
	return *(volatile uint32_t *)at;
}

static void write32(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

static void nobody(void)
{
	static const uint32_t hole[] = { 0xfed00000, 0xfeb00000, 0xe0000000, 0xfffffff0,
					 0xfee01000, 0xfec01000, 0xc0000000 };

	for (unsigned i = 0; i < sizeof(hole) / sizeof(hole[0]); i++) {
		write32(hole[i], noise());
		expect(read32(hole[i]) == ~0u, "an address without a device reads as all ones");
		expect(*(volatile uint8_t *)(hole[i] + 1) == 0xff &&
			       *(volatile uint16_t *)(hole[i] + 2) == 0xffff,
		       "with every width");
	}
}

static void registers(void)
{
	expect((read32(LAPIC + 0x30) & 0xff) == 0x14, "the local APIC is there");
	write32(LAPIC + 0x80, 0x123456f0);
	expect(read32(LAPIC + 0x80) == 0xf0, "a priority has eight bits");
	write32(LAPIC + 0x80, 0);
	write32(IOAPIC, 0x10);
	write32(IOAPIC + 0x10, ~0u);
	expect(read32(IOAPIC + 0x10) == 0x1afff, "a redirection entry has its bits");
	write32(IOAPIC + 0x10, 0x10000);
}

/* Random MMIO. Interrupts are masked, but NMIs are not, so it avoids registers by which this vCPU
 * could get one. */
static void storm(void)
{
	static const uint32_t page[] = { LAPIC - 4096, LAPIC, LAPIC + 4096, IOAPIC - 4096, IOAPIC };

	__asm__ volatile("cli");
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t at = page[noise() % 5] + noise() % 4096, value = noise();

		switch (noise() % 8) {
		case 0: *(volatile uint8_t *)at = (uint8_t)value; break;
		case 1: *(volatile uint16_t *)at = (uint16_t)value; break;
		case 2: (void)*(volatile uint8_t *)at; break;
		case 3: (void)*(volatile uint16_t *)at; break;
		case 4: (void)*(volatile uint32_t *)at; break;
		case 5: write32(at & ~3u, value); break;
		case 6:
			__asm__ volatile(
				"movzbl (%0), %%eax; movswl (%0), %%ecx; movb (%0), %%bh" ::"r"(at)
				: "eax", "ecx", "ebx");
			break;
		default: write32(at, value);
		}
	}
	write32(LAPIC + 0xf0, 0xff); /* off */
}

static uint8_t pages[3 * 4096] __attribute__((aligned(4096)));

/* movl (%eax), %eax; ret across a page boundary, with every prefix that is allowed there. */
static void edges(void)
{
	static const uint8_t prefix[] = { 0x2e, 0x3e, 0x36, 0x26, 0x64, 0x65 };

	for (unsigned before = 0; before < 4; before++)
		for (unsigned n = 0; n < 13; n++) {
			uint8_t *code = pages + 4096 - before - (n > before ? 0 : n);
			unsigned p = 0;
			uint32_t got;

			for (; p < n; p++)
				code[p] = prefix[n % sizeof(prefix)];
			code[p] = 0x8b;
			code[p + 1] = 0x00;
			code[p + 2] = 0xc3;
			__asm__ volatile("call *%1" : "=a"(got) : "r"(code), "0"(LAPIC + 0x30));
			expect((got & 0xff) == 0x14, "a move with prefixes, over a page's edge");
		}
}

int guest_main(void)
{
	nobody();
	registers();
	edges();
	storm();
	say(failures ? "NOT WELL" : "well");
	say(" so far; now what is not emulated\n");
	__asm__ volatile("lock xaddl %%eax, (%0)" ::"r"(0xfed00000) : "eax", "memory");
	return 1;
}
