// SPDX-License-Identifier: GPL-2.0-or-later
/* Control, debug and model-specific registers, the TLB, caches. */
#include "engine/ring/emulate/emulate.h"
#include "guest/speculation.h"
#include "pc/msr.h"

/* CR0, CR3, CR4 or EFER have changed. */
static void paging_changed(struct vcpu *v)
{
	const struct legacy_state *l = &v->legacy;
	const struct paging p = paging_of(l->cr0, GPA(l->cr3), l->cr4, l->efer);

	ring_load_root(v, &p, false);
	ring_translation_remapped(v);
}

static void set_cr0(struct vcpu *v, uint64_t value)
{
	uint64_t changed = v->legacy.cr0 ^ value;

	v->legacy.cr0 = value | CR0_ET;
	if (changed & CR0_TS)
		write_cr0((read_cr0() & ~(uint64_t)CR0_TS) | (value & CR0_TS));
	if (changed & (CR0_PG | CR0_WP))
		paging_changed(v);
}

enum outcome emulate_mov_to_cr(struct vcpu *v, const struct insn *i)
{
	uint32_t value = (uint32_t)*operand_register(v->regs, i->base);

	switch (i->reg) {
	case 0:
		if ((value & CR0_PG) && !(value & CR0_PE))
			return REFUSE;
		if (!(value & CR0_PE)) {
			guest_crash(v->guest, "real mode: not offered by the ring engine");
			return JUMPED;
		}
		set_cr0(v, value);
		return DONE;
	case 2: v->legacy.cr2 = value; return DONE;
	case 3: v->legacy.cr3 = value; break;
	case 4:
		if (value & ~(0x7ffu | CR4_OSXSAVE))
			return REFUSE;
		v->legacy.cr4 = value;
		break;
	default: return INVALID;
	}
	if (v->legacy.cr0 & CR0_PG)
		paging_changed(v);
	return DONE;
}

enum outcome emulate_mov_from_cr(struct vcpu *v, const struct insn *i)
{
	const struct legacy_state *l = &v->legacy;
	bool pv = !v->guest->board; /* it may read the real ones */
	uint64_t value;

	if (pv && i->reg != 2 && i->reg != 4)
		return REFUSE;
	switch (i->reg) {
	case 0: value = l->cr0; break;
	case 2: value = pv ? v->page->cr2 : l->cr2; break;
	case 3: value = l->cr3; break;
	case 4: value = pv ? read_cr4() : l->cr4; break;
	default: return INVALID;
	}
	operand_set_register(v, i->base, value, i->width);
	return DONE;
}

/* Debug registers are kept but never armed: a breakpoint could be set on the gate. */
enum outcome emulate_mov_to_dr(struct vcpu *v, const struct insn *i)
{
	v->legacy.dr[i->reg & 7] = (uint32_t)*operand_register(v->regs, i->base);
	return DONE;
}

enum outcome emulate_mov_from_dr(struct vcpu *v, const struct insn *i)
{
	static const uint32_t fixed[8] = { [6] = 0xffff0ff0, [7] = 0x400 };
	unsigned n = i->reg & 7;

	operand_set_register(v, i->base, v->legacy.dr[n] | fixed[n], i->width);
	return DONE;
}

enum outcome emulate_xsetbv(struct vcpu *v, UNUSED const struct insn *i)
{
	if (v->guest->board && !(v->legacy.cr4 & CR4_OSXSAVE))
		return INVALID;
	return fpu_xsetbv(v) ? DONE : REFUSE;
}

enum outcome emulate_cpuid(struct vcpu *v, UNUSED const struct insn *i)
{
	guest_cpuid_in_ring1(v, v->legacy.cr4);
	return DONE;
}

enum outcome emulate_lmsw(struct vcpu *v, const struct insn *i)
{
	uint16_t value;

	if (!ring_load_operand16(v, i, &value))
		return JUMPED;
	set_cr0(v, (v->legacy.cr0 & ~0xeull) | (value & 0xf)); /* PE can be set, not cleared */
	return DONE;
}

enum outcome emulate_clts(struct vcpu *v, UNUSED const struct insn *i)
{
	set_cr0(v, v->legacy.cr0 & ~(uint64_t)CR0_TS);
	return DONE;
}

enum outcome emulate_invlpg(struct vcpu *v, const struct insn *i)
{
	gva_t va = operand_address(v, i);

	if (tables_must_reload(&v->ring->view)) {
		ring_load_root(v, &v->view->paging, false);
	} else {
		mmu_flush(&v->ring->view, va, 1);
		if (va.v < PAGE_SIZE) /* what wraps at 4 GiB, see guest_linear() */
			mmu_flush(&v->ring->view, GVA(1ull << 32), 1);
	}
	ring_page_remapped(v, va);
	return DONE;
}

/* Caches are coherent; there is nothing to write back for a guest without DMA. */
enum outcome emulate_nothing(UNUSED struct vcpu *v, UNUSED const struct insn *i)
{
	return DONE;
}

/* A PV kernel uses hypercalls, except for the MSRs that control speculation. */
enum outcome emulate_rdmsr(struct vcpu *v, UNUSED const struct insn *i)
{
	uint32_t msr = (uint32_t)v->regs->rcx;
	uint64_t value = v->legacy.efer;

	if (!v->guest->board ? !speculation_rdmsr(v, msr, &value)
			     : msr != MSR_EFER && !msr_read(v, msr, &value))
		return REFUSE;
	v->regs->rax = (uint32_t)value;
	v->regs->rdx = value >> 32;
	return DONE;
}

enum outcome emulate_wrmsr(struct vcpu *v, UNUSED const struct insn *i)
{
	uint64_t value = (uint32_t)v->regs->rax | v->regs->rdx << 32;
	uint32_t msr = (uint32_t)v->regs->rcx;

	if (!v->guest->board)
		return speculation_wrmsr(v, msr, value) ? DONE : REFUSE;
	if (msr != MSR_EFER)
		return msr_write(v, msr, value) ? DONE : REFUSE;
	if (value & ~(uint64_t)EFER_NXE)
		return REFUSE;
	v->legacy.efer = value;
	if (v->legacy.cr0 & CR0_PG)
		paging_changed(v);
	return DONE;
}
