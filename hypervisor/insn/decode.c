// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hypervisor's own decoder. It only knows sensitive instructions: those that trap in ring 1 or
 * 3, and those that should but do not. Encodings: Intel SDM 2, chapter 2 and appendix A. The
 * rewriter uses Zydis instead, and t/ tests this decoder against Zydis.
 */
#include "insn/reader.h"
#include "lib/string.h"
#include "lib/types.h"

uint32_t reader_take(struct reader *r, unsigned n)
{
	uint32_t v = 0;

	if (r->at + n > r->bytes || r->at + n > INSN_BYTES) {
		r->over = true;
		return 0;
	}
	memcpy(&v, r->code + r->at, n);
	r->at += n;
	return v;
}

uint32_t reader_take_signed(struct reader *r, unsigned n)
{
	uint32_t v = reader_take(r, n);

	return n == 1 ? (uint32_t)(int8_t)v : n == 2 ? (uint32_t)(int16_t)v : v;
}

uint8_t reader_opcode(struct reader *r, struct insn *i)
{
	for (;;) {
		uint8_t b = (uint8_t)reader_take(r, 1);

		if (r->over)
			return 0;
		if (r->code64 && (b & 0xf0) == 0x40) { /* only effective right before the opcode */
			r->rex = b;
			continue;
		}
		switch (b) {
		case 0x66: r->opsize16 = true; break;
		case 0x67: r->addr16 = true; break;
		case 0xf0: r->locked = true; break;
		case 0xf2 ... 0xf3:
			r->rep = b;
			i->flags |= INSN_REP;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			if (!r->code64) /* ignored in 64-bit mode, SDM 2A 2.1.1 */
				r->seg = b >> 3 & 3;
			break;
		case 0x64: r->seg = FS; break;
		case 0x65: r->seg = GS; break;
		default: return b;
		}
		r->rex = 0;
	}
}

unsigned insn_prefixes(const uint8_t *code, size_t bytes, bool code64)
{
	struct reader r = { .code = code, .bytes = bytes, .code64 = code64 };
	struct insn i = { 0 };

	reader_opcode(&r, &i);
	return (unsigned)(r.over ? r.at : r.at - 1);
}

uint8_t reader_width(const struct reader *r)
{
	return r->code64 && (r->rex & 8) ? 8 : r->opsize16 ? 2 : 4;
}

/* 16-bit addressing: SDM 2A table 2-1. */
static void modrm_mem16(struct reader *r, struct insn *i, unsigned mod, unsigned rm)
{
	static const uint8_t base[] = { 3, 3, 5, 5, 6, 7, 5, 3 };

	i->flags |= INSN_SMALL_ADDRESS;
	i->base = mod == 0 && rm == 6 ? INSN_NO_REG : base[rm];
	i->index = rm < 4 ? 6 + (rm & 1) : INSN_NO_REG;
	i->scale = 1;
	i->disp = i->base == INSN_NO_REG || mod == 2 ? reader_take_signed(r, 2)
		  : mod == 1			     ? reader_take_signed(r, 1)
						     : 0;
	i->seg = i->base == 5 ? SS : DS;
}

/* 32- and 64-bit addressing: tables 2-2 and 2-3, RIP-relative section 2.2.1.6. */
static void modrm_mem(struct reader *r, struct insn *i, unsigned mod, unsigned rm)
{
	i->base = rm | (r->rex & 1) << 3;
	i->index = INSN_NO_REG;
	i->scale = 1;
	if (rm == 4) {
		unsigned sib = reader_take(r, 1), index = ((sib >> 3) & 7) | (r->rex & 2) << 2;

		i->base = (sib & 7) | (r->rex & 1) << 3;
		i->index = index == 4 ? INSN_NO_REG : index;
		i->scale = 1 << (sib >> 6);
		rm = sib & 7;
		if (mod == 0 && rm == 5)
			i->base = INSN_NO_REG;
	} else if (mod == 0 && rm == 5) {
		i->base = r->code64 ? 16 : INSN_NO_REG; /* 16: RIP */
	}
	i->disp = mod == 2 || (mod == 0 && rm == 5) ? reader_take_signed(r, 4)
		  : mod == 1			    ? reader_take_signed(r, 1)
						    : 0;
	i->seg = mod != 3 && (i->base == 4 || i->base == 5) ? SS : DS;
}

