// SPDX-License-Identifier: GPL-2.0-or-later
/* Dispatch of exits of a ring-1 guest. */
#include "engine/ring/ring.h"
#include "kernel/cpu.h"

HOT_FRAME static void page_fault(struct vcpu *v)
{
	gva_t va = GVA(read_cr2());
	unsigned error = (unsigned)v->regs->error;
	enum mmu_result result = mmu_fault(&v->ring->view, va, &error);
	if (result != MMU_CODE && v->ring->view.open[0].page)
		ring_code_stepped(v);
	switch (result) {
	case MMU_FILLED:
		v->counts[COUNT_FILL]++;
		if (v->regs->error & PF_USER) /* not for what the guest's handler touches */
			v->page->fault_busy = 0;
		break;
	case MMU_AGAIN: break;
	case MMU_CODE: ring_code_write(v, va); break;
	case MMU_GUEST_FAULT:
		ring_recover(v);
		v->page->fault_busy = 1; /* if it faults there again, the hypervisor handles it */
		ring_page_fault(v, va, error);
		break;
	case MMU_NO_MEMORY:
		ring_recover(v);
		if (!ring_memory_insn(v))
			guest_crash(v->guest, "access to address %lx, which is outside its memory",
				    va.v);
		break;
	case MMU_UNMASK: ring_unmask_trap(v); break;
	case MMU_WINDOW:
		ring_recover(v);
		ring_exception(v, VECTOR_GP, 0);
		break;
	}
}

static void debug_exception(struct vcpu *v)
{
	v->dr6 = (read_dr6() & DR6_STATUS) | DR6_FIXED;
	write_dr6(DR6_FIXED);
	if (v->ring->stepping) {
		v->counts[COUNT_STEP]++;
		return;
	}
	if (v->ring->translator && !ring_debug_is_due(v))
		return;
	ring_debug(v);
}

/*
 * IRETQ has faulted on the guest's frame: for ring 3, an address after an emulated instruction that
 * is not canonical, or a selector whose descriptor was removed. A processor would have faulted at
 * the next instruction, so the kernel gets that #GP. If the frame was the kernel's own, the guest
 * ends: another frame pushed there could be just as invalid.
 */
static void bad_frame(struct vcpu *v)
{
	if ((v->regs->cs & 3) == 3)
		ring_exception(v, VECTOR_GP, 0);
	else
		guest_crash(v->guest, "return to a frame the processor refuses");
}

HOT_FRAME void ring_exit(struct vcpu *v)
{
	unsigned vector = (unsigned)v->regs->vector;

	if (vector == EXIT_HYPERCALL) { /* the two that matter for speed */
		hypercall(v);
		return;
	}
	if (vector == VECTOR_PF) {
		page_fault(v);
		return;
	}
	if (v->ring->translator && ring_left_cache(v, vector))
		return;
	switch (vector) {
	case VECTOR_TS ... VECTOR_GP: ring_emulate(v); break;
	case VECTOR_DB: debug_exception(v); break;
	case VECTOR_BP ... VECTOR_OF: ring_soft_interrupt(v, vector, 0); break;
	case VECTOR_UD: ring_invalid_opcode(v); break;
	case EXIT_BAD_FRAME: bad_frame(v); break;
	case 9: /* reserved, or of a feature that is off */
	case 15:
	case 20 ... 31: vcpu_unknown(v, "an exception"); /* fall through */
	default: ring_exception(v, vector, (int64_t)v->regs->error); break;
	case 32 ... 255: v->counts[COUNT_INTERRUPT]++; interrupt_handle(vector);
	}
}
