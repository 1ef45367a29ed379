// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Injects exceptions, interrupts and events into a ring-1 kernel: pushes the frame that the
 * processor would have pushed (Intel SDM 3A, chapter 6) on the kernel's own stack. The stack is
 * written with the kernel's rights through its own page tables, so the kernel can only direct the
 * frame to its own memory.
 */
#include "engine/ring/ring.h"
#include "kernel/cpu.h"
#include "lib/string.h"

uint32_t ring_flags(const struct vcpu *v)
{
	uint32_t f = (uint32_t)v->regs->rflags & ~(FLAGS_IF | FLAGS_IOPL);

	if ((f & FLAGS_TF) && (v->ring->stepping || v->engine != v->guest->engine))
		f &= ~FLAGS_TF;
	if (!v->page->irq_mask || (v->regs->cs & 3) == 3)
		f |= FLAGS_IF;
	return f;
}

void ring_set_flags(struct vcpu *v, uint32_t flags)
{
	v->regs->rflags = (flags & FLAGS_USER) | FLAGS_ONE | FLAGS_IF;
	v->page->irq_mask = flags & FLAGS_IF ? 0 : VENEER_IRQ_MASKED;
}

static inline void fill_frame(const struct vcpu *v, uint64_t *at, int64_t error)
{
	const struct regs *r = v->regs;

	if (error != NO_ERROR)
		*at++ = (uint64_t)error;
	at[0] = r->rip;
	at[1] = r->cs;
	at[2] = ring_flags(v);
	at[3] = r->rsp;
	at[4] = r->ss;
}

/* If the stack frame is not within one page of the guest's memory. */
static __attribute__((noinline)) bool push_in_parts(struct vcpu *v, uint64_t sp, int64_t error,
						    unsigned bytes)
{
	struct guest_failure f;
	uint64_t frame[6];

	fill_frame(v, frame, error);
	if (!guest_write(v->view, GVA(sp), frame, bytes, 0, &f))
		return true;
	guest_crash(v->guest, "no stack for an exception or event: address %lx", f.va.v);
	return false;
}

static void pv_push(struct vcpu *v, bool user, int64_t error, uint64_t handler)
{
	struct regs *r = v->regs;
	uint64_t sp = (user ? v->page->kernel_sp : r->rsp) & ~15ull;
	unsigned bytes = error == NO_ERROR ? 40 : 48;

	sp -= bytes;
	uint64_t *to = mmu_kernel_stack(&v->ring->view, GVA(sp), bytes);
	if (to)
		fill_frame(v, to, error);
	else if (!push_in_parts(v, sp, error, bytes))
		return;
	r->rip = handler;
	r->cs = VENEER_KERNEL_CS;
	r->rflags = FLAGS_ONE | FLAGS_IF;
	r->rsp = sp;
	r->ss = VENEER_KERNEL_SS;
	v->page->irq_mask = VENEER_IRQ_MASKED;
}

/* Ring 0 would take any selector and any flag from struct regs: only what ring 1 may return to. */
static __attribute__((noinline)) bool take_frame(struct vcpu *v)
{
	struct regs *r = v->regs;
	uint64_t frame[5];

	if (guest_read(v->view, GVA(r->rsp), frame, sizeof(frame), 0, NULL))
		return false;
	memcpy(&r->rip, frame, sizeof(frame)); /* the last five of struct regs, in their order */
	if ((r->cs & 3) != 3)
		r->cs = VENEER_KERNEL_CS;
	r->rflags = (r->rflags & FLAGS_USER) | FLAGS_ONE | FLAGS_IF;
	return true;
}

/* Within the gate's return, after its first store, the guest is where the frame at RSP says. */
static bool finish_return(struct vcpu *v)
{
	const struct regs *r = v->regs;

	return r->rip >= gate_entry_points[GATE_RETURN] &&
	       r->rip < gate_entry_points[GATE_RETURN_END] && r->cs == VENEER_KERNEL_CS &&
	       take_frame(v);
}

