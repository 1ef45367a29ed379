// SPDX-License-Identifier: GPL-2.0-or-later
/* Handling of exits that VT-x and AMD-V share. */
#include "engine/hvm/hvm.h"

#include "pc/msr.h"

void hvm_skip(struct vcpu *v, unsigned length)
{
	struct regs *r = v->regs;

	r->rip += length;
	if (r->rip >> 32 && !hvm_in_code64(v))
		r->rip = (uint32_t)r->rip;
	hvm_vendor->end_shadow(v);
}

void hvm_finish(struct vcpu *v, bool allowed, unsigned length)
{
	if (allowed)
		hvm_skip(v, length);
	else
		hvm_exception(v, VECTOR_GP, 0);
}

unsigned hvm_fetch(struct vcpu *v, uint8_t *code)
{
	bool code64 = hvm_in_code64(v);
	uint64_t at = code64 ? v->regs->rip : (uint32_t)(v->regs->rip + hvm_segment_base(v, 1));

	hvm_paging(v);
	return operand_fetch(v, at, code);
}

void hvm_outside(struct vcpu *v, const struct board_access *a, bool operand)
{
	const struct board *b = v->guest->board;
	unsigned length;

	switch (b && operand ? b->outside(v, a, &length) : INVALID) {
	case DONE: hvm_skip(v, length); break;
	case INVALID:
		guest_crash(v->guest,
			    "access to guest-physical address %lx, which is outside its memory",
			    a->at.v);
		break;
	default: break;
	}
}

bool hvm_decode(struct vcpu *v, struct insn *i)
{
	uint8_t code[INSN_BYTES];
	unsigned bytes = hvm_fetch(v, code);

	return bytes && !insn_decode(code, bytes, hvm_in_code64(v), i);
}

/* Whether the hypervisor itself must handle a PV guest's exception. */
static bool pv_exception(struct vcpu *v, unsigned vector, int64_t error, uint64_t detail)
{
	if (vector == VECTOR_GP && v->io_bitmap && hvm_pv_port(v))
		return true;
	if (vector == VECTOR_DB && hvm_pv_in_gate(v->regs->rip)) {
		v->regs->rflags |= FLAGS_RF; /* steps and breakpoints are for guests */
		return true;
	}
	if (!v->handlers.exception[vector]) {
		guest_crash(v->guest, "exception %u (error %lx) with no handler", vector,
			    (uint64_t)error);
		return true;
	}
	if (vector == VECTOR_DB)
		v->dr6 = (detail & DR6_STATUS) | DR6_FIXED;
	return false;
}

void hvm_intercepted(struct vcpu *v, unsigned vector, int64_t error, uint64_t detail)
{
	if (vector == VECTOR_MC) {
		__asm__ volatile("int $18"); /* the machine's: AMD APM 2, 15.12.16 */
		return;
	}
	if ((vector == VECTOR_DB || vector == VECTOR_GP) && vcpu_trapped(v, vector, v->regs->rip))
		return;
	if (v->hvm->gate && pv_exception(v, vector, error, detail))
		return;
	if (vector == VECTOR_PF)
		hvm_vendor->set(v, HVM_CR2, detail);
	hvm_exception(v, vector, error);
}

void hvm_unknown(struct vcpu *v)
{
	vcpu_unknown(v, "an exit");
	hvm_exception(v, VECTOR_UD, NO_ERROR);
}

HOT_FRAME void hvm_cpuid(struct vcpu *v, unsigned length)
{
	guest_cpuid(v, (uint32_t)v->regs->rax == 1 ? hvm_vendor->get(v, HVM_CR4) : 0);
	hvm_skip(v, length);
}

static bool write_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	return msr == MSR_EFER ? hvm_write_efer(v, value) : msr_write(v, msr, value);
}

void hvm_rdmsr(struct vcpu *v, unsigned length)
{
	uint32_t msr = (uint32_t)v->regs->rcx;
	uint64_t value = v->hvm->efer;
	bool there = msr == MSR_EFER || msr_read(v, msr, &value);

	v->counts[COUNT_PRIVILEGED]++;
	if (there) {
		v->regs->rax = (uint32_t)value;
		v->regs->rdx = value >> 32;
	}
	hvm_finish(v, there, length);
}

void hvm_wrmsr(struct vcpu *v, unsigned length)
{
	uint64_t value = (uint32_t)v->regs->rax | v->regs->rdx << 32;

	v->counts[COUNT_PRIVILEGED]++;
	hvm_finish(v, write_msr(v, (uint32_t)v->regs->rcx, value), length);
}

void hvm_xsetbv(struct vcpu *v, unsigned length)
{
	v->counts[COUNT_PRIVILEGED]++;
	if (!(hvm_vendor->get(v, HVM_CR4) & CR4_OSXSAVE))
		hvm_exception(v, VECTOR_UD, NO_ERROR);
	else
		hvm_finish(v, hvm_in_ring0(v) && fpu_xsetbv(v), length);
}

void hvm_halt(struct vcpu *v, unsigned length)
{
	if (vcpu_trapped(v, VECTOR_BP, v->regs->rip))
		return;
	v->counts[COUNT_PRIVILEGED]++;
	hvm_skip(v, length);
	vcpu_halt(v, !(v->regs->rflags & FLAGS_IF));
}

void hvm_hypercall(struct vcpu *v, unsigned length)
{
	if (!v->hvm->gate || !hvm_in_ring0(v)) {
		v->engine->exception(v, VECTOR_UD, NO_ERROR);
		return;
	}
	hvm_paging(v);
	hvm_skip(v, length);
	hypercall(v);
}
