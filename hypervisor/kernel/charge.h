/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accounting of a CPU's time: the part of the scheduler (guest/sched.c, which knows vCPUs and
 * shares) that timers and interrupts use.
 */
#pragma once

#include "lib/types.h"

/* Charges this CPU's time to v from now on; NULL: to nobody. */
void sched_charge(struct cpu *cpu, struct vcpu *v);

/* An interrupt has arrived: its time is charged to nobody until its purpose is known. */
void sched_interrupt(struct cpu *cpu);

/* Whether v has used up its share while another vCPU wants its CPU: work for v then waits for its
 * next turn. */
bool sched_must_wait(const struct vcpu *v);
