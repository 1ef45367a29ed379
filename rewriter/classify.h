/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Converts Zydis's decoding: which instructions are sensitive, and what the hypervisor needs to
 * know about them. */
#pragma once

#include <Zydis/Zydis.h>

#include "insn/insn.h"

struct decoded {
	ZydisDecodedInstruction zydis;
	ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
};

/* How an instruction behaves in ring 1, unpatched. */
enum behaviour {
	PLAIN,	    /* as in ring 0 */
	TRAPS,	    /* traps: the hypervisor emulates it */
	SILENT,	    /* behaves differently without a trap */
	IMPOSSIBLE, /* cannot be made to work under the ring engine */
};

void decoder_init(bool code64);
bool decode(const uint8_t *code, size_t bytes, struct decoded *d);

/* Fills insn (op INSN_OTHER if it is not sensitive). */
enum behaviour classify(const struct decoded *d, struct insn *insn);
const char *op_name(unsigned op);
