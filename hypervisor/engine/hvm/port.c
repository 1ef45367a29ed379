// SPDX-License-Identifier: GPL-2.0-or-later
/* Port instructions of a virtual machine: emulated from the exit information, see hvm.h. */
#include "engine/hvm/hvm.h"

/* The instruction that exited ends at next_rip, with its opcode. False: the code was changed. A
 * LOCK prefix, which QEMU 7.2 accepts, is ignored: otherwise the guest would execute it again
 * forever. */
static bool find_string(struct vcpu *v, const struct insn *exited, uint64_t next_rip, bool code64,
			struct insn *i)
{
	unsigned n = (unsigned)(next_rip - v->regs->rip), bytes;
	uint8_t code[INSN_BYTES];

	bytes = hvm_fetch(v, code);
	return n && n <= bytes && !insn_decode(code, n, code64, i) &&
	       insn_prefixes(code, n, code64) == n - 1 &&
	       code[n - 1] == (exited->op == INSN_INS ? 0x6c : 0x6e) + (exited->width > 1) &&
	       (i->flags & INSN_REP) == (exited->flags & INSN_REP);
}

void hvm_port(struct vcpu *v, const struct insn *i, uint64_t next_rip)
{
	if (port_io(v, i) == DONE) {
		v->regs->rip = next_rip;
		hvm_vendor->end_shadow(v);
	}
}

/* Not every processor reports the address size and segment of string instructions. */
void hvm_string(struct vcpu *v, struct insn *i, unsigned address, uint64_t next_rip)
{
	bool code64 = hvm_in_code64(v), small = address < (code64 ? 8 : 4);
	struct insn found;

	if (i->op == INSN_INS)
		i->seg = 0; /* to ES */
	if (!address || i->seg == HVM_NOT_SAID) {
		if (!find_string(v, i, next_rip, code64, &found))
			return;
		small = found.flags & INSN_SMALL_ADDRESS;
		small ^= hvm_code_bits(v) == 16;
		i->seg = found.seg;
	}
	i->flags |= INSN_DX | (code64 ? INSN_CODE64 : 0) | (small ? INSN_SMALL_ADDRESS : 0);
	hvm_port(v, i, next_rip);
}
