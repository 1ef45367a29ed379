/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who runs on a physical CPU, and who pays for it. vCPUs are pinned. In each period of
 * SCHED_PERIOD_NS a vCPU may run for its share; those with time left come first, and one that wakes
 * up goes before one that runs on. The rest of a period is free for any vCPU. A vCPU alone on its
 * CPU gets no ticks at all.
 *
 * All time of the CPU is charged: to the vCPU that runs, whose timer fires, whose request is
 * handled, whose deferred work continues, or on whose behalf registers are switched. An interrupt
 * is charged, from its arrival on, to the vCPU that it is for. Debt is carried over: a vCPU that
 * has exceeded its share gets less in the periods that follow.
 */
#pragma once

#include "lib/types.h"

#define SCHED_PERIOD_NS 10000000

/* The running CPU in the mask with the fewest vCPUs, or NULL. */
struct cpu *sched_choose_cpu(uint32_t allowed);
void sched_add(struct cpu *cpu, struct vcpu *v);
void sched_forget(const struct guest *g); /* it could not be made */
void sched_shares(struct cpu *cpu);	  /* divides the CPU, once its vCPUs are known */
uint64_t sched_ran(const struct vcpu *v); /* ticks so far, by anyone; a moment old */
void sched_run(struct cpu *cpu) __attribute__((noreturn));
