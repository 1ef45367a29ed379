// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Length of an instruction that has exited, for processors that do not report it: AMD's without
 * NRIPS, including QEMU's. The exit tells which instruction it is; only its prefixes must be
 * counted. A guest that changes them meanwhile only changes where it continues, by up to 15 bytes
 * and with its own privilege.
 */
#include "engine/hvm/hvm.h"

static void remember(struct vcpu *v, uint64_t root, uint64_t at)
{
	unsigned access = operand_access(v) | PF_FETCH;

	v->hvm->code = (struct code_page){ .page = at >> PAGE_SHIFT,
					   .root = root,
					   .bytes = guest_page(v->view, GVA(at), access) };
}

unsigned hvm_length(struct vcpu *v, const struct code_place *at, unsigned bytes)
{
	uint8_t code[INSN_BYTES];

	if (v->hvm->gate && hvm_pv_in_gate(v->regs->rip))
		return bytes; /* our own code, with no prefixes */
	unsigned fetched = hvm_fetch(v, code);
	unsigned n = insn_prefixes(code, fetched, at->code64) + bytes;
	if (n > fetched)
		return 0;
	remember(v, at->root, at->linear);
	return n;
}
