/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From Zydis's decoding to ours: which instructions are sensitive, and what the hypervisor needs to
 * know of them. */
#ifndef REWRITER_CLASSIFY_H
#define REWRITER_CLASSIFY_H

#include <Zydis/Zydis.h>

#include "insn/insn.h"

struct decoded {
	ZydisDecodedInstruction zydis;
	ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
};

/* How an instruction behaves in ring 1, unpatched. */
enum behaviour {
	PLAIN,	    /* as in ring 0 */
	TRAPS,	    /* by itself: the hypervisor emulates it */
	SILENT,	    /* does something else without a trap */
	IMPOSSIBLE, /* cannot be made to work under the ring engine */
};

void decoder_init(bool code64);
bool decode(const uint8_t *code, size_t bytes, struct decoded *d);

/* Fills insn (op INSN_OTHER when plain). */
enum behaviour classify(const struct decoded *d, struct insn *insn);
const char *op_name(unsigned op);

#endif