unsigned reader_modrm(struct reader *r, struct insn *i)
{
	unsigned b = reader_take(r, 1), mod = b >> 6, rm = b & 7;

	i->reg = ((b >> 3) & 7) | (r->rex & 4) << 1;
	if (mod == 3) {
		i->base = rm | (r->rex & 1) << 3;
		i->index = INSN_NO_REG;
	} else {
		i->flags |= INSN_MEM;
		if (r->addr16 && !r->code64)
			modrm_mem16(r, i, mod, rm);
		else
			modrm_mem(r, i, mod, rm);
		if (r->seg != 0xff)
			i->seg = r->seg;
	}
	return (b >> 3) & 7;
}

static uint8_t group_0f00(struct reader *r, struct insn *i)
{
	unsigned reg = reader_modrm(r, i);
	uint8_t op = reg < 6 ? INSN_SLDT + reg : INSN_OTHER;

	i->width = i->flags & INSN_MEM || op >= INSN_LLDT ? 2 : reader_width(r);
	return op;
}

static uint8_t group_0f01(struct reader *r, struct insn *i)
{
	static const uint8_t mem[] = { INSN_SGDT, INSN_SIDT,  INSN_LGDT, INSN_LIDT,
				       INSN_SMSW, INSN_OTHER, INSN_LMSW, INSN_INVLPG };
	unsigned b = r->at < r->bytes ? r->code[r->at] : 0, reg = reader_modrm(r, i);

	i->width = i->flags & INSN_MEM || reg == 6 ? 2 : reader_width(r);
	if (i->flags & INSN_MEM || reg == 4 || reg == 6)
		return mem[reg];
	return b == 0xd1 ? INSN_XSETBV : b == 0xf8 && r->code64 ? INSN_SWAPGS : INSN_OTHER;
}

static uint8_t two_byte(struct reader *r, struct insn *i)
{
	static const uint8_t plain[256] = {
		[0x06] = INSN_CLTS,	[0x07] = INSN_SYSRET,  [0x08] = INSN_INVD,
		[0x09] = INSN_WBINVD,	[0x30] = INSN_WRMSR,   [0x32] = INSN_RDMSR,
		[0x34] = INSN_SYSENTER, [0x35] = INSN_SYSEXIT, [0xa2] = INSN_CPUID
	};
	uint8_t b = (uint8_t)reader_take(r, 1);

	switch (b) {
	case 0x00: return group_0f00(r, i);
	case 0x01: return group_0f01(r, i);
	case 0x02 ... 0x03: reader_modrm(r, i); return b & 1 ? INSN_LSL : INSN_LAR;
	case 0x20 ... 0x23: {
		unsigned m = reader_take(r, 1); /* the mod field is ignored: always a register */

		i->reg = ((m >> 3) & 7) | (r->rex & 4) << 1;
		i->base = (m & 7) | (r->rex & 1) << 3;
		i->width = r->code64 ? 8 : 4;
		return INSN_MOV_FROM_CR + (b >> 1 & 1) + (b & 1) * 2; /* to; a debug register */
	}
	case 0xa0 ... 0xa1:
	case 0xa8 ... 0xa9: i->reg = b & 8 ? GS : FS; return b & 1 ? INSN_POP_SEG : INSN_PUSH_SEG;
	case 0xb2:
	case 0xb4 ... 0xb5:
		reader_modrm(r, i);
		i->imm = b == 0xb2 ? SS : b == 0xb4 ? FS : GS;
		return i->flags & INSN_MEM ? INSN_LOAD_FAR : INSN_OTHER;
	default: return plain[b];
	}
}

