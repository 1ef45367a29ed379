// SPDX-License-Identifier: GPL-2.0-or-later
/* insn_shape() against Zydis: every instruction that Zydis decodes has the same parts and flow. */
#include "classify.h"
#include "lib/types.h"
#include "translate/shape.h"
#include "tap.h"

static const struct {
	ZydisMnemonic mnemonic;
	uint8_t flow;
} flows[] = {
	{ ZYDIS_MNEMONIC_LOOP, FLOW_COUNT },	{ ZYDIS_MNEMONIC_LOOPE, FLOW_COUNT },
	{ ZYDIS_MNEMONIC_LOOPNE, FLOW_COUNT },	{ ZYDIS_MNEMONIC_JCXZ, FLOW_COUNT },
	{ ZYDIS_MNEMONIC_JECXZ, FLOW_COUNT },	{ ZYDIS_MNEMONIC_JRCXZ, FLOW_COUNT },
	{ ZYDIS_MNEMONIC_UD0, FLOW_UNDEFINED }, { ZYDIS_MNEMONIC_UD1, FLOW_UNDEFINED },
	{ ZYDIS_MNEMONIC_UD2, FLOW_UNDEFINED }, { ZYDIS_MNEMONIC_IRET, FLOW_FAR },
	{ ZYDIS_MNEMONIC_IRETD, FLOW_FAR },	{ ZYDIS_MNEMONIC_IRETQ, FLOW_FAR },
	{ ZYDIS_MNEMONIC_INT, FLOW_FAR },	{ ZYDIS_MNEMONIC_INT1, FLOW_FAR },
	{ ZYDIS_MNEMONIC_INT3, FLOW_FAR },	{ ZYDIS_MNEMONIC_INTO, FLOW_FAR },
	{ ZYDIS_MNEMONIC_SYSCALL, FLOW_FAR },	{ ZYDIS_MNEMONIC_SYSRET, FLOW_FAR },
	{ ZYDIS_MNEMONIC_SYSENTER, FLOW_FAR },	{ ZYDIS_MNEMONIC_SYSEXIT, FLOW_FAR },
	{ ZYDIS_MNEMONIC_XBEGIN, FLOW_ABORT },
};

static bool has_constant(const struct decoded *d)
{
	return d->zydis.raw.imm[0].is_relative && d->zydis.raw.imm[0].size;
}

static uint8_t flow_of(const struct decoded *d)
{
	bool far_away = d->zydis.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;

	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
		if (flows[i].mnemonic == d->zydis.mnemonic)
			return flows[i].flow;
	switch (d->zydis.meta.category) {
	case ZYDIS_CATEGORY_COND_BR: return has_constant(d) ? FLOW_CONDITION : FLOW_NEXT;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return far_away ? FLOW_FAR : has_constant(d) ? FLOW_JUMP : FLOW_JUMP_TO;
	case ZYDIS_CATEGORY_CALL:
		return far_away ? FLOW_FAR : has_constant(d) ? FLOW_CALL : FLOW_CALL_TO;
	case ZYDIS_CATEGORY_RET: return far_away ? FLOW_FAR : FLOW_RETURN;
	default: return FLOW_NEXT;
	}
}

static bool same(const struct decoded *d, const struct insn_shape *s)
{
	const ZydisDecodedInstruction *z = &d->zydis;
	bool constant = s->flow == FLOW_JUMP || s->flow == FLOW_CALL || s->flow == FLOW_CONDITION ||
			s->flow == FLOW_COUNT || s->flow == FLOW_ABORT;

	if (z->length != s->length || flow_of(d) != s->flow || z->raw.modrm.offset != s->modrm)
		return false;
	if (constant && z->raw.imm[0].value.s != s->distance)
		return false;
	if (s->flow == FLOW_CONDITION && (z->opcode & 15) != s->condition)
		return false;
	if (s->flow == FLOW_COUNT &&
	    s->small_count !=
		    (z->address_width < (z->machine_mode == ZYDIS_MACHINE_MODE_LONG_64 ? 64 : 32)))
		return false;
	return s->flow != FLOW_RETURN || !z->raw.imm[0].size || z->raw.imm[0].value.u == s->release;
}

