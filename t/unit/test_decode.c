// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hypervisor's decoder against Zydis: if it finds an instruction sensitive, Zydis must decode
 * the same operation, length and operands; if Zydis finds it sensitive, it must do so too.
 */
#include "classify.h"
#include "tap.h"

static void print_insn(const char *who, const struct insn *i)
{
	printf("# %s: op %u (%s) length %u width %u reg %u base %u index %u scale %u seg %u disp "
	       "%#x imm %#x flags %#x\n",
	       who, i->op, op_name(i->op), i->length, i->width, i->reg, i->base, i->index, i->scale,
	       i->seg, i->disp, i->imm, i->flags);
}

static bool uses_memory(const struct insn *i)
{
	return i->flags & INSN_MEM;
}

/* Compares only what the emulation of each operation uses. */
static bool same(const struct insn *a, const struct insn *b)
{
	if (a->op != b->op || a->length != b->length || uses_memory(a) != uses_memory(b))
		return false;
	if (uses_memory(a) &&
	    (a->base != b->base || a->index != b->index || a->disp != b->disp || a->seg != b->seg ||
	     (a->index != INSN_NO_REG && a->scale != b->scale)))
		return false;
	switch (a->op) {
	case INSN_IN:
	case INSN_OUT:
		return a->width == b->width && (a->flags & INSN_DX) == (b->flags & INSN_DX) &&
		       a->imm == b->imm;
	case INSN_INS:
	case INSN_OUTS:
		return a->width == b->width &&
		       ((a->flags ^ b->flags) & (INSN_REP | INSN_SMALL_ADDRESS)) == 0 &&
		       (a->op == INSN_INS || a->seg == b->seg);
	case INSN_MOV_FROM_CR:
	case INSN_MOV_TO_CR:
	case INSN_MOV_FROM_DR:
	case INSN_MOV_TO_DR: return a->reg == b->reg && a->base == b->base;
	case INSN_MOV_FROM_SEG:
	case INSN_MOV_TO_SEG: return a->reg == b->reg && (uses_memory(a) || a->base == b->base);
	case INSN_PUSH_SEG:
	case INSN_POP_SEG: return a->reg == b->reg && a->width == b->width;
	case INSN_INT: return a->imm == b->imm;
	case INSN_PUSHF:
	case INSN_POPF:
	case INSN_IRET: return a->width == b->width;
	case INSN_JMP_FAR:
	case INSN_CALL_FAR: return a->disp == b->disp && a->imm == b->imm && a->width == b->width;
	case INSN_RET_FAR: return a->imm == b->imm && a->width == b->width;
	case INSN_LAR:
	case INSN_LSL: return a->reg == b->reg && a->width == b->width;
	case INSN_LOAD_FAR: return a->reg == b->reg && a->imm == b->imm && a->width == b->width;
	default: return true;
	}
}

/* Bytes that are likely to decode: prefixes, then an opcode near the sensitive ones, then random
 * bytes. */
static void random_bytes(uint8_t *code, bool code64)
{
	static const uint8_t prefix[] = { 0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x26,
					  0x36, 0x3e, 0x64, 0x65, 0xf0 };
	static const uint8_t one[] = { 0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x6c, 0x6d,
				       0x6e, 0x6f, 0x8c, 0x8e, 0x9a, 0x9c, 0x9d, 0xc4, 0xc5,
				       0xca, 0xcb, 0xcc, 0xcd, 0xcf, 0xe4, 0xe5, 0xe6, 0xe7,
				       0xea, 0xec, 0xed, 0xee, 0xef, 0xf4, 0xfa, 0xfb, 0xff };
	static const uint8_t two[] = { 0x00, 0x01, 0x02, 0x03, 0x06, 0x07, 0x08, 0x09,
				       0x20, 0x21, 0x22, 0x23, 0x30, 0x32, 0x34, 0x35,
				       0xa0, 0xa1, 0xa8, 0xa9, 0xb2, 0xb4, 0xb5 };
	unsigned n = 0;

	for (unsigned i = 0; i < 15; i++)
		code[i] = (uint8_t)rnd();
	while (rnd() % 3 == 0 && n < 4)
		code[n++] = prefix[rnd() % sizeof(prefix)];
	if (code64 && rnd() % 2)
		code[n++] = 0x40 | (rnd() & 15);
	if (rnd() % 8 == 0)
		return;
	if (rnd() % 2) {
		code[n] = one[rnd() % sizeof(one)];
	} else {
		code[n++] = 0x0f;
		code[n] = two[rnd() % sizeof(two)];
	}
}

/* Whether the hypervisor emulates it for 64-bit guests. */
static bool matters_in_64(unsigned op)
{
	return op == INSN_IN || op == INSN_OUT || op == INSN_INS || op == INSN_OUTS ||
	       op == INSN_INT;
}

static void run(bool code64, unsigned rounds)
{
	unsigned checked = 0, wrong = 0;

	decoder_init(code64);
	for (unsigned round = 0; round < rounds; round++) {
		uint8_t code[15];
		struct decoded d;
		struct insn ours, theirs;

		random_bytes(code, code64);
		bool valid = decode(code, 15, &d);
		bool got = !insn_decode(code, 15, code64, &ours);
		if (!valid) /* #UD has priority over #GP, so the decoder is not called */
			continue;
		classify(&d, &theirs);
		if (theirs.op == INSN_OTHER && (!got || ours.op == INSN_OTHER))
			continue;
		if (code64 && !matters_in_64(ours.op) && !matters_in_64(theirs.op))
			continue;
		checked++;
		if (got && same(&ours, &theirs))
			continue;
		if (wrong++ < 5) {
			tap_bytes(code, 15);
			printf(" (%s)\n", ZydisMnemonicGetString(d.zydis.mnemonic));
			print_insn("ours ", &ours);
			print_insn("Zydis", &theirs);
		}
	}
	ok(checked > rounds / 20 && !wrong,
	   "%d-bit: %u sensitive instructions, %u decoded otherwise", code64 ? 64 : 32, checked,
	   wrong);
}

static void truncated(void)
{
	static const uint8_t lgdt[] = {
		0x66, 0x2e, 0x0f, 0x01, 0x94, 0x8b, 0x78, 0x56, 0x34, 0x12
	};
	struct insn i;
	unsigned refused = 0;

	for (unsigned n = 0; n < sizeof(lgdt); n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, lgdt, n);
		refused += insn_decode(copy, n, false, &i) != 0;
		free(copy);
	}
	ok(refused == sizeof(lgdt) && !insn_decode(lgdt, sizeof(lgdt), false, &i) &&
		   i.op == INSN_LGDT && i.disp == 0x12345678 && i.seg == 1,
	   "an instruction cut short is refused at every byte");
	uint8_t prefixes[16];
	memset(prefixes, 0x66, 16);
	prefixes[15] = 0xfa;
	ok(insn_decode(prefixes, 16, false, &i) != 0, "more than 15 bytes are refused");
}

int main(void)
{
	run(false, 2000000);
	run(true, 2000000);
	truncated();
	return done_testing();
}