static uint8_t port_io(struct reader *r, struct insn *i, uint8_t b)
{
	if (!(b & 1))
		i->width = 1;
	else if (i->width == 8)
		i->width = 4;
	if ((b & 0xfc) == 0x6c) {
		i->seg = b >= 0x6e && r->seg != 0xff ? r->seg : b >= 0x6e ? DS : ES;
		i->flags |= INSN_DX | (r->addr16 ? INSN_SMALL_ADDRESS : 0);
		return b < 0x6e ? INSN_INS : INSN_OUTS;
	}
	if (b & 8)
		i->flags |= INSN_DX;
	else
		i->imm = (uint16_t)reader_take(r, 1);
	return b & 2 ? INSN_OUT : INSN_IN;
}

static uint8_t far_pointer(struct reader *r, struct insn *i, uint8_t op)
{
	if (r->code64)
		return INSN_OTHER;
	i->disp = reader_take(r, i->width);
	i->imm = (uint16_t)reader_take(r, 2);
	return op;
}

static uint8_t one_byte(struct reader *r, struct insn *i, uint8_t b)
{
	static const uint8_t plain[256] = {
		[0x9c] = INSN_PUSHF, [0x9d] = INSN_POPF, [0xcb] = INSN_RET_FAR, [0xcf] = INSN_IRET,
		[0xf4] = INSN_HLT,   [0xfa] = INSN_CLI,	 [0xfb] = INSN_STI
	};

	switch (b) {
	case 0x06 ... 0x07:
	case 0x0e: /* no POP CS */
	case 0x16 ... 0x17:
	case 0x1e ... 0x1f:
		i->reg = b >> 3;
		return r->code64 ? INSN_OTHER : b & 1 ? INSN_POP_SEG : INSN_PUSH_SEG;
	case 0x0f: return two_byte(r, i);
	case 0x6c ... 0x6f:
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef: return port_io(r, i, b);
	case 0x8c: return reader_modrm(r, i) <= GS ? INSN_MOV_FROM_SEG : INSN_OTHER;
	case 0x8e: {
		unsigned seg = reader_modrm(r, i);

		return seg <= GS && seg != CS ? INSN_MOV_TO_SEG : INSN_OTHER;
	}
	case 0x9a: return far_pointer(r, i, INSN_CALL_FAR);
	case 0xc4 ... 0xc5: /* with mod 3, or in 64-bit code, VEX */
		if (r->code64 || r->at >= r->bytes || r->code[r->at] >= 0xc0)
			return INSN_OTHER;
		reader_modrm(r, i);
		i->imm = b == 0xc4 ? ES : DS;
		return INSN_LOAD_FAR;
	case 0xca: i->imm = (uint16_t)reader_take(r, 2); return INSN_RET_FAR;
	case 0xcc: i->imm = 3; return INSN_INT;
	case 0xcd: i->imm = (uint16_t)reader_take(r, 1); return INSN_INT;
	case 0xea: return far_pointer(r, i, INSN_JMP_FAR);
	case 0xff: {
		unsigned reg = reader_modrm(r, i);

		return !(i->flags & INSN_MEM) ? INSN_OTHER
		       : reg == 3	      ? INSN_CALL_FAR_MEM
		       : reg == 5	      ? INSN_JMP_FAR_MEM
					      : INSN_OTHER;
	}
	default: return plain[b];
	}
}

int insn_decode(const uint8_t *code, size_t bytes, bool code64, struct insn *insn)
{
	struct reader r = { .code = code, .bytes = bytes, .code64 = code64, .seg = 0xff };

	*insn = (struct insn){ .base = INSN_NO_REG, .index = INSN_NO_REG, .scale = 1, .seg = DS };
	uint8_t b = reader_opcode(&r, insn);
	insn->width = reader_width(&r);
	if (code64)
		insn->flags |= INSN_CODE64;
	uint8_t op = one_byte(&r, insn, b);
	if (r.over)
		return -EINVAL;
	/* LOCK on any of these is #UD */
	insn->op = r.locked ? INSN_OTHER : op;
	insn->length = (uint8_t)r.at;
	return 0;
}
