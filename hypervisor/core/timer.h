/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers of a physical CPU: a short sorted list of absolute TSC values behind the one APIC timer.
 */
#ifndef VENEER_TIMER_H
#define VENEER_TIMER_H

#include "core/types.h"

struct cpu;

struct timer {
	uint64_t deadline; /* TSC */
	void (*fire)(struct timer *t);
	struct timer *next;
	bool armed;
};

/* All on the CPU's own timer list, from that CPU. Setting an armed timer moves it. */
void timer_set(struct cpu *cpu, struct timer *t, uint64_t deadline);
void timer_cancel(struct cpu *cpu, struct timer *t);
void timers_run(struct cpu *cpu);

#endif
