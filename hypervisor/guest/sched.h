/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who runs on a physical CPU, and who pays for it. vCPUs are pinned. In each period of
 * SCHED_PERIOD_NS a vCPU may run for its share; those with time left come first, and one that wakes
 * up goes before one that runs on. What is left of a period is for whoever wants it, and free. A
 * vCPU alone on its CPU gets no ticks at all.
 *
 * The CPU's time is somebody's at every moment: of the vCPU that runs, of the one whose timer
 * fires, whose request is handled, whose work that was put off goes on, or for whose sake the
 * registers are exchanged. An interrupt is charged to what it was for, from its arrival on. Debt
 * stays: a vCPU that has had more than its share gets less in the periods that follow.
 */
#ifndef VENEER_SCHED_H
#define VENEER_SCHED_H

#include "kernel/charge.h"
#include "lib/types.h"

#define SCHED_PERIOD_NS 10000000

/* Of those in the mask that have come up, the one with the fewest vCPUs, or NULL. */
struct cpu *sched_choose_cpu(uint32_t allowed);
void sched_add(struct cpu *cpu, struct vcpu *v);
void sched_forget(const struct guest *g); /* it could not be made */
void sched_shares(struct cpu *cpu);	  /* divides the CPU, once its vCPUs are known */
uint64_t sched_ran(const struct vcpu *v); /* ticks so far, by anyone; a moment old */
void sched_run(struct cpu *cpu) __attribute__((noreturn));

#endif
