/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who runs on a physical CPU. vCPUs are pinned. In each period of SCHED_PERIOD_NS a vCPU may run
 * for its share; those with time left come first, and one that wakes up goes before one that runs
 * on; when all have used theirs, a new period starts. A vCPU alone on its CPU gets no ticks at all.
 */
#ifndef VENEER_SCHED_H
#define VENEER_SCHED_H

#include "core/types.h"

struct cpu;
struct vcpu;

#define SCHED_PERIOD_NS 10000000

struct cpu *sched_choose_cpu(uint32_t allowed); /* a mask; the one with the fewest vCPUs, or NULL */
void sched_add(struct cpu *cpu, struct vcpu *v);
void sched_shares(struct cpu *cpu);	  /* divides the CPU, once its vCPUs are known */
uint64_t sched_ran(const struct vcpu *v); /* ticks so far, by anyone; a moment old */
void sched_run(struct cpu *cpu) __attribute__((noreturn));

#endif
