// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/clock.h"

#include "arch/cpu.h"
#include "kernel/apic.h"
#include "kernel/console.h"
#include "lib/math.h"

static uint64_t khz; /* of the TSC */
uint64_t apic_per_tsc;

unsigned clock_sample(struct clock_sample *best, uint64_t *longest)
{
	*best = (struct clock_sample){ .tsc = ~0ull };
	*longest = 0;
	for (unsigned n = 0; n < CLOCK_SAMPLES - 1; n++) {
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
	return CLOCK_SAMPLES;
}

/* CPUID leaf 0x15 (SDM 2A): core crystal clock and its ratio to the TSC. */
static uint64_t tsc_khz_by_cpuid(void)
{
	uint32_t r[4];

	cpuid_if_there(0x15, 0, r);
	return r[0] && r[1] && r[2] ? (uint64_t)r[2] * r[1] / r[0] / 1000 : 0;
}

void clock_calibrate(void)
{
	struct clock_sample s;
	uint64_t longest;
	bool unsure = clock_sample(&s, &longest) == CLOCK_SAMPLES;

	khz = tsc_khz_by_cpuid();
	if (!khz && unsure)
		console_print("TSC: no two of %u samples agree: %lu to %lu MHz; time in guests may "
			      "be wrong",
			      CLOCK_SAMPLES - 1, s.tsc / 10000, longest / 10000);
	if (!khz)
		khz = s.tsc / 10;
	apic_per_tsc = s.tsc ? ((uint64_t)s.apic << 32) / s.tsc : 1ull << 32;
}

uint64_t tsc_khz(void)
{
	return khz;
}

uint64_t tsc_from_ns(uint64_t ns)
{
	return mul_div(ns, khz, 1000000);
}

uint64_t ns_from_tsc(uint64_t tsc)
{
	return mul_div(tsc, 1000000, khz);
}

void delay_us(unsigned us)
{
	uint64_t end = rdtsc() + tsc_from_ns(us * 1000ull);

	while (rdtsc() < end)
		cpu_relax();
}
