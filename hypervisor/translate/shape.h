/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any instruction of 32-bit or 64-bit code: where its parts are, and where it leads to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum insn_flow {
	FLOW_NEXT,
	FLOW_JUMP,	/* to a constant */
	FLOW_CALL,	/* to a constant */
	FLOW_CONDITION, /* Jcc */
	FLOW_COUNT,	/* LOOP, LOOPE, LOOPNE, JECXZ: a displacement of 8 bits alone */
	FLOW_JUMP_TO,	/* to what an operand contains */
	FLOW_CALL_TO,	/* the same */
	FLOW_RETURN,	/* near */
	FLOW_FAR,   /* a far transfer, IRET, INT n, SYSCALL, SYSENTER, ...: elsewhere, or next */
	FLOW_ABORT, /* XBEGIN: when the transaction aborts, to a constant */
	FLOW_UNDEFINED, /* UD0, UD1, UD2 */
};

struct insn_shape {
	uint8_t length;	   /* bytes, 1 to 15 */
	uint8_t prefixes;  /* legacy and REX prefixes before the opcode */
	uint8_t modrm;	   /* offset of that byte; 0: none */
	uint8_t flow;	   /* enum insn_flow */
	uint8_t condition; /* of FLOW_CONDITION: the low four bits of the opcode */
	bool small;	   /* a flow's operand, or what a return takes, has 16 bits */
	bool small_count;  /* FLOW_COUNT by CX, or in 64-bit code by ECX */
	uint16_t release;  /* FLOW_RETURN: bytes of the stack besides the address */
	int32_t distance;  /* of a constant's flow: from the next instruction */
};

/* Returns 0, -E2BIG if the instruction has more than 15 bytes, which is #GP, or -EINVAL if the
 * bytes do not begin with a complete instruction that this decoder knows. xop: whether the
 * processor has AMD's XOP, whose prefix is elsewhere a POP with another reg field. Encodings: Intel
 * SDM 2, chapter 2 and appendix A; AMD's XOP and 3DNow!: APM 3, appendix A. An instruction that a
 * processor refuses may be accepted, with the length that would follow from its opcode. */
int insn_shape(const uint8_t *code, size_t bytes, bool code64, bool xop, struct insn_shape *shape);
