/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One decoded sensitive instruction. The hypervisor's decoder produces it at a trap; the rewriter,
 * which decodes with Zydis, stores it in the site table, so that a rewritten site needs no
 * decoding.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
enum insn_op {
	INSN_OTHER, /* not sensitive */
	INSN_CLI, INSN_STI, INSN_HLT, INSN_PUSHF, INSN_POPF, INSN_IRET, INSN_INT,
	INSN_IN, INSN_OUT, INSN_INS, INSN_OUTS,
	INSN_SGDT, INSN_SIDT, INSN_LGDT, INSN_LIDT, INSN_SMSW, INSN_LMSW, INSN_INVLPG,
	INSN_SLDT, INSN_STR, INSN_LLDT, INSN_LTR, INSN_VERR, INSN_VERW, INSN_LAR, INSN_LSL,
	INSN_CLTS, INSN_INVD, INSN_WBINVD,
	INSN_MOV_FROM_CR, INSN_MOV_TO_CR, INSN_MOV_FROM_DR, INSN_MOV_TO_DR,
	INSN_RDMSR, INSN_WRMSR, INSN_XSETBV,
	INSN_MOV_FROM_SEG, INSN_MOV_TO_SEG, INSN_PUSH_SEG, INSN_POP_SEG, INSN_LOAD_FAR,
	INSN_JMP_FAR, INSN_CALL_FAR, INSN_RET_FAR, INSN_JMP_FAR_MEM, INSN_CALL_FAR_MEM,
	INSN_SYSENTER, INSN_SYSEXIT, INSN_SYSRET, INSN_SWAPGS,
	INSN_CPUID,
	INSN_OPS
};
/* clang-format on */

#define INSN_BYTES  15ull /* no instruction is longer */
#define INSN_NO_REG 0xff

enum insn_flags {
	INSN_MEM = 1, /* the r/m operand is memory: seg:[base + index * scale + disp] */
	INSN_REP = 2,
	INSN_DX = 4, /* port in DX, not in imm */
	INSN_CODE64 = 8,
	INSN_SMALL_ADDRESS = 16, /* prefix: 16 bits in 32-bit code, 32 in 64-bit code */
};

struct insn {
	uint8_t op;	/* enum insn_op */
	uint8_t length; /* bytes, 1 to 15 */
	uint8_t width;	/* of the operand: 1, 2, 4 or 8 bytes */
	uint8_t reg;	/* general, control, debug or segment register, by the operation */
	uint8_t base;	/* of a memory operand; otherwise the register itself */
	uint8_t index;
	uint8_t scale;
	uint8_t seg;   /* segment register: ES CS SS DS FS GS = 0..5 */
	uint32_t disp; /* or the offset of a far pointer; signed */
	uint16_t imm;  /* port, vector, selector, bytes to release */
	uint8_t flags; /* enum insn_flags */
	uint8_t zero;
};
_Static_assert(sizeof(struct insn) == 16, "insn");

/* An entry of the site table: a sensitive instruction at its address in the original program. */
struct veneer_site {
	uint32_t address;
	struct insn insn;
};
_Static_assert(sizeof(struct veneer_site) == 20, "site");

/* Stub of an IRET: before an interrupt that arrives in [start, iret] is delivered, the IRET must be
 * completed. */
struct veneer_iret_window {
	uint32_t start, iret;
};

/* Decodes one instruction of 32-bit or (code64) 64-bit code. Returns 0, or -EINVAL if the bytes do
 * not hold a complete one or it is longer than 15 bytes. Other instructions give INSN_OTHER. */
int insn_decode(const uint8_t *code, size_t bytes, bool code64, struct insn *insn);

/* The number of prefix bytes at the beginning. */
unsigned insn_prefixes(const uint8_t *code, size_t bytes, bool code64);
