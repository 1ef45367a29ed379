// SPDX-License-Identifier: GPL-2.0-or-later
/* Operands of emulated instructions: segments, memory, the stack. */
#include "engine/ring/emulate/emulate.h"

uint16_t ring_selector(const struct vcpu *v, unsigned seg)
{
	uint16_t s = 0;

	switch (seg) {
	case 0: __asm__ volatile("movw %%es, %0" : "=r"(s)); return s;
	case 1: return (uint16_t)v->regs->cs;
	case 2: return (uint16_t)v->regs->ss;
	case 3: __asm__ volatile("movw %%ds, %0" : "=r"(s)); return s;
	case 4: __asm__ volatile("movw %%fs, %0" : "=r"(s)); return s;
	default: __asm__ volatile("movw %%gs, %0" : "=r"(s)); return s;
	}
}

static uint32_t segment_base(const struct vcpu *v, unsigned seg)
{
	return desc_base(ring_descriptor(v, ring_selector(v, seg)));
}

uint64_t ring_segment_base(const struct vcpu *v, unsigned seg)
{
	if (!ring_in_code64(v))
		return segment_base(v, seg);
	return seg < 4 ? 0 : rdmsr(seg == 4 ? MSR_FS_BASE : MSR_GS_BASE);
}

/* Of a 32-bit guest; the processor checks the segments that it has loaded. */
bool ring_segment_holds(const struct vcpu *v, unsigned seg, const struct span *s)
{
	uint16_t selector = ring_selector(v, seg);
	uint64_t d = ring_descriptor(v, selector);

	if (ring_in_code64(v) || SEL_OURS(selector)) /* ours are flat */
		return true;
	return operand_fits(d, desc_limit(d), s);
}

static bool in_segment(struct vcpu *v, unsigned seg, uint64_t offset, unsigned bytes, bool write)
{
	const struct span s = { offset, bytes, write };

	if (ring_segment_holds(v, seg, &s))
		return true;
	ring_exception(v, seg == 2 ? VECTOR_SS : VECTOR_GP, 0);
	return false;
}

bool ring_load_memory(struct vcpu *v, const struct insn *i, void *to, unsigned bytes)
{
	return in_segment(v, i->seg, operand_offset(v, i), bytes, false) &&
	       operand_load(v, operand_address(v, i), to, bytes);
}

bool ring_store_memory(struct vcpu *v, const struct insn *i, const void *from, unsigned bytes)
{
	return in_segment(v, i->seg, operand_offset(v, i), bytes, true) &&
	       operand_store(v, operand_address(v, i), from, bytes);
}

static gva_t stack_at(const struct vcpu *v, uint32_t offset)
{
	return GVA((uint32_t)(v->regs->rsp + offset + segment_base(v, 2)));
}

bool ring_load_stack(struct vcpu *v, uint32_t offset, void *to, unsigned bytes)
{
	return in_segment(v, 2, (uint32_t)(v->regs->rsp + offset), bytes, false) &&
	       operand_load(v, stack_at(v, offset), to, bytes);
}

bool ring_pop(struct vcpu *v, uint32_t *words, unsigned count, unsigned width)
{
	uint16_t narrow[8];

	if (width != 2)
		return ring_load_stack(v, 0, words, 4 * count);
	if (!ring_load_stack(v, 0, narrow, 2 * count))
		return false;
	for (unsigned i = 0; i < count; i++)
		words[i] = narrow[i];
	return true;
}

bool ring_push(struct vcpu *v, uint64_t word, unsigned width)
{
	if (!in_segment(v, 2, (uint32_t)(v->regs->rsp - width), width, true) ||
	    !operand_store(v, stack_at(v, (uint32_t)-width), &word, width))
		return false;
	v->regs->rsp = (uint32_t)(v->regs->rsp - width);
	return true;
}

enum outcome ring_store_operand(struct vcpu *v, const struct insn *i, uint64_t value)
{
	if (i->flags & INSN_MEM)
		return ring_store_memory(v, i, &value, 2) ? DONE : JUMPED;
	operand_set_register(v, i->base, value, i->width);
	return DONE;
}

bool ring_load_operand16(struct vcpu *v, const struct insn *i, uint16_t *value)
{
	if (i->flags & INSN_MEM)
		return ring_load_memory(v, i, value, 2);
	*value = (uint16_t)*operand_register(v->regs, i->base);
	return true;
}
