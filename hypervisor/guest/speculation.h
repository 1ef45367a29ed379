/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is done against guests that learn from what a processor does ahead of time. README.md has
 * the classes of such attacks, and which measure is for which of them.
 */
#ifndef VENEER_SPECULATION_H
#define VENEER_SPECULATION_H

#include "lib/types.h"
#include "load/config.h"

/* Chooses the measures for this processor, puts them into the code, and prints a line. Before other
 * CPUs start, and before the first guest runs. */
void speculation_init(const struct config *c);

/* A line for each two cores that are one to the attacks, if they run different guests. */
void speculation_warn_of_threads(void);

/* v's turn has come on this CPU, on which another may have run. */
void speculation_switch(struct cpu *cpu, const struct vcpu *v);

/* A guest's SPEC_CTRL and PRED_CMD, and what it may see of ARCH_CAPABILITIES. False: there is no
 * such register, or no such value for it. */
bool speculation_rdmsr(const struct vcpu *v, uint32_t msr, uint64_t *value);
bool speculation_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);

/* For CPUID: the bits of leaf 7's EDX and of leaf 0x80000008's EBX that tell of them. */
uint32_t speculation_edx7(void);
uint32_t speculation_ebx8(void);

#endif
