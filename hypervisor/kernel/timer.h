/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of a physical CPU: a short sorted list of absolute TSC values behind the one APIC timer.
 *
 * The owner of a timer is the vCPU it works for; firing it is charged to the owner. While others
 * want the CPU, timers of an owner that has used up its share are deferred to its next turn.
 */
#pragma once

#include "lib/types.h"

struct timer {
	uint64_t deadline; /* TSC */
	void (*fire)(struct timer *t);
	struct vcpu *owner; /* charged for it; NULL: the hypervisor itself */
	struct timer *next;
	bool armed;
};

/* All on the CPU's own timer list, from that CPU. Setting an armed timer moves it. */
void timer_set(struct cpu *cpu, struct timer *t, uint64_t deadline);
void timer_cancel(struct cpu *cpu, struct timer *t);

/* Fires what is due, a bounded number at a time; false: more is due. */
bool timers_run(struct cpu *cpu);

/* A new turn has begun: deferred timers are due again. */
void timers_resume(struct cpu *cpu);
