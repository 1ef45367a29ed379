/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose a CPU's time is: what timers and interrupts want of the scheduler (guest/sched.c), which
 * knows vCPUs and their shares.
 */
#ifndef VENEER_CHARGE_H
#define VENEER_CHARGE_H

#include "lib/types.h"

/* From now on this CPU's time is v's; NULL: nobody's. */
void sched_charge(struct cpu *cpu, struct vcpu *v);

/* An interrupt has come: its time is nobody's until it is known what it was for. */
void sched_interrupt(struct cpu *cpu);

/* Whether v has used up its share while another vCPU of its CPU wants to run: what is done for it
 * waits for its next turn. */
bool sched_must_wait(const struct vcpu *v);

#endif
