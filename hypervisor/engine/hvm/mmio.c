// SPDX-License-Identifier: GPL-2.0-or-later
/* Accesses of a virtual machine to guest-physical addresses without memory: device registers, or
 * nothing, which reads as all ones. */
#include "engine/hvm/hvm.h"

static uint64_t mask_of(unsigned width)
{
	return width == 8 ? ~0ull : (1ull << 8 * width) - 1;
}

static uint64_t stored_value(struct vcpu *v, const struct insn_move *m)
{
	if (m->reg == INSN_NO_REG)
		return m->imm & mask_of(m->width);
	if (m->high)
		return *operand_register(v->regs, m->reg - 4) >> 8 & 0xff;
	return *operand_register(v->regs, m->reg) & mask_of(m->width);
}

static void load_value(struct vcpu *v, const struct insn_move *m, uint64_t value)
{
	unsigned unused = 64 - 8 * m->width;

	if (m->sign)
		value = (uint64_t)((int64_t)(value << unused) >> unused);
	if (m->reg_width == 1 && !m->high) /* SPL, BPL, SIL, DIL */
		*(uint8_t *)operand_register(v->regs, m->reg) = (uint8_t)value;
	else
		operand_set_register(v, m->reg, value, m->reg_width);
}

/* The exit gives the address, and that the guest's tables allow the load or store. Width and
 * register are decoded; they are the guest's choice in any case. */
void hvm_outside(struct vcpu *v, gpa_t at, enum hvm_access access)
{
	const struct board *b = v->guest->board;
	struct insn_move m;
	uint8_t code[INSN_BYTES];
	unsigned bytes = b && access != HVM_NOT_DATA ? hvm_fetch(v, code) : 0;

	if (!bytes || insn_decode_move(code, bytes, hvm_in_code64(v), &m)) {
		guest_crash(v->guest,
			    "access to guest-physical address %lx, which is outside its memory",
			    at.v);
		return;
	}
	if (m.store != (access == HVM_STORE))
		return; /* changed since: it is executed again */
	v->counts[COUNT_IO]++;
	if (m.store)
		b->write(v, at, m.width, stored_value(v, &m));
	else
		load_value(v, &m, b->read(v, at, m.width) & mask_of(m.width));
	hvm_skip(v, m.length);
}
