/* SPDX-License-Identifier: GPL-2.0-or-later */
/* a * b / c with a 128-bit product; all ones if the quotient overflows (a guest can cause that). */
#pragma once

#include <stdint.h>

static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t high = (uint64_t)(product >> 64), quotient, rest;

	if (high >= c)
		return ~0ull;
	__asm__("divq %4" : "=a"(quotient), "=d"(rest) : "a"((uint64_t)product), "d"(high), "r"(c));
	return quotient;
}
