// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptor tables: GDTR, IDTR, LDTR, TR, and what a descriptor is. */
#include "engine/ring/emulate/emulate.h"

enum outcome emulate_store_table(struct vcpu *v, const struct insn *i)
{
	const struct legacy_state *l = &v->legacy;
	bool idt = i->op == INSN_SIDT, pv = !v->guest->board;
	uint64_t base = idt ? l->idt_base : pv ? v->pv_gdt_base : l->gdt_base;
	uint64_t limit = idt ? l->idt_limit : pv ? v->pv_gdt_limit : l->gdt_limit;
	uint64_t table[2] = { (limit & 0xffff) | base << 16, base >> 48 };

	return ring_store_memory(v, i, table, pv ? 10 : 6) ? DONE : JUMPED;
}

/* Once until the guest restarts. */
static void warn_if_not_flat(struct vcpu *v)
{
	for (unsigned i = 1; i < SEL_GUEST_MAX / 8 && !v->ring->warned; i++) {
		uint64_t d = v->ring->gdt[i];

		if ((d & (DESC_S | DESC_CODE)) != DESC_S || !(d & DESC_BASE))
			continue;
		v->ring->warned = true;
		console_guest_notice(v->guest,
				     "GDT entry %u has a base: rewritten code that runs with it "
				     "in DS is not safe",
				     i);
	}
}

enum outcome emulate_load_table(struct vcpu *v, const struct insn *i)
{
	uint64_t table = 0; /* limit, base */

	if (!ring_load_memory(v, i, &table, 6))
		return JUMPED;
	if (i->op == INSN_LIDT) {
		v->legacy.idt_base = table >> 16;
		v->legacy.idt_limit = (uint16_t)table;
		return DONE;
	}
	const uint64_t before[2] = { ring_descriptor(v, v->regs->cs),
				     ring_descriptor(v, v->regs->ss) };
	v->legacy.gdt_base = table >> 16;
	v->legacy.gdt_limit = (uint16_t)table;
	if (!ring_gdt_load(v))
		return JUMPED;
	ring_gdt_keep(v, before);
	ring_gdt_watch(v);
	if (v->guest->image.prepare == PREPARE_REWRITTEN)
		warn_if_not_flat(v);
	return DONE;
}

/* SLDT, STR, SMSW */
enum outcome emulate_store_word(struct vcpu *v, const struct insn *i)
{
	const struct legacy_state *l = &v->legacy;

	return ring_store_operand(v, i,
				  i->op == INSN_SLDT  ? l->ldtr
				  : i->op == INSN_STR ? l->tr
						      : l->cr0);
}

/* A descriptor of the GDT for LLDT or LTR, SDM 2A. False: the guest gets #GP. */
static bool read_system(struct vcpu *v, uint16_t selector, unsigned type, uint64_t *d)
{
	*d = selector & 4 ? 0 : ring_gdt_read(v, selector);
	if ((*d & (DESC_P | DESC_S)) == DESC_P && desc_type(*d) == type)
		return true;
	ring_exception(v, VECTOR_GP, selector & ~3u);
	return false;
}

enum outcome emulate_lldt(struct vcpu *v, const struct insn *i)
{
	struct legacy_state *l = &v->legacy;
	uint16_t selector;
	uint64_t d = 0;

	if (!ring_load_operand16(v, i, &selector))
		return JUMPED;
	bool none = !(selector & ~3u);
	if (!none && !read_system(v, selector, DESC_TYPE_LDT, &d))
		return JUMPED;
	l->ldtr = selector;
	l->ldt_base = desc_base(d);
	l->ldt_limit = none ? 0 : desc_limit(d);
	ring_ldt_done(v, ring_set_ldt(v, GVA(l->ldt_base),
				      none ? 0 : MIN((l->ldt_limit + 1) / 8, PV_LDT_MAX)));
	return DONE;
}

enum outcome emulate_ltr(struct vcpu *v, const struct insn *i)
{
	uint16_t selector;
	uint64_t d;

	if (!ring_load_operand16(v, i, &selector) || !read_system(v, selector, DESC_TYPE_TSS32, &d))
		return JUMPED;
	v->legacy.tr = selector;
	v->legacy.tr_base = desc_base(d);
	v->legacy.tr_limit = desc_limit(d);
	d |= 2ull << 40; /* busy */
	gva_t at = GVA((uint32_t)(v->legacy.gdt_base + (selector & ~7u)));
	return operand_store(v, at, &d, sizeof(d)) ? DONE : JUMPED;
}

/* System descriptors that LAR and LSL accept, by type: SDM 2A, tables 3-53 and 3-64. */
#define LAR_TYPES 0x1a3e
#define LSL_TYPES 0x0a0e

/* VERR, VERW, LAR, LSL: what a descriptor is to the kernel in its ring 0. */
enum outcome emulate_ask(struct vcpu *v, const struct insn *i)
{
	uint16_t selector;

	if (!ring_load_operand16(v, i, &selector))
		return JUMPED;
	uint64_t d = ring_gdt_read(v, selector);
	bool ok = d && desc_reachable(d, MAX(virtual_cpl(v->regs->cs), selector & 3u));
	if (ok && i->op == INSN_VERR)
		ok = desc_readable(d);
	else if (ok && i->op == INSN_VERW)
		ok = desc_writable(d);
	else if (ok && !(d & DESC_S))
		ok = (i->op == INSN_LAR ? LAR_TYPES : LSL_TYPES) >> desc_type(d) & 1;
	if (ok && i->op >= INSN_LAR)
		operand_set_register(v, i->reg,
				     i->op == INSN_LAR ? (d >> 32) & 0xf0ff00 : desc_limit(d),
				     i->width);
	v->regs->rflags = (v->regs->rflags & ~0x40ull) | (ok ? 0x40 : 0); /* ZF */
	return DONE;
}
