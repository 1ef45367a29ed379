// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/operand.h"

#include "arch/descriptor.h"
#include "guest/guest.h"

uint64_t *operand_register(struct regs *r, unsigned n)
{
#define AT(name) offsetof(struct regs, name) / sizeof(uint64_t)
	static const uint8_t order[] = { AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp),
					 AT(rsi), AT(rdi), AT(r8),  AT(r9),  AT(r10), AT(r11),
					 AT(r12), AT(r13), AT(r14), AT(r15), AT(rip) };

	return (uint64_t *)r + order[index_nospec(n, ARRAY_SIZE(order))];
}

void operand_set_register(struct vcpu *v, unsigned n, uint64_t value, unsigned width)
{
	uint64_t *to = operand_register(v->regs, n);

	if (width == 1 && n >= 4 && n < 8) /* AH CH DH BH */
		((uint8_t *)operand_register(v->regs, n - 4))[1] = (uint8_t)value;
	else if (width == 1)
		*(uint8_t *)to = (uint8_t)value;
	else if (width == 2)
		*(uint16_t *)to = (uint16_t)value;
	else
		*to = width == 4 ? (uint32_t)value : value;
}

uint64_t operand_counter(const struct insn *i, uint64_t value)
{
	bool small = i->flags & INSN_SMALL_ADDRESS;

	if (i->flags & INSN_CODE64)
		return small ? (uint32_t)value : value;
	return small ? value & 0xffff : (uint32_t)value;
}

uint64_t operand_offset(const struct vcpu *v, const struct insn *i)
{
	uint64_t at = (int64_t)(int32_t)i->disp;

	if (i->base != INSN_NO_REG)
		at += *operand_register(v->regs, i->base);
	if (i->base == 16)
		at += i->length;
	if (i->index != INSN_NO_REG)
		at += *operand_register(v->regs, i->index) * i->scale;
	return operand_counter(i, at);
}

void operand_advance(const struct insn *i, uint64_t *reg, int64_t by)
{
	uint64_t sum = *reg + (uint64_t)by;

	if ((i->flags & INSN_SMALL_ADDRESS) && !(i->flags & INSN_CODE64))
		*reg = (*reg & ~0xffffull) | (sum & 0xffff);
	else
		*reg = operand_counter(i, sum);
}

gva_t operand_linear(const struct vcpu *v, const struct insn *i, uint64_t offset)
{
	if (!(i->flags & INSN_CODE64))
		return GVA((uint32_t)(offset + v->engine->segment_base(v, i->seg)));
	return GVA(i->seg < 4 ? offset : offset + v->engine->segment_base(v, i->seg));
}

gva_t operand_address(const struct vcpu *v, const struct insn *i)
{
	return operand_linear(v, i, operand_offset(v, i));
}

bool operand_fits(uint64_t d, uint64_t limit, const struct span *s)
{
	uint64_t last = s->offset + s->bytes - 1;

	if (!(d & DESC_P) || !(s->write ? desc_writable(d) : desc_readable(d)))
		return false;
	if (!(d & DESC_CODE) && (d & DESC_CONFORM)) /* expands down */
		return s->offset > limit && last <= (d & DESC_DB ? 0xffffffff : 0xffff);
	return last <= limit || limit == 0xffffffff; /* it may wrap, SDM 3A 5.3 */
}

unsigned operand_access(const struct vcpu *v)
{
	return (v->regs->cs & 3) == 3 ? PF_USER : 0;
}

HOT_FRAME bool operand_load(struct vcpu *v, gva_t at, void *to, unsigned bytes)
{
	struct guest_failure f;

	if (!guest_read(v->view, at, to, bytes, operand_access(v), &f))
		return true;
	v->engine->page_fault(v, f.va, f.error);
	return false;
}

HOT_FRAME bool operand_store(struct vcpu *v, gva_t at, const void *from, unsigned bytes)
{
	struct guest_failure f;

	if (!guest_write(v->view, at, from, bytes, operand_access(v), &f))
		return true;
	v->engine->page_fault(v, f.va, f.error);
	return false;
}

unsigned operand_fetch(struct vcpu *v, uint64_t at, uint8_t code[INSN_BYTES])
{
	unsigned in_page = (unsigned)MIN(INSN_BYTES, PAGE_SIZE - (at & ~PAGE_MASK));
	unsigned access = operand_access(v) | PF_FETCH;

	if (guest_read(v->view, GVA(at), code, in_page, access, NULL))
		return 0;
	if (in_page < INSN_BYTES && !guest_read(v->view, GVA(at + in_page), code + in_page,
						INSN_BYTES - in_page, access, NULL))
		return INSN_BYTES;
	return in_page;
}