void ring_pv_event(struct vcpu *v)
{
	struct regs *r = v->regs;
	bool user = (r->cs & 3) == 3;
	const struct veneer_handlers *h = &v->handlers;

	if (!h->event || (!user && (v->page->irq_mask || on_entry_stack(r->rsp)))) {
		v->page->irq_pending = 1;
		return;
	}
	v->page->irq_pending = 0;
	v->counts[COUNT_INJECTED]++;
	if (!user && r->rip >= h->window_start && r->rip < h->window_end) {
		r->rip = h->event;
		v->page->irq_mask = VENEER_IRQ_MASKED;
		return;
	}
	if (!user && finish_return(v)) {
		user = (r->cs & 3) == 3;
		v->page->irq_mask = 0;
	}
	pv_push(v, user, NO_ERROR, h->event);
}

/* An interrupt or trap gate in the IDT of a 32-bit guest, SDM 3A section 6.11; 0: none. Type, DPL
 * and P are where other descriptors have them. */
static uint64_t read_gate(struct vcpu *v, unsigned vector)
{
	const struct legacy_state *l = &v->legacy;
	uint64_t d;

	if (vector * 8 + 7 > l->idt_limit ||
	    guest_read(v->view, GVA((uint32_t)(l->idt_base + vector * 8)), &d, 8, 0, NULL))
		return 0;
	unsigned type = d & DESC_S ? 0 : desc_type(d);
	return type == DESC_TYPE_INTERRUPT || type == DESC_TYPE_TRAP ? d : 0;
}

bool ring_kernel_stack(struct vcpu *v, uint32_t *esp, uint16_t *ss)
{
	uint32_t tss[2] = { 0 }; /* ESP0, and SS0 in two bytes */

	if (v->legacy.tr_limit < 9 ||
	    guest_read(v->view, GVA((uint32_t)(v->legacy.tr_base + 4)), tss, 6, 0, NULL)) {
		guest_crash(v->guest, "no task state segment to take a kernel stack from");
		return false;
	}
	*esp = tss[0];
	*ss = (uint16_t)tss[1];
	return true;
}

static bool legacy_push(struct vcpu *v, uint64_t gate, int64_t error)
{
	struct regs *r = v->regs;
	bool user = (r->cs & 3) == 3;
	uint32_t esp = (uint32_t)r->rsp, frame[6];
	uint16_t ss = (uint16_t)r->ss;
	unsigned n = 0;

	if (user && !ring_kernel_stack(v, &esp, &ss))
		return false;
	if (error != NO_ERROR)
		frame[n++] = (uint32_t)error;
	frame[n++] = (uint32_t)r->rip;
	frame[n++] = ring_shown_selector(v, false);
	frame[n++] = ring_flags(v);
	if (user) {
		frame[n++] = (uint32_t)r->rsp;
		frame[n++] = (uint32_t)r->ss;
	}
	esp -= 4 * n;
	gva_t at = GVA((uint32_t)(esp + desc_base(ring_descriptor(v, ss))));
	if (guest_write(v->view, at, frame, 4 * n, 0, NULL)) {
		guest_crash(v->guest, "no stack for an exception or interrupt: ESP %x", esp);
		return false;
	}
	r->rip = desc_gate_offset(gate);
	r->cs = (gate >> 16 & 0xfffc) | 1;
	r->rsp = esp;
	r->ss = (ss & ~3u) | 1;
	r->rflags &= ~(uint64_t)(FLAGS_TF | FLAGS_NT | FLAGS_RF);
	if (desc_type(gate) == DESC_TYPE_INTERRUPT)
		v->page->irq_mask = VENEER_IRQ_MASKED;
	else if (user)
		v->page->irq_mask = 0;
	return true;
}

bool ring_legacy_interrupt(struct vcpu *v, unsigned vector)
{
	uint64_t gate = read_gate(v, vector);

	v->counts[COUNT_INJECTED]++;
	if (!(gate & DESC_P)) {
		guest_crash(v->guest, "interrupt vector %u has no usable IDT entry", vector);
		return false;
	}
	return legacy_push(v, gate, NO_ERROR);
}

static __attribute__((noinline)) void legacy_exception(struct vcpu *v, unsigned vector,
						       int64_t error)
{
	uint64_t gate = read_gate(v, vector);

	if (gate & DESC_P)
		legacy_push(v, gate, error);
	else
		guest_crash(v->guest, "exception %u (error %lx) with no usable IDT entry", vector,
			    (uint64_t)error);
}

