// SPDX-License-Identifier: GPL-2.0-or-later
#include "translate/shape.h"

#include "insn/insn.h"
#include "lib/string.h"
#include "lib/types.h"

/* What follows an opcode. */
enum {
	M = 1,	/* ModRM, and what it asks for */
	I1 = 2, /* a constant of 1, 2, 2 or 4 bytes by the operand size; two may come together */
	I2 = 4,
	IZ = 8,
	IV = 16,   /* as IZ, and 8 bytes with REX.W */
	OFFS = 32, /* an address, by the address size */
	NO64 = 64, /* not in 64-bit code */
	BAD = 128,
};

/* clang-format off */
static const uint8_t one_byte[256] = {
	[0x00 ... 0x03] = M, [0x04] = I1, [0x05] = IZ, [0x06 ... 0x07] = NO64,
	[0x08 ... 0x0b] = M, [0x0c] = I1, [0x0d] = IZ, [0x0e] = NO64,
	[0x10 ... 0x13] = M, [0x14] = I1, [0x15] = IZ, [0x16 ... 0x17] = NO64,
	[0x18 ... 0x1b] = M, [0x1c] = I1, [0x1d] = IZ, [0x1e ... 0x1f] = NO64,
	[0x20 ... 0x23] = M, [0x24] = I1, [0x25] = IZ, [0x27] = NO64,
	[0x28 ... 0x2b] = M, [0x2c] = I1, [0x2d] = IZ, [0x2f] = NO64,
	[0x30 ... 0x33] = M, [0x34] = I1, [0x35] = IZ, [0x37] = NO64,
	[0x38 ... 0x3b] = M, [0x3c] = I1, [0x3d] = IZ, [0x3f] = NO64,
	[0x60 ... 0x61] = NO64, [0x62] = M | NO64, [0x63] = M,
	[0x68] = IZ, [0x69] = M | IZ, [0x6a] = I1, [0x6b] = M | I1,
	[0x70 ... 0x7f] = I1,
	[0x80] = M | I1, [0x81] = M | IZ, [0x82] = M | I1 | NO64, [0x83] = M | I1,
	[0x84 ... 0x8f] = M,
	[0x9a] = IZ | I2 | NO64,
	[0xa0 ... 0xa3] = OFFS, [0xa8] = I1, [0xa9] = IZ,
	[0xb0 ... 0xb7] = I1, [0xb8 ... 0xbf] = IV,
	[0xc0 ... 0xc1] = M | I1, [0xc2] = I2, [0xc4 ... 0xc5] = M | NO64,
	[0xc6] = M | I1, [0xc7] = M | IZ, [0xc8] = I2 | I1, [0xca] = I2,
	[0xcd] = I1, [0xce] = NO64,
	[0xd0 ... 0xd3] = M, [0xd4 ... 0xd5] = I1 | NO64, [0xd6] = NO64, [0xd8 ... 0xdf] = M,
	[0xe0 ... 0xe7] = I1, [0xe8 ... 0xe9] = IZ, [0xea] = IZ | I2 | NO64, [0xeb] = I1,
	[0xf6 ... 0xf7] = M, [0xfe ... 0xff] = M,
};

static const uint8_t two_byte[256] = {
	[0x00 ... 0x03] = M, [0x04] = BAD, [0x0a] = BAD, [0x0c] = BAD, [0x0d] = M, [0x0f] = M | I1,
	[0x10 ... 0x23] = M, [0x24 ... 0x27] = BAD, [0x28 ... 0x2f] = M,
	[0x36] = BAD, [0x38 ... 0x3f] = BAD,
	[0x40 ... 0x6f] = M, [0x70 ... 0x73] = M | I1, [0x74 ... 0x76] = M, [0x78 ... 0x7f] = M,
	[0x80 ... 0x8f] = IZ, [0x90 ... 0x9f] = M,
	[0xa3] = M, [0xa4] = M | I1, [0xa5] = M, [0xa6 ... 0xa7] = M,
	[0xab] = M, [0xac] = M | I1, [0xad ... 0xaf] = M,
	[0xb0 ... 0xb9] = M, [0xba] = M | I1, [0xbb ... 0xc1] = M, [0xc2] = M | I1, [0xc3] = M,
	[0xc4 ... 0xc6] = M | I1, [0xc7] = M,
	[0xd0 ... 0xff] = M,
};
/* clang-format on */

enum { MAP_ONE = 0, MAP_0F = 1, MAP_0F38 = 2, MAP_0F3A = 3 };

struct reader {
	const uint8_t *code;
	size_t bytes, at;
	bool code64, xop, opsize16, addr_small, repne, over, too_long;
	uint8_t rex;
};

static void skip(struct reader *r, unsigned n)
{
	r->at += n;
	if (r->at > INSN_BYTES)
		r->over = r->too_long = true;
	if (r->at > r->bytes)
		r->over = true;
}

