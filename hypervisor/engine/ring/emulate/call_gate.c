// SPDX-License-Identifier: GPL-2.0-or-later
/* Far calls through a 32-bit call gate to the kernel, from ring 3 or from itself, SDM 3A 5.8.3 to
 * 5.8.5. */
#include "engine/ring/emulate/emulate.h"
#include "lib/string.h"

#define PARAMETERS 31

/* EIP, CS, parameters, and if the stack changes ESP and SS. */
struct frame {
	uint32_t word[4 + PARAMETERS];
	unsigned words;
};

static bool fault(struct vcpu *v, unsigned vector, uint16_t selector)
{
	ring_exception(v, vector, selector & ~3u);
	return false;
}

/* The gate, then where it leads; *level is the privilege level behind it. */
static bool may_pass(struct vcpu *v, uint16_t selector, uint64_t gate, unsigned *level)
{
	unsigned cpl = virtual_cpl(v->regs->cs), vector;
	uint16_t target = (uint16_t)(gate >> 16 & 0xfffc);

	if (!ring_gdt_load(v)) /* only a part of it: this instruction again */
		return false;
	if (desc_dpl(gate) < MAX(cpl, selector & 3u))
		return fault(v, VECTOR_GP, selector);
	if (!(gate & DESC_P))
		return fault(v, VECTOR_NP, selector);
	uint64_t d = ring_gdt_read(v, target);
	*level = d & DESC_CONFORM ? cpl : desc_dpl(d);
	if (SEL_OURS(target))
		*level = 0;
	vector = *level && *level != cpl
			 ? VECTOR_GP
			 : ring_code_fault(v, target, desc_gate_offset(gate), *level);
	return vector ? fault(v, vector, target) : true;
}

/* For a stack that changes: the parameters, then where it was. */
static bool take_stack(struct vcpu *v, struct frame *f, unsigned parameters, uint32_t *esp,
		       uint16_t *ss)
{
	if (parameters && !ring_load_stack(v, 0, &f->word[2], 4 * parameters))
		return false;
	f->words = 2 + parameters;
	f->word[f->words++] = (uint32_t)v->regs->rsp;
	f->word[f->words++] = (uint32_t)v->regs->ss;
	return ring_kernel_stack(v, esp, ss);
}

/* To the kernel, from ring 3. */
static bool enter(struct vcpu *v, struct frame *f, uint64_t gate)
{
	uint32_t esp;
	uint16_t ss;

	if (!take_stack(v, f, (unsigned)(gate >> 32) & PARAMETERS, &esp, &ss))
		return false;
	ring_ldt_refresh(v, ss);
	esp -= 4 * f->words;
	gva_t at = GVA((uint32_t)(esp + desc_base(ring_descriptor(v, ss))));
	if (guest_write(v->view, at, f->word, 4 * f->words, 0, NULL)) {
		guest_crash(v->guest, "no stack for a call gate: ESP %x", esp);
		return false;
	}
	v->regs->rsp = esp;
	v->regs->ss = (ss & ~3u) | 1;
	v->page->irq_mask = 0; /* IF stays, which is 1 in ring 3 */
	return true;
}

void ring_call_gate(struct vcpu *v, uint16_t selector, uint64_t gate, uint32_t next)
{
	struct frame f = { .word = { next, ring_shown_selector(v, false) } };
	unsigned level, cpl = virtual_cpl(v->regs->cs);

	if (!may_pass(v, selector, gate, &level))
		return;
	if (level == cpl ? !ring_push(v, f.word[0] | (uint64_t)f.word[1] << 32, 8)
			 : !enter(v, &f, gate))
		return;
	v->regs->rip = desc_gate_offset(gate);
	v->regs->cs = (gate >> 16 & 0xfffc) | (level ? 3 : 1);
}
