// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The instruction that has accessed an address without memory, carried out in software: device
 * registers, or nothing, which reads as all ones. Another operand may be in memory. All accesses
 * are made with the rights of the code that runs, so that it does not matter if another vCPU
 * changes the instruction or the tables meanwhile.
 */
#include "guest/operand.h"
#include "pc/mmio_flags.h"
#include "pc/mmio_insn.h"
#include "pc/pc.h"

enum { SEG_ES, SEG_SS = 2 };

/* An operand in memory. */
struct place {
	gva_t va;
	gpa_t gpa; /* of a device, or of a hole */
	bool ram;
	unsigned width;
};

static uint64_t cut(uint64_t value, unsigned width)
{
	return width == 8 ? value : value & ((1ull << 8 * width) - 1);
}

static uint64_t register_value(const struct vcpu *v, const struct mmio_insn *m)
{
	if (m->reg == INSN_NO_REG)
		return cut(m->imm, m->width);
	if (m->high)
		return *operand_register(v->regs, m->reg - 4) >> 8 & 0xff;
	return cut(*operand_register(v->regs, m->reg), m->width);
}

static void set_register(struct vcpu *v, const struct mmio_insn *m, uint64_t value)
{
	if (m->reg_width == 1 && !m->high) /* SPL, BPL, SIL, DIL */
		*(uint8_t *)operand_register(v->regs, m->reg) = (uint8_t)value;
	else
		operand_set_register(v, m->reg, value, m->reg_width);
}

/* False: a fault was injected. */
static bool translated(struct vcpu *v, gva_t va, unsigned access, gpa_t *gpa)
{
	struct translation t;
	unsigned error;

	if (guest_walk(v->view->memory, &v->view->paging, va, operand_access(v) | access, &t,
		       &error)) {
		v->engine->page_fault(v, va, error);
		return false;
	}
	*gpa = t.gpa;
	return true;
}

/* Both pages of an operand are there before a byte of it is written. The same for the result. */
static bool find(struct vcpu *v, const struct insn *i, uint64_t offset, unsigned access,
		 struct place *p)
{
	const struct span s = { offset, p->width, access & PF_WRITE };

	if (!v->engine->segment_holds(v, i->seg, &s)) {
		v->engine->exception(v, i->seg == SEG_SS ? VECTOR_SS : VECTOR_GP, 0);
		return false;
	}
	p->va = guest_linear(v->view, operand_linear(v, i, offset));
	gva_t second = guest_linear(v->view, GVA((p->va.v + p->width - 1) & PAGE_MASK));
	gpa_t unused;

	if (!translated(v, p->va, access, &p->gpa) ||
	    (second.v != (p->va.v & PAGE_MASK) && !translated(v, second, access, &unused)))
		return false;
	p->ram = guest_pointer(v->view->memory, p->gpa, 1) != NULL;
	return true;
}

static bool load(struct vcpu *v, const struct place *p, uint64_t *value)
{
	*value = 0;
	if (p->ram)
		return operand_load(v, p->va, value, p->width);
	*value = cut(pc_read(v, p->gpa, p->width), p->width);
	return true;
}

static bool store(struct vcpu *v, const struct place *p, uint64_t value)
{
	if (p->ram)
		return operand_store(v, p->va, &value, p->width);
	pc_write(v, p->gpa, p->width, value);
	return true;
}

/* --- string instructions: one element, then the core may be interrupted --- */

static bool repeats(const struct vcpu *v, const struct mmio_insn *m)
{
	bool compares = m->op == MMIO_CMPS || m->op == MMIO_SCAS;
	bool equal = v->regs->rflags & FLAGS_ZF;

	return m->rep && operand_counter(&m->insn, v->regs->rcx) &&
	       (!compares || equal == (m->rep == 0xf3));
}

static enum outcome string(struct vcpu *v, const struct mmio_insn *m)
{
	const struct insn *i = &m->insn, to_es = { .seg = SEG_ES, .flags = i->flags };
	struct regs *r = v->regs;
	struct place from = { .width = m->width }, to = from;
	uint64_t a = cut(r->rax, m->width), b = a;
	bool uses_si = m->op != MMIO_STOS && m->op != MMIO_SCAS, uses_di = m->op != MMIO_LODS;
	bool writes = m->op == MMIO_MOVS || m->op == MMIO_STOS;
	int64_t by = r->rflags & FLAGS_DF ? -(int64_t)m->width : m->width;

