// SPDX-License-Identifier: GPL-2.0-or-later
/* The interrupt flag and flags images: CLI, STI, HLT, PUSHF, POPF, IRET, INT n. */
#include "engine/ring/emulate/emulate.h"

/* No effect in a PV kernel, which writes the word in the vCPU page itself: the POPF that goes with
 * a CLI would not trap. */
enum outcome emulate_cli_sti(struct vcpu *v, const struct insn *i)
{
	if (v->guest->board)
		v->page->irq_mask = i->op == INSN_CLI ? VENEER_IRQ_MASKED : 0;
	return DONE;
}

enum outcome emulate_hlt(struct vcpu *v, UNUSED const struct insn *i)
{
	vcpu_halt(v, v->page->irq_mask);
	return DONE;
}

enum outcome emulate_pushf(struct vcpu *v, const struct insn *i)
{
	return ring_push(v, ring_flags(v) & ~(FLAGS_RF | FLAGS_VM), i->width) ? DONE : JUMPED;
}

enum outcome emulate_popf(struct vcpu *v, const struct insn *i)
{
	uint32_t flags;

	if (!ring_pop(v, &flags, 1, i->width))
		return JUMPED;
	if (i->width == 2)
		flags |= (uint32_t)v->regs->rflags & 0xffff0000;
	ring_release(v, i->width);
	ring_set_flags(v, flags);
	return DONE;
}

enum outcome emulate_iret(struct vcpu *v, const struct insn *i)
{
	uint32_t frame[5];

	if (!ring_pop(v, frame, 3, i->width))
		return JUMPED;
	if ((frame[2] & FLAGS_VM) || (v->regs->rflags & FLAGS_NT)) {
		guest_crash(v->guest,
			    frame[2] & FLAGS_VM
				    ? "IRET to virtual-8086 mode: not offered by the ring engine"
				    : "IRET from a nested task: no task switches are offered");
		return JUMPED;
	}
	uint16_t cs = (uint16_t)frame[1];
	bool user = (cs & 3) == 3;
	if (user && !ring_pop(v, frame, 5, i->width))
		return JUMPED;
	if (!ring_gdt_load(v))
		return JUMPED;
	unsigned fault = ring_code_fault(v, cs, frame[0], user ? 3 : 0);
	uint16_t refused = cs;
	if (!fault && user) {
		refused = (uint16_t)frame[4];
		fault = ring_stack_fault(v, refused, 3);
	}
	if (fault) {
		ring_exception(v, fault, refused & ~3u);
		return JUMPED;
	}
	struct regs *r = v->regs;
	ring_release(v, 3 * i->width);
	r->rip = frame[0];
	r->cs = user ? cs : (cs & ~3u) | 1;
	if (user) {
		r->rsp = frame[3];
		r->ss = (uint16_t)frame[4];
	}
	ring_set_flags(v, frame[2]);
	return JUMPED;
}

enum outcome emulate_int(struct vcpu *v, const struct insn *i)
{
	ring_soft_interrupt(v, i->imm, i->length);
	return JUMPED;
}