static uint8_t take(struct reader *r)
{
	skip(r, 1);
	return r->over ? 0 : r->code[r->at - 1];
}

static uint8_t peek(const struct reader *r)
{
	return r->at < r->bytes ? r->code[r->at] : 0;
}

static uint8_t opcode_after_prefixes(struct reader *r)
{
	for (;;) {
		uint8_t b = take(r);

		if (r->code64 && (b & 0xf0) == 0x40) {
			r->rex = b;
			continue;
		}
		switch (b) {
		case 0x66: r->opsize16 = true; break;
		case 0x67: r->addr_small = true; break;
		case 0xf2: r->repne = true; break;
		case 0xf0:
		case 0xf3:
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64 ... 0x65: break;
		default: return b;
		}
		if (r->over)
			return 0;
		r->rex = 0; /* only effective right before the opcode */
	}
}

static void skip_memory16(struct reader *r, unsigned mod, unsigned rm)
{
	skip(r, mod == 2 || (mod == 0 && rm == 6) ? 2 : mod);
}

/* ModRM, SIB and displacement, SDM 2A tables 2-1 to 2-3. */
static uint8_t skip_modrm(struct reader *r, bool register_always)
{
	uint8_t b = take(r), mod = b >> 6, rm = b & 7;

	if (mod == 3 || register_always)
		return b;
	if (r->addr_small && !r->code64) {
		skip_memory16(r, mod, rm);
		return b;
	}
	if (rm == 4)
		rm = take(r) & 7;
	skip(r, mod == 2 || (mod == 0 && rm == 5) ? 4 : mod);
	return b;
}

static unsigned word(const struct reader *r)
{
	return r->opsize16 && !(r->rex & 8) ? 2 : 4;
}

static void skip_constants(struct reader *r, uint8_t follows)
{
	if (follows & I1)
		skip(r, 1);
	if (follows & I2)
		skip(r, 2);
	if (follows & IZ)
		skip(r, word(r));
	if (follows & IV)
		skip(r, r->rex & 8 ? 8 : word(r));
	if (follows & OFFS)
		skip(r, r->code64 ? (r->addr_small ? 4 : 8) : r->addr_small ? 2 : 4);
}

static uint8_t vector_follows(unsigned map, uint8_t opcode)
{
	if (map == MAP_0F)
		return opcode == 0x77 ? 0 : M | (two_byte[opcode] & I1);
	return map == MAP_0F3A ? M | I1 : M;
}

/* VEX, EVEX and XOP: two to four bytes for prefixes, REX and the map. */
static bool vector(struct reader *r, uint8_t first, struct insn_shape *s)
{
	uint8_t map = MAP_0F, opcode, follows;

	if (first == 0xc5) {
		take(r);
	} else if (first == 0xc4) {
		map = take(r) & 31;
		take(r);
	} else {
		map = take(r) & (first == 0x62 ? 7 : 31);
		skip(r, first == 0x62 ? 2 : 1);
	}
	opcode = take(r);
	if (first == 0x8f) { /* XOP's maps are 8, 9 and 10 */
		follows = map == 8 ? M | I1 : M;
		if (map == 10) {
			s->modrm = (uint8_t)r->at;
			skip_modrm(r, false);
			skip(r, 4);
			return true;
		}
	} else if (map == 0 || (map > MAP_0F3A && first != 0x62)) {
		return false;
	} else {
		follows = vector_follows(map, opcode);
	}
	if (follows & M) {
		s->modrm = (uint8_t)r->at;
		skip_modrm(r, false);
	}
	skip_constants(r, follows);
	return true;
}

/* Whether these opcodes are a vector prefix here: in 32-bit code, if a ModRM byte would have named
 * a register, which LES, LDS and BOUND do not allow; XOP if POP's reg field were not 0. */
static bool is_vector(const struct reader *r, uint8_t b)
{
	uint8_t next = peek(r);

	switch (b) {
	case 0x62:
	case 0xc4 ... 0xc5: return r->code64 || next >= 0xc0;
	case 0x8f: return r->xop && (next & 31) >= 8;
	default: return false;
	}
}

static int32_t constant_at(const struct reader *r, size_t at, unsigned n)
{
	uint32_t v = 0;

	memcpy(&v, r->code + at, n);
	return n == 1 ? (int8_t)v : n == 2 ? (int16_t)v : (int32_t)v;
}

static void to_constant(const struct reader *r, struct insn_shape *s, enum insn_flow flow,
			unsigned n)
{
	s->flow = flow;
	s->distance = constant_at(r, r->at - n, n);
	s->small = r->opsize16;
}

