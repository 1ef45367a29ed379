/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions with an operand in memory, as compilers and drivers use them for device registers:
 * moves, arithmetic, bits, exchanges, string instructions and PUSH. Not: shifts, multiplication,
 * POP, far pointers, x87 and vectors.
 */
#pragma once

#include "insn/insn.h"

/* clang-format off */
enum mmio_op {
	MMIO_ADD, MMIO_OR, MMIO_ADC, MMIO_SBB, MMIO_AND, MMIO_SUB, MMIO_XOR, MMIO_CMP, /* as encoded */
	MMIO_TEST, MMIO_NOT, MMIO_NEG, MMIO_INC, MMIO_DEC,
	MMIO_BT, MMIO_BTS, MMIO_BTR, MMIO_BTC, /* as encoded */
	MMIO_XCHG, MMIO_XADD, MMIO_CMPXCHG,
	MMIO_LOAD, MMIO_STORE, MMIO_PUSH,
	MMIO_MOVS, MMIO_CMPS, MMIO_STOS, MMIO_LODS, MMIO_SCAS
};
/* clang-format on */

struct mmio_insn {
	struct insn insn; /* its operand in memory (of a string instruction, the source's segment),
			   * length and flags; not its op, width and reg */
	uint8_t op;	  /* enum mmio_op */
	uint8_t width;	  /* of the memory operand: 1, 2, 4 or 8 bytes */
	uint8_t reg;	  /* INSN_NO_REG: the constant */
	uint8_t reg_width;
	bool high;     /* reg is AH, CH, DH or BH: 4 to 7, of 8 bits, without REX */
	bool to_reg;   /* arithmetic: the result goes to the register */
	bool sign;     /* MMIO_LOAD extends the sign, else zeros */
	bool absolute; /* imm is the operand's offset */
	uint8_t rep;   /* the last of F2 and F3; 0: none */
	uint64_t imm;
};

/* Returns 0, or -EINVAL for any other instruction. */
int mmio_decode(const uint8_t *code, size_t bytes, bool code64, struct mmio_insn *m);

/* Whether the memory operand is written. */
bool mmio_stores(const struct mmio_insn *m);
