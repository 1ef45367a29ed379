// SPDX-License-Identifier: GPL-2.0-or-later
/* Tests the tool: operations on arbitrary values that are assumed to equal a constant give what
 * clang's own arithmetic gives for that constant; memory, loops and merged paths behave as they
 * should. */
#include "proof.h"

#define SAME(type, expression, A, B)                                \
	do {                                                        \
		const type of_constants = (type)(expression(A, B)); \
		prove((type)(expression(a, b)) == of_constants);    \
	} while (0)

#define ADD(x, y)	 ((x) + (y))
#define SUB(x, y)	 ((y) - (x))
#define MUL(x, y)	 ((x) * (y) ^ (uint64_t)(uint32_t)(x)*7)
#define DIV(x, y)	 ((x) / (y) + (x) % (y))
#define SIGNED_DIV(x, y) ((int64_t)(x) / (int32_t)(y) + (int64_t)(x) % (int32_t)(y))
#define SHIFT(x, y)	 ((x) << ((y)&31) ^ (x) >> ((y)&15) ^ (uint64_t)((int64_t)(x) >> ((y)&7)))
#define BITS(x, y)	 (((x) & (y)) + ((x) | (y)) * ((x) ^ ~(y)))
#define EXTEND(x, y)	 ((int64_t)(int8_t)(x) + (int64_t)(int16_t)(y) + (uint8_t)(y) + (int32_t)(x))
#define ORDER(x, y) \
	(((x) < (y)) + 2 * ((int64_t)(x) < (int64_t)(y)) + 4 * ((int32_t)(x) <= (int32_t)(y)))
#define CHOICE(x, y) ((x)&1 ? (y) : (x)&2 ? (x) : 0)

#define ALL_SAME(A, B)                                 \
	do {                                           \
		uint64_t a = any_u64(), b = any_u64(); \
                                                       \
		assume(a == A && b == B);              \
		SAME(uint64_t, ADD, A, B);             \
		SAME(uint64_t, SUB, A, B);             \
		SAME(uint64_t, MUL, A, B);             \
		SAME(uint64_t, DIV, A, B);             \
		SAME(uint64_t, SIGNED_DIV, A, B);      \
		SAME(uint64_t, SHIFT, A, B);           \
		SAME(uint64_t, BITS, A, B);            \
		SAME(uint64_t, EXTEND, A, B);          \
		SAME(uint64_t, ORDER, A, B);           \
		SAME(uint64_t, CHOICE, A, B);          \
	} while (0)

PROOF(arithmetic, "64-bit operations give what they give for constants: three pairs of values")
{
	ALL_SAME(0x9234567890abcdefull, 0x0000000087654321ull);
	ALL_SAME(0x8000000000000001ull, 0xffffffff80000000ull);
	ALL_SAME(0x7fffffffffffffffull, 0xffffffffffffffffull);
}

static unsigned classify(unsigned n)
{
	switch (n) {
	case 0: return 7;
	case 1:
	case 2: n += 10; break;
	default: n = n > 100 ? 100 : n;
	}
	return n;
}

PROOF(paths, "paths that part and meet: every number of 32 bits")
{
	unsigned n = any_u32(), r = classify(n);

	prove(r == (n == 0 ? 7 : n <= 2 ? n + 10 : n <= 100 ? n : 100));
	possible(r == 12);
}

PROOF(table, "an index into a table, and a copy by bytes: every index, every order of writing")
{
	struct pair {
		uint16_t low;
		uint32_t high;
	} table[5] = { { 0 } }, copy[5];
	unsigned i = any_u8(), j = any_u8();

	assume(i < 5 && j < 5);
	table[i].high = 0xa1b2c3d4;
	table[j].low = 0x1234;
	table[j].high = i == j ? table[i].high : 5;
	for (unsigned n = 0; n < sizeof(table); n++)
		((uint8_t *)copy)[n] = ((const volatile uint8_t *)table)[n];
	prove(copy[i].high == 0xa1b2c3d4 && copy[j].low == 0x1234);
	prove(copy[j].high == (i == j ? 0xa1b2c3d4 : 5));
	prove(i == j || copy[i].low == 0);
	prove((uint8_t)(((uint8_t *)&copy[i].high)[1]) == 0xc3);
}

PROOF(loop, "a loop whose end depends on the input: every count up to 20")
{
	unsigned n = any_u8(), sum = 0;

	assume(n <= 20);
	for (unsigned i = 1; i <= n; i++) {
		if (i == 13)
			continue;
		sum += i;
	}
	prove(2 * sum == n * (n + 1) - (n >= 13 ? 26 : 0));
	possible(n == 20);
}
