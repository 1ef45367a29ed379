// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/operand.h"

#include "guest/guest.h"

bool port_io_is(unsigned op)
{
	return op == INSN_IN || op == INSN_OUT || op == INSN_INS || op == INSN_OUTS;
}

static uint16_t port_number(const struct vcpu *v, const struct insn *i)
{
	bool in_dx = (i->flags & INSN_DX) || i->op == INSN_INS || i->op == INSN_OUTS;

	return in_dx ? (uint16_t)v->regs->rdx : i->imm;
}

/* As in a TSS: SDM 1 section 19.5.2. */
bool port_io_permitted(struct vcpu *v, const struct insn *i)
{
	unsigned port = port_number(v, i);
	uint16_t bits = 0xffff;

	if (!v->io_bitmap || guest_read(v->view, GVA(v->io_bitmap + port / 8), &bits, 2, 0, NULL))
		return false;
	return !(bits >> port % 8 & ((1u << i->width) - 1));
}

/* Bytes at one exit; then the core may be interrupted. Each is a register of a device's and takes
 * up to 900 instructions, the exit itself 1 300. */
#define STRING_BYTES 4

/* The address of the next element; false: outside its segment, and a fault was injected. */
static bool string_address(struct vcpu *v, const struct insn *i, uint64_t index, gva_t *at)
{
	uint64_t offset = operand_counter(i, index);
	const struct span s = { offset, i->width, i->op == INSN_INS };

	if (!v->engine->segment_holds(v, i->seg, &s)) {
		v->engine->exception(v, i->seg == 2 ? VECTOR_SS : VECTOR_GP, 0);
		return false;
	}
	*at = operand_linear(v, i, offset);
	return true;
}

HOT_FRAME static enum outcome string_io(struct vcpu *v, const struct insn *i, bool in)
{
	const struct board *b = v->guest->board;
	struct regs *r = v->regs;
	uint64_t *index = in ? &r->rdi : &r->rsi;
	int64_t by = r->rflags & FLAGS_DF ? -(int64_t)i->width : i->width;
	uint16_t port = (uint16_t)r->rdx;
	/* with count-at each may end a line that is counted */
	unsigned cost = *v->guest->config->count_at ? STRING_BYTES : i->width;

	for (unsigned n = 0; n < STRING_BYTES; n += cost) {
		uint32_t value = 0;

		if ((i->flags & INSN_REP) && !operand_counter(i, r->rcx))
			return DONE;
		gva_t at;

		if (!string_address(v, i, *index, &at))
			return JUMPED;
		if (in) {
			value = b ? b->in(v, port, i->width) : ~0u;
			if (!operand_store(v, at, &value, i->width))
				return JUMPED;
		} else {
			if (!operand_load(v, at, &value, i->width))
				return JUMPED;
			if (b)
				b->out(v, port, i->width, value);
		}
		operand_advance(i, index, by);
		if (!(i->flags & INSN_REP))
			return DONE;
		operand_advance(i, &r->rcx, -1);
	}
	return JUMPED; /* to itself */
}

HOT_FRAME enum outcome port_io(struct vcpu *v, const struct insn *i)
{
	uint64_t mask = i->width == 4 ? ~0u : (1u << (8 * i->width)) - 1;
	uint16_t port = port_number(v, i);

	v->counts[COUNT_IO]++;
	const struct board *b = v->guest->board;
	switch (i->op) {
	case INSN_IN:
		operand_set_register(v, 0, b ? b->in(v, port, i->width) : ~0u, i->width);
		return DONE;
	case INSN_OUT:
		if (b)
			b->out(v, port, i->width, (uint32_t)(v->regs->rax & mask));
		return DONE;
	default: return string_io(v, i, i->op == INSN_INS);
	}
}