	if (m->rep && !operand_counter(i, r->rcx))
		return DONE;
	if (uses_si && (!find(v, i, operand_counter(i, r->rsi), 0, &from) || !load(v, &from, &a)))
		return JUMPED;
	if (uses_di && !find(v, &to_es, operand_counter(i, r->rdi), writes ? PF_WRITE : 0, &to))
		return JUMPED;
	if (uses_di && !(writes ? store(v, &to, a) : load(v, &to, &b)))
		return JUMPED;
	if (m->op == MMIO_LODS)
		operand_set_register(v, 0, a, m->width);
	else if (!writes)
		mmio_arithmetic(MMIO_CMP, a, b, m->width, &r->rflags);
	if (uses_si)
		operand_advance(i, &r->rsi, by);
	if (uses_di)
		operand_advance(i, &r->rdi, by);
	if (m->rep)
		operand_advance(i, &r->rcx, -1);
	return repeats(v, m) ? JUMPED : DONE; /* to itself */
}

/* --- all others --- */

static enum outcome push(struct vcpu *v, const struct mmio_insn *m, uint64_t value)
{
	const struct insn stack = { .seg = SEG_SS, .flags = m->insn.flags & INSN_CODE64 };
	struct place to = { .width = m->width };
	uint64_t at = operand_counter(&stack, v->regs->rsp - m->width);

	if (!find(v, &stack, at, PF_WRITE, &to) || !store(v, &to, value))
		return JUMPED;
	v->regs->rsp = at;
	return DONE;
}

static enum outcome load_register(struct vcpu *v, const struct mmio_insn *m, uint64_t value)
{
	unsigned unused = 64 - 8 * m->width;

	if (m->sign)
		value = (uint64_t)((int64_t)(value << unused) >> unused);
	set_register(v, m, value);
	return DONE;
}

/* Reads, computes, and writes what is written. The register changes last: a store may fault. */
static enum outcome compute(struct vcpu *v, const struct mmio_insn *m, const struct place *p,
			    uint64_t a)
{
	uint64_t b = register_value(v, m), flags = v->regs->rflags, result;

	switch (m->op) {
	case MMIO_PUSH: return push(v, m, a);
	case MMIO_LOAD: return load_register(v, m, a);
	case MMIO_XCHG: result = b; break;
	case MMIO_CMPXCHG:
		mmio_arithmetic(MMIO_CMP, cut(v->regs->rax, m->width), a, m->width, &flags);
		result = flags & FLAGS_ZF ? b : a;
		break;
	default:
		result = m->to_reg ? mmio_arithmetic(m->op, b, a, m->width, &flags)
				   : mmio_arithmetic(m->op, a, b, m->width, &flags);
	}
	if (mmio_stores(m) && !store(v, p, result))
		return JUMPED;
	v->regs->rflags = flags;
	if (m->to_reg && m->op != MMIO_CMP)
		set_register(v, m, result);
	else if (m->op == MMIO_XCHG || m->op == MMIO_XADD)
		set_register(v, m, a);
	else if (m->op == MMIO_CMPXCHG && !(flags & FLAGS_ZF))
		operand_set_register(v, 0, a, m->width);
	return DONE;
}

/* A bit's number in a register may be beyond the operand, to both sides. */
static uint64_t offset_of(const struct vcpu *v, const struct mmio_insn *m)
{
	uint64_t offset = m->absolute ? m->imm : operand_offset(v, &m->insn);
	unsigned unused = 64 - 8 * m->width;

	if (m->op < MMIO_BT || m->op > MMIO_BTC || m->reg == INSN_NO_REG)
		return offset;
	int64_t bit = (int64_t)(*operand_register(v->regs, m->reg) << unused) >> unused;
	return operand_counter(&m->insn, offset + (uint64_t)(bit >> 3 & -(int64_t)m->width));
}

/* A move needs no walk if its address is known: the processor has made one. */
static bool is_known(const struct mmio_insn *m, const struct board_access *a)
{
	return ~a->at.v && (m->op == MMIO_LOAD || (m->op == MMIO_STORE && a->write));
}

static enum outcome execute(struct vcpu *v, const struct mmio_insn *m, const struct board_access *a)
{
	struct place p = { .gpa = a->at, .width = m->width };
	uint64_t value = 0;

	if (m->op >= MMIO_MOVS)
		return string(v, m);
	if (!is_known(m, a) &&
	    !find(v, &m->insn, offset_of(v, m), mmio_stores(m) ? PF_WRITE : 0, &p))
		return JUMPED;
	if (m->op == MMIO_STORE)
		return store(v, &p, register_value(v, m)) ? DONE : JUMPED;
	return load(v, &p, &value) ? compute(v, m, &p, value) : JUMPED;
}

enum outcome pc_outside(struct vcpu *v, const struct board_access *a, unsigned *length)
{
	unsigned bits = v->engine->code_bits(v), bytes;
	uint8_t code[INSN_BYTES];
	struct mmio_insn m;

	bytes = v->engine->fetch(v, code);
	if (bits == 16 || mmio_decode(code, bytes, bits == 64, &m))
		return INVALID;
	v->counts[COUNT_IO]++;
	*length = m.insn.length;
	return execute(v, &m, a);
}