static void flow_of_group5(const struct reader *r, struct insn_shape *s, unsigned reg)
{
	static const uint8_t flow[8] = {
		[2] = FLOW_CALL_TO, [3] = FLOW_FAR, [4] = FLOW_JUMP_TO, [5] = FLOW_FAR
	};

	s->flow = flow[reg];
	s->small = r->opsize16;
}

static void flow_of_one_byte(const struct reader *r, struct insn_shape *s, uint8_t b, uint8_t modrm)
{
	switch (b) {
	case 0x70 ... 0x7f:
		to_constant(r, s, FLOW_CONDITION, 1);
		s->condition = b & 15;
		break;
	case 0xc2 ... 0xc3:
		s->flow = FLOW_RETURN;
		s->small = r->opsize16;
		s->release = b == 0xc2 ? (uint16_t)constant_at(r, r->at - 2, 2) : 0;
		break;
	case 0xe0 ... 0xe3:
		to_constant(r, s, FLOW_COUNT, 1);
		s->small_count = r->addr_small;
		break;
	case 0xc7:
		if (modrm == 0xf8)
			to_constant(r, s, FLOW_ABORT, word(r));
		break;
	case 0xe8: to_constant(r, s, FLOW_CALL, r->opsize16 && !r->code64 ? 2 : 4); break;
	case 0xe9: to_constant(r, s, FLOW_JUMP, r->opsize16 && !r->code64 ? 2 : 4); break;
	case 0xeb: to_constant(r, s, FLOW_JUMP, 1); break;
	case 0x9a:
	case 0xea:
	case 0xca ... 0xcf:
	case 0xf1: s->flow = FLOW_FAR; break;
	case 0xff: flow_of_group5(r, s, modrm >> 3 & 7); break;
	default: break;
	}
}

static void flow_of_two_byte(const struct reader *r, struct insn_shape *s, uint8_t b)
{
	switch (b) {
	case 0x80 ... 0x8f:
		to_constant(r, s, FLOW_CONDITION, r->opsize16 && !r->code64 ? 2 : 4);
		s->condition = b & 15;
		break;
	case 0x05: /* SYSCALL, SYSRET, SYSENTER, SYSEXIT */
	case 0x07:
	case 0x34 ... 0x35: s->flow = FLOW_FAR; break;
	case 0x0b:
	case 0xb9:
	case 0xff: s->flow = FLOW_UNDEFINED; break;
	default: break;
	}
}

/* Near branches: in 64-bit code the operand is a 32-bit displacement whatever the prefixes. */
static void skip_branch(struct reader *r)
{
	skip(r, r->opsize16 && !r->code64 ? 2 : 4);
}

static bool two_bytes(struct reader *r, struct insn_shape *s)
{
	uint8_t b = take(r), follows = two_byte[b];

	if (b == 0x38 || b == 0x3a) {
		take(r);
		follows = b == 0x3a ? M | I1 : M;
	} else if (follows & BAD) {
		return false;
	}
	if (b == 0x78 && (r->opsize16 || r->repne)) /* EXTRQ and INSERTQ of SSE4a */
		follows |= I2;
	if (follows & M) {
		s->modrm = (uint8_t)r->at;
		skip_modrm(r, b >= 0x20 && b <= 0x23);
	}
	if (b >= 0x80 && b <= 0x8f)
		skip_branch(r);
	else
		skip_constants(r, follows);
	if (!r->over)
		flow_of_two_byte(r, s, b);
	return true;
}

static bool one_or_more(struct reader *r, struct insn_shape *s, uint8_t b)
{
	uint8_t follows = one_byte[b], modrm = 0;

	if (is_vector(r, b))
		return vector(r, b, s);
	if (b == 0x0f)
		return two_bytes(r, s);
	if (r->code64 && (follows & NO64))
		return false;
	if (follows & M) {
		s->modrm = (uint8_t)r->at;
		modrm = skip_modrm(r, false);
	}
	if ((b == 0xf6 || b == 0xf7) && !(modrm & 0x30)) /* TEST has a constant, the others not */
		follows |= b & 1 ? IZ : I1;
	if (b == 0xe8 || b == 0xe9)
		skip_branch(r);
	else
		skip_constants(r, follows);
	if (!r->over)
		flow_of_one_byte(r, s, b, modrm);
	return true;
}

int insn_shape(const uint8_t *code, size_t bytes, bool code64, bool xop, struct insn_shape *s)
{
	struct reader r = { .code = code, .bytes = bytes, .code64 = code64, .xop = xop };

	*s = (struct insn_shape){ 0 };
	uint8_t b = opcode_after_prefixes(&r);
	s->prefixes = (uint8_t)(r.at - 1);
	if (r.over || !one_or_more(&r, s, b) || r.over)
		return r.too_long ? -E2BIG : -EINVAL;
	s->length = (uint8_t)r.at;
	return 0;
}
