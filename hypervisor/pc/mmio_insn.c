// SPDX-License-Identifier: GPL-2.0-or-later
/* Encodings: Intel SDM 2D, appendix A. */
#include "pc/mmio_insn.h"

#include "insn/reader.h"
#include "lib/types.h"

static bool memory_operand(struct reader *r, struct mmio_insn *m, unsigned *reg)
{
	*reg = reader_modrm(r, &m->insn);
	m->reg = m->insn.reg;
	return m->insn.flags & INSN_MEM;
}

/* op with a memory operand and a register. */
static bool with_register(struct reader *r, struct mmio_insn *m, uint8_t op)
{
	unsigned reg;

	m->op = op;
	return memory_operand(r, m, &reg);
}

static bool with_constant(struct reader *r, struct mmio_insn *m, uint8_t op, unsigned bytes)
{
	m->op = op;
	m->reg = INSN_NO_REG;
	m->imm = (uint64_t)(int64_t)(int32_t)reader_take_signed(r, MIN(bytes, 4u));
	return true;
}

/* 80 to 83, F6, F7, FE, FF: the reg field tells the operation. */
static bool group(struct reader *r, struct mmio_insn *m, uint8_t b)
{
	unsigned reg;

	if (!memory_operand(r, m, &reg))
		return false;
	switch (b) {
	case 0x80 ... 0x83: return with_constant(r, m, (uint8_t)reg, b == 0x81 ? m->width : 1);
	case 0xf6 ... 0xf7:
		m->op = reg == 2 ? MMIO_NOT : MMIO_NEG;
		return reg < 2 ? with_constant(r, m, MMIO_TEST, m->width) : reg < 4;
	default:
		m->op = reg == 0 ? MMIO_INC : reg == 1 ? MMIO_DEC : MMIO_PUSH;
		if (reg == 6 && b == 0xff)
			m->width = reader_width(r) == 2 ? 2 : r->code64 ? 8 : 4;
		return reg < 2 || (reg == 6 && b == 0xff);
	}
}

/* MOV between AL or eAX and an absolute address */
static bool absolute(struct reader *r, struct mmio_insn *m, uint8_t b)
{
	m->op = b & 2 ? MMIO_STORE : MMIO_LOAD;
	m->reg = 0;
	m->absolute = true;
	m->imm = reader_take(r, r->addr16 && !r->code64 ? 2 : 4);
	if (r->code64 && !r->addr16)
		m->imm |= (uint64_t)reader_take(r, 4) << 32;
	return true;
}

static bool string(struct mmio_insn *m, uint8_t op)
{
	m->op = op;
	return true;
}

static bool one_byte(struct reader *r, struct mmio_insn *m, uint8_t b)
{
	uint8_t wide = reader_width(r);
	unsigned reg;

	m->width = m->reg_width = b & 1 ? wide : 1;
	switch (b) {
	case 0x00 ... 0x3f: m->to_reg = b & 2; return (b & 7) < 4 && with_register(r, m, b >> 3);
	case 0x63: /* MOVSXD; in 32-bit code, ARPL */
		m->width = 4;
		m->sign = true;
		return r->code64 && with_register(r, m, MMIO_LOAD);
	case 0x80 ... 0x83: return (b != 0x82 || !r->code64) && group(r, m, b);
	case 0x84 ... 0x85: return with_register(r, m, MMIO_TEST);
	case 0x86 ... 0x87: return with_register(r, m, MMIO_XCHG);
	case 0x88 ... 0x8b: return with_register(r, m, b & 2 ? MMIO_LOAD : MMIO_STORE);
	case 0xa0 ... 0xa3: return absolute(r, m, b);
	case 0xa4 ... 0xa5: return string(m, MMIO_MOVS);
	case 0xa6 ... 0xa7: return string(m, MMIO_CMPS);
	case 0xaa ... 0xab: return string(m, MMIO_STOS);
	case 0xac ... 0xad: return string(m, MMIO_LODS);
	case 0xae ... 0xaf: return string(m, MMIO_SCAS);
	case 0xc6 ... 0xc7:
		return memory_operand(r, m, &reg) && !reg &&
		       with_constant(r, m, MMIO_STORE, m->width);
	case 0xf6 ... 0xf7:
	case 0xfe ... 0xff: return group(r, m, b);
	default: return false;
	}
}

static bool two_byte(struct reader *r, struct mmio_insn *m)
{
	uint8_t b = (uint8_t)reader_take(r, 1);
	unsigned reg;

	m->width = m->reg_width = b & 1 ? reader_width(r) : 1;
	switch (b) {
	case 0xa3:
	case 0xab:
	case 0xb3:
	case 0xbb: return with_register(r, m, MMIO_BT + (b >> 3 & 3));
	case 0xb0 ... 0xb1: return with_register(r, m, MMIO_CMPXCHG);
	case 0xb6 ... 0xb7:
	case 0xbe ... 0xbf: /* MOVZX, MOVSX */
		m->width = b & 1 ? 2 : 1;
		m->reg_width = reader_width(r);
		m->sign = b & 8;
		return with_register(r, m, MMIO_LOAD);
	case 0xba:
		m->width = reader_width(r);
		return memory_operand(r, m, &reg) && reg >= 4 &&
		       with_constant(r, m, MMIO_BT + (reg & 3), 1);
	case 0xc0 ... 0xc1: return with_register(r, m, MMIO_XADD);
	case 0xc3: return !r->opsize16 && !r->rep && with_register(r, m, MMIO_STORE); /* MOVNTI */
	default: return false;
	}
}

int mmio_decode(const uint8_t *code, size_t bytes, bool code64, struct mmio_insn *m)
{
	struct reader r = { .code = code, .bytes = bytes, .code64 = code64, .seg = 0xff };

	*m = (struct mmio_insn){ .insn = { .base = INSN_NO_REG, .index = INSN_NO_REG } };
	uint8_t b = reader_opcode(&r, &m->insn);
	m->insn.seg = r.seg != 0xff ? r.seg : DS;
	m->insn.flags |= (code64 ? INSN_CODE64 : 0) | (r.addr16 ? INSN_SMALL_ADDRESS : 0);
	if (!(b == 0x0f ? two_byte(&r, m) : one_byte(&r, m, b)) || r.over)
		return -EINVAL;
	m->high = m->reg_width == 1 && !r.rex && m->reg >= 4 && m->reg < 8;
	m->rep = r.rep;
	m->insn.length = (uint8_t)r.at;
	return 0;
}

bool mmio_stores(const struct mmio_insn *m)
{
	switch (m->op) {
	case MMIO_CMP:
	case MMIO_TEST:
	case MMIO_BT:
	case MMIO_LOAD:
	case MMIO_PUSH: return false;
	default: return !m->to_reg;
	}
}
