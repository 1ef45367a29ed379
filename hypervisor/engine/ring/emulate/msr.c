// SPDX-License-Identifier: GPL-2.0-or-later
/* Model-specific registers. */
#include "arch/cpu.h"
#include "engine/ring/emulate/emulate.h"
#include "guest/speculation.h"

/* A PV kernel has hypercalls for all but what is against speculation. */
enum outcome emulate_rdmsr(struct vcpu *v, UNUSED const struct insn *i)
{
	uint32_t msr = (uint32_t)v->regs->rcx;
	bool pv = !v->guest->board;
	uint64_t value;

	if (!pv && msr == MSR_TSC)
		value = rdtsc();
	else if (!pv && msr == MSR_EFER)
		value = v->legacy.efer;
	else if (!speculation_rdmsr(v, msr, &value))
		return REFUSE;
	v->regs->rax = (uint32_t)value;
	v->regs->rdx = value >> 32;
	return DONE;
}

enum outcome emulate_wrmsr(struct vcpu *v, UNUSED const struct insn *i)
{
	uint64_t value = (uint32_t)v->regs->rax | v->regs->rdx << 32;

	if (speculation_wrmsr(v, (uint32_t)v->regs->rcx, value))
		return DONE;
	if (!v->guest->board || (uint32_t)v->regs->rcx != MSR_EFER || (value & ~(uint64_t)EFER_NXE))
		return REFUSE;
	v->legacy.efer = value;
	if (v->legacy.cr0 & CR0_PG)
		ring_paging_changed(v);
	return DONE;
}
