// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory-mapped registers of devices, and addresses with no device (XSA-123, 195, 200).
 * Attack: random values for every byte of the APICs' pages and those next to them, with every width
 * and alignment, across page boundaries, by each kind of instruction that is emulated, from code
 * that crosses a page boundary; with another operand in memory, in a device or in nothing.
 * Expected: all ones where there is no device; only the registers keep values; others are not
 * affected. At last an instruction that is not emulated ends the guest.
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
	static const uint32_t hole[] = { 0xfed40000, 0xfeb00000, 0xe0000000, 0xfffffff0,
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

#define HOLE 0xfed40000u

/* One of each kind, to a register that keeps 24 bits without effect: the logical destination. */
static void kinds(void)
{
	uint32_t at = LAPIC + 0xd0, old = 0x11000000, word, *from = &word, count = 2;
	uint8_t zero;

	write32(at, 0xf0000000);
	__asm__ volatile("orl $0x0f000000, (%0)" ::"r"(at) : "memory");
	expect(read32(at) == 0xff000000, "OR");
	__asm__ volatile("addl $0x02000000, (%1); setc %0" : "=q"(zero) : "r"(at) : "memory");
	expect(read32(at) == 0x01000000 && zero, "ADD, with its carry");
	__asm__ volatile("lock xaddl %0, (%1)" : "+r"(old) : "r"(at) : "memory");
	expect(old == 0x01000000 && read32(at) == 0x12000000, "XADD");
	__asm__ volatile("btrl %1, (%0)" ::"r"(at - 4), "r"(32 + 25) : "memory");
	expect(read32(at) == 0x10000000, "BTR, with a bit beyond the operand");
	__asm__ volatile("testl $0x10000000, (%1); setz %0" : "=q"(zero) : "r"(at));
	expect(!zero, "TEST");
	__asm__ volatile("pushl (%1); popl %0" : "=r"(word) : "r"(at));
	expect(word == 0x10000000, "PUSH");
	word = 0x20000000;
	__asm__ volatile("movsl" : "+S"(from), "+D"(at) : : "memory");
	expect(read32(LAPIC + 0xd0) == 0x20000000 && at == LAPIC + 0xd4, "MOVS from memory");
	from = &word;
	word = 0;
	at = LAPIC + 0xd0;
	__asm__ volatile("movsl" : "+S"(at), "+D"(from) : : "memory");
	expect(word == 0x20000000, "MOVS to memory");
	at = HOLE;
	__asm__ volatile("rep stosl" : "+D"(at), "+c"(count) : "a"(0) : "memory");
	expect(at == HOLE + 8 && !count, "REP STOS to nothing");
	at = HOLE;
	count = 4;
	__asm__ volatile("repe scasb; setz %2" : "+D"(at), "+c"(count), "=q"(zero) : "a"(0));
	expect(at == HOLE + 1 && count == 3 && !zero, "REPE SCAS ends at a difference");
}

/* The other operand: MMIO as well, or a page that is not there; and the stack in the device. */
static void both_ends(void)
{
	uint32_t from = LAPIC + 0x30, to = LAPIC + 0xd0;

	__asm__ volatile("movsl" : "+S"(from), "+D"(to) : : "memory");
	expect(read32(LAPIC + 0xd0) == 0x00000000,
	       "the version's highest byte, from device to device");
	__asm__ volatile(
		"mov %%esp, %%esi; mov %0, %%esp; pushl %1; mov %%esi, %%esp" ::"i"(LAPIC + 0xd4),
		"m"(*(volatile uint32_t *)HOLE)
		: "esi", "memory");
	expect(read32(LAPIC + 0xd0) == 0xff000000, "a PUSH from nothing to a device");
}

/* Random MMIO. Interrupts are masked, but NMIs are not, so it avoids registers by which this vCPU
 * could get one. */
static void storm(void)
{
	static const uint32_t page[] = { LAPIC - 4096, LAPIC, LAPIC + 4096, IOAPIC - 4096, IOAPIC };

	__asm__ volatile("cli");
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t at = page[noise() % 5] + noise() % 4096, value = noise();

		switch (noise() % 12) {
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
		case 7:
			__asm__ volatile("lock xorl %1, (%0)" ::"r"(at), "r"(value) : "memory");
			break;
		case 8: __asm__ volatile("adcw %w1, (%0)" ::"r"(at), "r"(value) : "memory"); break;
		case 9:
			__asm__ volatile("btsl %1, (%0)" ::"r"(at), "r"(value & 0xff) : "memory");
			break;
		case 10:
			__asm__ volatile("cmpxchgb %b1, (%0)" ::"r"(at), "q"(value)
					 : "eax", "memory");
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
	kinds();
	both_ends();
	edges();
	storm();
	say(failures ? "NOT WELL" : "well");
	say(" so far; now what is not emulated\n");
	__asm__ volatile("shll (%0)" ::"r"(HOLE) : "memory");
	return 1;
}