/* A branch of the first Xeon Phi, whose encoding others use otherwise. */
static bool is_xeon_phi(const struct decoded *d)
{
	return d->zydis.meta.isa_set == ZYDIS_ISA_SET_KNCJKBR;
}

static void random_bytes(uint8_t *code, bool code64)
{
	static const uint8_t prefix[] = { 0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x64, 0xf0 };
	static const uint8_t start[] = {
		0x0f, 0x0f, 0x0f, 0x62, 0xc4, 0xc5, 0x8f, 0xff, 0xf6, 0xf7
	};
	unsigned n = 0;

	for (unsigned i = 0; i < 15; i++)
		code[i] = (uint8_t)rnd();
	while (rnd() % 4 == 0 && n < 4)
		code[n++] = prefix[rnd() % sizeof(prefix)];
	if (code64 && rnd() % 3 == 0)
		code[n++] = 0x40 | (rnd() & 15);
	if (rnd() % 2)
		code[n] = start[rnd() % sizeof(start)];
}

static void print(const uint8_t *code, const struct decoded *d, bool got,
		  const struct insn_shape *s)
{
	tap_bytes(code, 15);
	printf("\n# Zydis: %s, length %u, flow %u, modrm %u; ours:%s length %u, flow %u, modrm %u, "
	       "distance %d\n",
	       ZydisMnemonicGetString(d->zydis.mnemonic), d->zydis.length, flow_of(d),
	       d->zydis.raw.modrm.offset, got ? "" : " refused,", s->length, s->flow, s->modrm,
	       s->distance);
}

static void run(bool code64, unsigned rounds)
{
	unsigned checked = 0, wrong = 0;

	decoder_init(code64);
	for (unsigned round = 0; round < rounds; round++) {
		uint8_t code[15];
		struct decoded d;
		struct insn_shape s;

		random_bytes(code, code64);
		if (!decode(code, 15, &d) || is_xeon_phi(&d))
			continue;
		checked++;
		bool got = !insn_shape(code, 15, code64, true, &s);
		if (got && same(&d, &s))
			continue;
		if (wrong++ < 10)
			print(code, &d, got, &s);
	}
	ok(checked > rounds / 4 && !wrong, "%d-bit: %u instructions, %u have another shape",
	   code64 ? 64 : 32, checked, wrong);
}

/* Bytes that end too early, and prefixes without an end. */
static void short_ones(void)
{
	uint8_t code[16] = { 0xe8, 1, 2, 3, 4 };
	struct insn_shape s;
	bool refused = true;

	for (size_t n = 0; n < 5; n++)
		refused &= insn_shape(code, n, false, true, &s) < 0;
	ok(refused && !insn_shape(code, 5, false, true, &s) && s.flow == FLOW_CALL,
	   "a CALL needs all of its bytes");
	memset(code, 0x2e, sizeof(code));
	ok(insn_shape(code, 16, false, true, &s) == -E2BIG, "sixteen prefixes are no instruction");
	code[14] = 0x90;
	ok(!insn_shape(code, 16, false, true, &s) && s.length == 15, "fourteen and an opcode are");
	code[13] = 0x05;
	code[14] = 0;
	ok(insn_shape(code, 16, false, true, &s) == -E2BIG, "more than fifteen bytes are not");
}

/* 8F with a reg field other than 0 is XOP's prefix, or a POP that a processor refuses or executes. */
static void xop_or_pop(void)
{
	const uint8_t code[] = { 0x8f, 0x4d, 0x20, 0x90, 0xc0, 0x01, 0x02, 0x03, 0x04 };
	struct insn_shape s;

	ok(!insn_shape(code, sizeof(code), false, false, &s) && s.length == 3, "POP, without XOP");
}

int main(void)
{
	run(false, 2000000);
	run(true, 2000000);
	short_ones();
	xop_or_pop();
	return done_testing();
}
