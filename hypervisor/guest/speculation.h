/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measures against speculative execution attacks by guests. README.md lists the classes of attacks
 * and their measures.
 */
#pragma once

#include "load/config.h"

/* Chooses the measures for this processor, patches the code, and prints a line. Called before other
 * CPUs start and before the first guest runs. */
void speculation_init(const struct config *c);

/* Prints a line for each pair of hardware threads of one core that run different guests. */
void speculation_warn_of_threads(void);

/* Called when v's turn begins on this CPU, after another vCPU may have run. */
void speculation_switch(struct cpu *cpu, const struct vcpu *v);

/* A guest's SPEC_CTRL, PRED_CMD and filtered ARCH_CAPABILITIES. False: no such register, or an
 * invalid value. */
bool speculation_rdmsr(const struct vcpu *v, uint32_t msr, uint64_t *value);
bool speculation_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);

/* For CPUID: the bits of leaf 7's EDX and of leaf 0x80000008's EBX that report them. */
uint32_t speculation_edx7(void);
uint32_t speculation_ebx8(void);
