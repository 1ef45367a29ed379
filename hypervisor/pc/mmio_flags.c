// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/mmio_flags.h"

#include "arch/cpu.h"
#include "lib/types.h"

#define ARITHMETIC (FLAGS_CF | FLAGS_PF | FLAGS_AF | FLAGS_ZF | FLAGS_SF | FLAGS_OF)

static uint64_t flag(bool set, uint64_t bit)
{
	return set ? bit : 0;
}

/* carry has the carry or borrow out of each bit; overflow, only that out of the last two counts. */
static uint64_t flags_of(uint64_t result, uint64_t carry, uint64_t overflow, unsigned top)
{
	return flag(carry >> top & 1, FLAGS_CF) | flag(carry >> 3 & 1, FLAGS_AF) |
	       flag(overflow >> top & 1, FLAGS_OF) | flag(!result, FLAGS_ZF) |
	       flag(result >> top & 1, FLAGS_SF) |
	       flag(!(__builtin_popcount(result & 0xff) & 1), FLAGS_PF);
}

/* ADD to CMP. */
static uint64_t basic(unsigned op, uint64_t a, uint64_t b, unsigned width, uint64_t *rflags)
{
	unsigned top = 8 * width - 1;
	uint64_t c = (op == MMIO_ADC || op == MMIO_SBB) && (*rflags & FLAGS_CF), r, carry = 0,
		 overflow = 0;

	switch (op) {
	case MMIO_ADD:
	case MMIO_ADC:
		r = a + b + c;
		carry = (a & b) | ((a | b) & ~r);
		overflow = (a ^ r) & (b ^ r);
		break;
	case MMIO_OR: r = a | b; break;
	case MMIO_AND: r = a & b; break;
	case MMIO_XOR: r = a ^ b; break;
	default:
		r = a - b - c;
		carry = (~a & b) | ((~a | b) & r);
		overflow = (a ^ b) & (a ^ r);
	}
	r &= ~0ull >> (63 - top);
	*rflags = (*rflags & ~(uint64_t)ARITHMETIC) | flags_of(r, carry, overflow, top);
	return r;
}

/* BT to BTC. */
static uint64_t bits(unsigned op, uint64_t a, uint64_t b, unsigned width, uint64_t *rflags)
{
	uint64_t bit = 1ull << (b & (8 * width - 1));

	*rflags = (*rflags & ~(uint64_t)FLAGS_CF) | flag(a & bit, FLAGS_CF);
	return op == MMIO_BTS ? a | bit : op == MMIO_BTR ? a & ~bit : op == MMIO_BTC ? a ^ bit : a;
}

uint64_t mmio_arithmetic(unsigned op, uint64_t a, uint64_t b, unsigned width, uint64_t *rflags)
{
	uint64_t carry = *rflags & FLAGS_CF, result;

	switch (op) {
	case MMIO_TEST: return basic(MMIO_AND, a, b, width, rflags);
	case MMIO_XADD: return basic(MMIO_ADD, a, b, width, rflags);
	case MMIO_NEG: return basic(MMIO_SUB, 0, a, width, rflags);
	case MMIO_NOT: return ~a & ~0ull >> (64 - 8 * width);
	case MMIO_INC:
	case MMIO_DEC: /* these keep CF */
		result = basic(op == MMIO_INC ? MMIO_ADD : MMIO_SUB, a, 1, width, rflags);
		*rflags = (*rflags & ~(uint64_t)FLAGS_CF) | carry;
		return result;
	case MMIO_BT ... MMIO_BTC: return bits(op, a, b, width, rflags);
	default: return basic(op, a, b, width, rflags);
	}
}
