// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/timer.h"

#include "core/cpu.h"
#include "x86/cpu.h"

void timer_cancel(struct cpu *cpu, struct timer *t)
{
	if (!t->armed)
		return;
	for (struct timer **at = &cpu->timers; *at; at = &(*at)->next)
		if (*at == t) {
			*at = t->next;
			break;
		}
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

void timers_run(struct cpu *cpu)
{
	uint64_t now = rdtsc();

	while (cpu->timers && cpu->timers->deadline <= now) {
		struct timer *t = cpu->timers;

		cpu->timers = t->next;
		t->armed = false;
		cpu->timer_changed = true;
		t->fire(t);
	}
}
