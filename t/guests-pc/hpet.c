// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The HPET (IA-PC HPET Specification 1.0a).
 * Attack: all timers at the highest rate, by level and by edge, in the place of the 8254 and on
 * lines of their own, while random values are written to random registers. Expected: edges that
 * come too fast are merged, the neighbour is not affected, and afterwards the timers are what they
 * were: the counter counts, and a timer fires once.
 */
#include "pc.h"

#define HPET	0xfed00000u
#define WRITES	6000
#define CONFIG	0x10
#define COUNTER 0xf0
#define TIMER_0 0x100

#define BURST	20 /* interrupts, lest on a slow machine there is time for nothing else */

static volatile uint32_t ticks, burst;

static uint32_t read32(uint32_t at)
{
	return *(volatile uint32_t *)(HPET + at);
}

static void write32(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)(HPET + at) = value;
}

void tick(void);
void tick(void)
{
	ticks++;
	if (++burst >= BURST)
		write32(CONFIG, 0);
	write32(0x20, ~0u);
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

__asm__("tick_entry: pushal; cld; call tick; popal; iretl");

static void set_gates(void)
{
	extern char tick_entry[];
	uint32_t at = (uint32_t)tick_entry;
	static const uint8_t init[][2] = { { 0x20, 0x11 }, { 0x21, 0x20 }, { 0x21, 4 }, { 0x21, 1 },
					   { 0xa0, 0x11 }, { 0xa1, 0x28 }, { 0xa1, 2 }, { 0xa1, 1 },
					   { 0x21, 0xfa }, { 0xa1, 0xf2 } };

	for (unsigned i = 0x20; i < 0x30; i++)
		idt[i] = (at & 0xffff) | 0x08 << 16 | 0x8e00ull << 32 | (uint64_t)(at >> 16) << 48;
	for (unsigned i = 0; i < sizeof(init) / sizeof(init[0]); i++)
		outb(init[i][0], init[i][1]);
}

static void stop(void)
{
	write32(CONFIG, 0);
	for (unsigned i = 0; i < 3; i++)
		write32(TIMER_0 + 32 * i, 0);
	write32(0x20, ~0u);
	write32(COUNTER, 0);
	write32(COUNTER + 4, 0);
}

/* Periodic, 1 tick: 10 ns. Each write to the comparator ends the effect of bit 6. */
static void set_fastest(unsigned timer, uint32_t config)
{
	uint32_t at = TIMER_0 + 32 * timer;

	write32(at, config | 0x4c);
	write32(at + 8, 100);
	write32(at, config | 0x4c);
	write32(at + 12, 0);
	write32(at + 8, 1);
}

static void storm(void)
{
	__asm__ volatile("sti");
	for (unsigned i = 0; i < WRITES; i++) {
		if (i % 200 == 0) {
			stop();
			burst = 0;
			set_fastest(0, 0);
			set_fastest(1, 10 << 9);
			set_fastest(2, 11 << 9 | 2);
			write32(CONFIG, 3);
		} else if (i % 200 > 100) {
			write32(noise() % 0x160 & ~3u, noise() % 4 ? noise() : noise() & 0x3f);
		} else {
			read32(noise() % 0x400 & ~3u);
		}
	}
	__asm__ volatile("cli");
}

static void once(void)
{
	stop();
	write32(TIMER_0, 0x104); /* on, 32 bits */
	write32(TIMER_0 + 8, 100000);
	__asm__ volatile("sti; nop; nop; cli");
	ticks = burst = 0;
	write32(CONFIG, 3);
	__asm__ volatile("sti; hlt; cli");
	expect(ticks == 1, "a timer fires once");
	expect(read32(COUNTER) >= 100000, "not before its time");
}

int guest_main(void)
{
	expect(read32(0) == 0x8086a201 && read32(4) == 10000000, "an HPET is there");
	set_gates();
	storm();
	expect(ticks > 10, "there were interrupts");
	say_number(ticks);
	say(" ticks\n");
	once();
	say("so much for the timers\n");
	return 0;
}
