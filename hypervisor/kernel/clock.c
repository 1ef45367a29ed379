// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/clock.h"

#include "arch/cpu.h"
#include "kernel/apic.h"
#include "kernel/console.h"
#include "lib/math.h"

uint64_t tsc_khz, apic_per_tsc;

unsigned clock_sample(struct clock_sample *best, uint64_t *longest)
{
	*best = (struct clock_sample){ .tsc = ~0ull };
	*longest = 0;
	for (unsigned n = 0; n < CLOCK_SAMPLES; n++) {
		struct clock_sample s;

		apic_sample(&s);
		uint64_t apart = MAX(s.tsc, best->tsc) - MIN(s.tsc, best->tsc);
		bool agree = n && apart <= best->tsc >> 10;

		*longest = MAX(*longest, s.tsc);
		if (s.tsc < best->tsc)
			*best = s;
		if (agree)
			return n + 1;
	}
	return 0;
}

void clock_calibrate(void)
{
	struct clock_sample s;
	uint64_t longest;
	uint32_t r[4];
	bool unsure = !clock_sample(&s, &longest);

	/* leaf 0x15 (SDM 2A): core crystal clock and its ratio to the TSC */
	cpuid_if_there(0x15, 0, r);
	tsc_khz = r[0] && r[1] && r[2] ? (uint64_t)r[2] * r[1] / r[0] / 1000 : 0;
	if (!tsc_khz && unsure)
		console_print("TSC: no two of %u samples agree: %lu to %lu MHz; time in guests may "
			      "be wrong",
			      CLOCK_SAMPLES, s.tsc / CLOCK_SAMPLE_MS / 1000,
			      longest / CLOCK_SAMPLE_MS / 1000);
	if (!tsc_khz)
		tsc_khz = s.tsc / CLOCK_SAMPLE_MS;
	apic_per_tsc = s.tsc ? ((uint64_t)s.apic << 32) / s.tsc : 1ull << 32;
}

uint64_t tsc_from_ns(uint64_t ns)
{
	return mul_div(ns, tsc_khz, 1000000);
}

uint64_t ns_from_tsc(uint64_t tsc)
{
	return mul_div(tsc, 1000000, tsc_khz);
}

void delay_us(unsigned us)
{
	uint64_t end = rdtsc() + tsc_from_ns(us * 1000ull);

	while (rdtsc() < end)
		cpu_relax();
}

static unsigned cmos(uint8_t index)
{
	outb(0x70, index);
	uint8_t bcd = inb(0x71);
	return (bcd >> 4) * 10u + (bcd & 15);
}

#define DAYS_TO_2000 10957 /* from 1970 */

/* Years of the 21st century. */
static uint64_t days(unsigned year, unsigned month, unsigned day)
{
	static const uint16_t before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };

	return DAYS_TO_2000 + year * 365 + (year + 3) / 4 + before[(month - 1) % 12] +
	       (year % 4 == 0 && month > 2) + day - 1;
}

uint64_t clock_boot_seconds(void)
{
	static uint64_t at_boot;

	if (!at_boot)
		at_boot = days(cmos(9), cmos(8), cmos(7)) * 86400 + cmos(4) * 3600 + cmos(2) * 60 +
			  cmos(0) - ns_from_tsc(rdtsc()) / 1000000000;
	return at_boot;
}
