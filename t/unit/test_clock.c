// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TSC calibration on a host that sometimes preempts the processor, which makes a sample longer,
 * never shorter. Such a sample must not be used.
 */
#include "arch/cpu.h"
#include "kernel/apic.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "tap.h"

#define TRUE_TICKS 25960000ull

static const uint64_t *next;

void apic_sample(struct clock_sample *s)
{
	s->tsc = *next++;
	s->apic = (uint32_t)(s->tsc / 25);
}

/* Takes as many of these samples as the code wants; returns how many it took. */
static unsigned sample(const uint64_t *ticks, struct clock_sample *best, uint64_t *longest)
{
	next = ticks;
	return clock_sample(best, longest);
}

int main(void)
{
	static const uint64_t quiet[] = { TRUE_TICKS, TRUE_TICKS + 100 };
	static const uint64_t late[] = { 237130000, TRUE_TICKS + 5000, TRUE_TICKS };
	static const uint64_t equal_and_late[] = { 30000000, 237130000, TRUE_TICKS, 30001000,
						   TRUE_TICKS + 1 };
	static uint64_t wide[CLOCK_SAMPLES];
	struct clock_sample s;
	uint64_t longest;

	ok(sample(quiet, &s, &longest) == 2 && s.tsc == TRUE_TICKS, "two that agree are enough");
	is(s.apic, TRUE_TICKS / 25, "the APIC timer's ticks are of the same sample");
	ok(sample(late, &s, &longest) == 3 && s.tsc == TRUE_TICKS, "a long one is not believed");
	is(longest, 237130000, "a long one is reported");
	ok(sample(equal_and_late, &s, &longest) == 5 && s.tsc == TRUE_TICKS,
	   "two long ones with a shorter between are not believed");
	for (unsigned i = 0; i < CLOCK_SAMPLES; i++)
		wide[i] = TRUE_TICKS + (CLOCK_SAMPLES - i) * 1000000;
	ok(!sample(wide, &s, &longest) && s.tsc == wide[CLOCK_SAMPLES - 1],
	   "none agree: the shortest is used, and that is reported");
	return done_testing();
}

uint64_t rdtsc(void)
{
	return 0;
}
void console_print_list(bool more, const char *fmt, ...)
{
	(void)more;
	(void)fmt;
}