void ring_exception(struct vcpu *v, unsigned vector, int64_t error)
{
	const struct regs *r = v->regs;

	v->counts[COUNT_EXCEPTION]++;
	if (!((VECTORS_WITH_ERROR >> vector) & 1))
		error = NO_ERROR;
	if (v->guest->board) {
		legacy_exception(v, vector, error);
		return;
	}
	bool user = (r->cs & 3) == 3 ||
		    (r->rip == gate_entry_points[GATE_RETURN_IRET] && finish_return(v));
	if (v->handlers.exception[vector])
		pv_push(v, user, error, v->handlers.exception[vector]);
	else
		guest_crash(v->guest, "exception %u (error %lx) with no handler", vector,
			    (uint64_t)error);
}

void ring_invalid_opcode(struct vcpu *v)
{
	struct regs *r = v->regs;
	bool kernel = r->cs == VENEER_KERNEL_CS;
	bool compat = r->rip == gate_entry_points[GATE_NO_SYSCALL32];

	if (kernel && r->rip == gate_entry_points[GATE_RETURN_PENDING]) {
		v->page->irq_mask = 0;
		/* if nothing is pending any more, the return itself is retried */
		r->rip = gate_entry_points[GATE_RETURN_IRET];
		return;
	}
	if (kernel && (compat || r->rip == gate_entry_points[GATE_NO_SYSCALL])) {
		r->rip = r->rcx - 2; /* SYSCALL is two bytes */
		r->rflags = (r->r11 & FLAGS_USER) | FLAGS_ONE | FLAGS_IF;
		r->rsp = v->page->user_sp;
		r->cs = compat ? VENEER_USER_CS32 : VENEER_USER_CS;
		r->ss = VENEER_USER_SS;
	}
	ring_exception(v, VECTOR_UD, NO_ERROR);
}

/*
 * A #DB on the entry stack was caused by the program that executed INT n: a breakpoint on MOV SS
 * fires one instruction late, after the INT n, when CS is already ring 1 (CVE-2018-8897). No frame
 * may be pushed on that stack, and the kernel's handler would treat it as a kernel exception, with
 * the program's GS. It is dropped, as kernels do with one in their entry code.
 */
void ring_debug(struct vcpu *v)
{
	struct regs *r = v->regs;

	if (vcpu_trapped(v, VECTOR_DB, r->rip))
		return;
	if (!v->guest->board && (r->cs & 3) == 1 && on_entry_stack(r->rsp))
		r->rflags = (r->rflags & ~(uint64_t)FLAGS_TF) | FLAGS_RF;
	else
		ring_exception(v, VECTOR_DB, NO_ERROR);
}

void ring_page_fault(struct vcpu *v, gva_t va, unsigned error)
{
	va = guest_linear(v->view, va);
	v->legacy.cr2 = va.v;
	v->page->cr2 = va.v;
	if (!v->view->paging.no_execute) /* SDM 3A 4.7 */
		error &= ~(unsigned)PF_FETCH;
	ring_exception(v, VECTOR_PF, error);
}

void ring_soft_interrupt(struct vcpu *v, unsigned vector, unsigned length)
{
	if (vector == VECTOR_BP && vcpu_trapped(v, vector, v->regs->rip + length - 1))
		return;
	bool pv = !v->guest->board;
	uint64_t gate = pv ? 0 : read_gate(v, vector);

	v->counts[COUNT_SOFTINT]++;
	if (pv && (vector == VECTOR_BP || vector == VECTOR_OF)) {
		ring_exception(v, vector, NO_ERROR); /* its gates are open to all, SDM 3A 6.3.3 */
		return;
	}
	bool may = gate && desc_dpl(gate) >= virtual_cpl(v->regs->cs);
	if (!may || !(gate & DESC_P)) {
		ring_exception(v, may ? VECTOR_NP : VECTOR_GP, vector << 3 | 2);
		return;
	}
	v->regs->rip += length;
	legacy_push(v, gate, NO_ERROR);
}
