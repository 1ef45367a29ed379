// SPDX-License-Identifier: GPL-2.0-or-later
/* Port instructions of a virtual machine: what the exit says is what is done, see hvm.h. */
#include "core/guest.h"
#include "core/port_io.h"
#include "hvm/hvm.h"
#include "x86/cpu.h"

enum { ES = 0, DS = 3, FS, GS };

/* What the prefixes of a string instruction say, SDM 2A 2.1.1. */
struct prefixes {
	bool repeat, address;
	uint8_t seg;
};

static bool read_prefixes(const uint8_t *code, unsigned n, bool code64, struct prefixes *p)
{
	*p = (struct prefixes){ .seg = DS };
	for (unsigned i = 0; i < n; i++) {
		switch (code[i]) {
		case 0xf2:
		case 0xf3: p->repeat = true; break;
		case 0x67: p->address = true; break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			if (!code64)
				p->seg = code[i] >> 3 & 3;
			break;
		case 0x64: p->seg = FS; break;
		case 0x65: p->seg = GS; break;
		default:
			if (!hvm_is_prefix(code[i], code64))
				return false;
		}
	}
	return true;
}

/* The instruction that exited has so many bytes, the last of them its opcode. False: another stands
 * there now. */
static bool find_string(struct vcpu *v, const struct hvm_string *s, bool code64, struct prefixes *x)
{
	const struct hvm_port *p = &s->port;
	unsigned n = (unsigned)(p->next_rip - v->regs->rip), bytes;
	uint8_t code[HVM_INSN_MAX];

	bytes = hvm_fetch(v, code);
	return n && n <= bytes && code[n - 1] == (p->in ? 0x6c : 0x6e) + (p->width > 1) &&
	       read_prefixes(code, n - 1, code64, x) && x->repeat == s->repeat;
}

/* Not every processor says a string's address size and segment. */
static bool complete(struct vcpu *v, const struct hvm_string *s, struct insn *i)
{
	bool code64 = hvm_in_code64(v), small = s->address < (code64 ? 8 : 4), in = s->port.in;
	uint8_t seg = in ? ES : s->seg;
	struct prefixes x;

	if (!s->address || seg == HVM_NOT_SAID) {
		if (!find_string(v, s, code64, &x))
			return false;
		small = x.address ^ (!code64 && !hvm_in_code32(v));
		seg = in ? ES : x.seg;
	}
	*i = (struct insn){ .op = in ? INSN_INS : INSN_OUTS, .width = s->port.width, .seg = seg };
	i->flags = INSN_DX | (s->repeat ? INSN_REP : 0) | (code64 ? INSN_CODE64 : 0) |
		   (small ? INSN_SMALL_ADDRESS : 0);
	return true;
}

static void execute(struct vcpu *v, const struct insn *i, uint64_t next_rip)
{
	if (port_io(v, i) == DONE) {
		v->regs->rip = next_rip;
		v->engine->hvm->end_shadow(v);
	}
}

void hvm_string(struct vcpu *v, const struct hvm_string *s)
{
	struct insn i;

	if (complete(v, s, &i))
		execute(v, &i, s->port.next_rip);
}

void hvm_port(struct vcpu *v, const struct hvm_port *p)
{
	const struct insn i = { .op = p->in ? INSN_IN : INSN_OUT,
				.width = p->width,
				.imm = p->port };

	execute(v, &i, p->next_rip);
}
