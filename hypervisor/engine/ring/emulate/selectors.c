// SPDX-License-Identifier: GPL-2.0-or-later
/* Segment registers and far transfers. */
#include "engine/ring/emulate/emulate.h"
#include "lib/string.h"

uint16_t ring_shown_segment(const struct vcpu *v, unsigned seg)
{
	return seg == 1 || seg == 2 ? ring_shown_selector(v, seg == 2) : ring_selector(v, seg);
}

enum outcome emulate_mov_from_seg(struct vcpu *v, const struct insn *i)
{
	return ring_store_operand(v, i, ring_shown_segment(v, i->reg));
}

enum outcome emulate_push_seg(struct vcpu *v, const struct insn *i)
{
	return ring_push(v, ring_shown_segment(v, i->reg), i->width) ? DONE : JUMPED;
}

static bool load_segment(struct vcpu *v, unsigned seg, uint16_t selector)
{
	uint32_t s = selector;

	if (!ring_gdt_load(v)) /* it may have changed since */
		return false;
	ring_ldt_refresh(v, selector);
	unsigned fault = seg != 2	      ? ring_selector_fault(v, selector)
			 : SEL_OURS(selector) ? VECTOR_GP
					      : ring_stack_fault(v, selector, 0);
	if (fault) {
		ring_exception(v, fault, selector & ~3u);
		return false;
	}
	switch (seg) {
	case 0: __asm__ volatile("movl %0, %%es" ::"r"(s)); break;
	case 2: v->regs->ss = (selector & ~3u) | 1; break;
	case 3: __asm__ volatile("movl %0, %%ds" ::"r"(s)); break;
	case 4: __asm__ volatile("movl %0, %%fs" ::"r"(s)); break;
	default: __asm__ volatile("movl %0, %%gs" ::"r"(s)); break;
	}
	return true;
}

enum outcome emulate_mov_to_seg(struct vcpu *v, const struct insn *i)
{
	uint16_t selector;

	if (!ring_load_operand16(v, i, &selector))
		return JUMPED;
	return load_segment(v, i->reg, selector) ? DONE : JUMPED;
}

enum outcome emulate_pop_seg(struct vcpu *v, const struct insn *i)
{
	uint32_t selector;

	if (!ring_pop(v, &selector, 1, i->width) || !load_segment(v, i->reg, (uint16_t)selector))
		return JUMPED;
	ring_release(v, i->width);
	return DONE;
}

/* From the instruction, or from its memory operand. */
static bool load_far_pointer(struct vcpu *v, const struct insn *i, uint16_t *selector,
			     uint32_t *offset)
{
	uint8_t pointer[6];

	if (i->op == INSN_JMP_FAR || i->op == INSN_CALL_FAR) {
		*selector = i->imm;
		*offset = i->disp;
		return true;
	}
	if (!ring_load_memory(v, i, pointer, i->width + 2u))
		return false;
	*offset = 0;
	memcpy(offset, pointer, i->width);
	memcpy(selector, pointer + i->width, 2);
	return true;
}

enum outcome emulate_load_far(struct vcpu *v, const struct insn *i)
{
	uint32_t offset;
	uint16_t selector;

	if (!load_far_pointer(v, i, &selector, &offset) || !load_segment(v, i->imm, selector))
		return JUMPED;
	operand_set_register(v, i->reg, offset, i->width);
	return DONE;
}

static bool may_jump_far(struct vcpu *v, uint16_t selector, uint32_t offset)
{
	unsigned loaded = ring_gdt_load(v);

	if (!loaded)
		return false;
	unsigned cpl = virtual_cpl(v->regs->cs),
		 fault = (selector & 3) > cpl ? VECTOR_GP
					      : ring_code_fault(v, selector, offset, cpl);
	if (fault) {
		if ((ring_gdt_read(v, selector) & (DESC_P | DESC_S)) == DESC_P) {
			if (loaded > 1) /* the line waits, to keep each stay short */
				return false;
			vcpu_unknown(v, "a far transfer by a gate or to a task");
		}
		ring_exception(v, fault, selector & ~3u);
		return false;
	}
	return true;
}

static void jump_far(struct vcpu *v, uint16_t selector, uint32_t offset)
{
	v->regs->cs = (selector & ~3u) | 1;
	v->regs->rip = offset;
}

enum outcome emulate_jmp_far(struct vcpu *v, const struct insn *i)
{
	uint16_t selector;
	uint32_t offset;

	if (load_far_pointer(v, i, &selector, &offset) && may_jump_far(v, selector, offset))
		jump_far(v, selector, offset);
	return JUMPED;
}

enum outcome emulate_call_far(struct vcpu *v, const struct insn *i)
{
	uint32_t next = (uint32_t)v->regs->rip + i->length, offset;
	uint64_t cs = ring_shown_segment(v, 1);
	uint16_t selector;

	if (!load_far_pointer(v, i, &selector, &offset))
		return JUMPED;
	uint64_t d = SEL_OURS(selector) ? 0 : ring_gdt_read(v, selector);
	if (!(d & DESC_S) && desc_type(d) == DESC_TYPE_CALL && i->width == 4 &&
	    ring_code_bits(v) == 32)
		ring_call_gate(v, selector, d, next);
	else if ((v->regs->cs & 3) == 3) /* for the processor's reason */
		ring_exception(v, (unsigned)v->regs->vector, (int64_t)v->regs->error);
	else if (may_jump_far(v, selector, offset) &&
		 ring_push(v, i->width == 2 ? (uint16_t)next | cs << 16 : next | cs << 32,
			   2u * i->width))
		jump_far(v, selector, offset);
	return JUMPED;
}

/* To ring 3: the stack pointer follows the bytes to release. */
static enum outcome ret_far_to_user(struct vcpu *v, const struct insn *i, const uint32_t *frame)
{
	uint32_t stack[2];

	if (ring_code_fault(v, (uint16_t)frame[1], frame[0], 3))
		return REFUSE;
	if (!ring_load_stack(v, 2u * i->width + i->imm, stack, sizeof(stack)))
		return JUMPED;
	if (ring_stack_fault(v, (uint16_t)stack[1], 3))
		return REFUSE;
	v->regs->rip = frame[0];
	v->regs->cs = (uint16_t)frame[1];
	v->regs->rsp = stack[0] + i->imm;
	v->regs->ss = (uint16_t)stack[1];
	return JUMPED;
}

enum outcome emulate_ret_far(struct vcpu *v, const struct insn *i)
{
	uint32_t frame[2];

	if (!ring_pop(v, frame, 2, i->width))
		return JUMPED;
	if ((frame[1] & 3) == 3)
		return i->width == 4 ? ret_far_to_user(v, i, frame) : REFUSE;
	uint16_t selector = (uint16_t)(frame[1] & ~3u);
	if (!may_jump_far(v, selector, frame[0]))
		return JUMPED;
	ring_release(v, 2 * i->width + i->imm);
	jump_far(v, selector, frame[0]);
	return JUMPED;
}
