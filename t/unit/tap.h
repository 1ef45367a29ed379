/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test Anything Protocol for unit tests in C. */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned tap_done, tap_failed;

__attribute__((format(printf, 2, 3))) static inline bool ok(bool good, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("%sok %u - ", good ? "" : "not ", ++tap_done);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	tap_failed += !good;
	return good;
}

static inline int done_testing(void)
{
	printf("1..%u\n", tap_done);
	return tap_failed != 0;
}

/* The same numbers in every run. */
static uint64_t tap_seed = 88172645463325252ull;

static inline uint64_t rnd(void)
{
	tap_seed ^= tap_seed << 13;
	tap_seed ^= tap_seed >> 7;
	tap_seed ^= tap_seed << 17;
	return tap_seed;
}

#endif
