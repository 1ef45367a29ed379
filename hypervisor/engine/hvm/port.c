// SPDX-License-Identifier: GPL-2.0-or-later
/* Port instructions of a virtual machine: emulated from the exit information, see hvm.h. */
#include "engine/hvm/hvm.h"
#include "guest/port_io.h"

/* The instruction that exited ends at next_rip, with its opcode. False: the code was changed. A
 * LOCK prefix, which QEMU 7.2 accepts, is ignored: otherwise the guest would execute it again
 * forever. */
static bool find_string(struct vcpu *v, const struct hvm_port *p, bool code64, struct insn *i)
{
	unsigned n = (unsigned)(p->next_rip - v->regs->rip), bytes;
	uint8_t code[INSN_BYTES];

	bytes = hvm_fetch(v, code);
	return n && n <= bytes && !insn_decode(code, n, code64, i) &&
	       insn_prefixes(code, n, code64) == n - 1 &&
	       code[n - 1] == (p->in ? 0x6c : 0x6e) + (p->width > 1) &&
	       !(i->flags & INSN_REP) == !p->repeat;
}

static void execute(struct vcpu *v, const struct insn *i, uint64_t next_rip)
{
	if (port_io(v, i) == DONE) {
		v->regs->rip = next_rip;
		hvm_vendor->end_shadow(v);
	}
}

/* Not every processor reports the address size and segment of string instructions. */
void hvm_string(struct vcpu *v, const struct hvm_port *p)
{
	bool code64 = hvm_in_code64(v), small = p->address < (code64 ? 8 : 4);
	uint8_t seg = p->in ? 0 : p->seg; /* INS: to ES */
	struct insn i;

	if (!p->address || seg == HVM_NOT_SAID) {
		if (!find_string(v, p, code64, &i))
			return;
		small = i.flags & INSN_SMALL_ADDRESS;
		small ^= hvm_code_bits(v) == 16;
		seg = i.seg;
	}
	i = (struct insn){ .op = p->in ? INSN_INS : INSN_OUTS, .width = p->width, .seg = seg };
	i.flags = INSN_DX | (p->repeat ? INSN_REP : 0) | (code64 ? INSN_CODE64 : 0) |
		  (small ? INSN_SMALL_ADDRESS : 0);
	execute(v, &i, p->next_rip);
}

void hvm_port(struct vcpu *v, const struct hvm_port *p)
{
	const struct insn i = { .op = p->in ? INSN_IN : INSN_OUT,
				.width = p->width,
				.imm = p->port };

	execute(v, &i, p->next_rip);
}
