// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/timer.h"

#include "arch/cpu.h"
#include "kernel/cpu.h"

static bool remove_from(struct timer **at, const struct timer *t)
{
	for (; *at; at = &(*at)->next)
		if (*at == t) {
			*at = t->next;
			return true;
		}
	return false;
}

void timer_cancel(struct cpu *cpu, struct timer *t)
{
	if (!t->armed)
		return;
	if (!remove_from(&cpu->timers, t))
		remove_from(&cpu->timers_put_off, t);
	t->armed = false;
	cpu->timer_changed = true;
}

void timer_set(struct cpu *cpu, struct timer *t, uint64_t deadline)
{
	struct timer **at = &cpu->timers;

	timer_cancel(cpu, t);
	while (*at && (*at)->deadline <= deadline)
		at = &(*at)->next;
	t->deadline = deadline;
	t->next = *at;
	*at = t;
	t->armed = true;
	cpu->timer_changed = true;
}

#define TIMERS_AT_ONCE 1 /* each may print: two are a stay of 10 000 */

bool timers_run(struct cpu *cpu)
{
	uint64_t now = rdtsc();

	for (unsigned n = 0; cpu->timers && cpu->timers->deadline <= now; n++) {
		struct timer *t = cpu->timers;

		if (n == TIMERS_AT_ONCE)
			return false;
		cpu->timers = t->next;
		cpu->timer_changed = true;
		if (t->owner && sched_must_wait(t->owner)) {
			t->next = cpu->timers_put_off;
			cpu->timers_put_off = t;
			continue;
		}
		t->armed = false;
		sched_charge(cpu, t->owner);
		t->fire(t);
	}
	return true;
}

void timers_resume(struct cpu *cpu)
{
	struct timer *t;

	while ((t = cpu->timers_put_off))
		timer_set(cpu, t, t->deadline);
}
