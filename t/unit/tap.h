/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test Anything Protocol for unit tests in C. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned tap_done, tap_failed;

/* ok(good, name, ...): a failed check prints its file, line and expression. */
#define ok(good, ...) tap_ok(good, __FILE__, __LINE__, #good, __VA_ARGS__)

__attribute__((format(printf, 5, 6))) static inline bool
tap_ok(bool good, const char *file, int line, const char *expression, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("%sok %u - ", good ? "" : "not ", ++tap_done);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	if (!good)
		printf("# %s:%d: %s\n", file, line, expression);
	tap_failed += !good;
	return good;
}

/* is(got, want, name, ...): integers that must be equal; a failed check prints both. */
#define is(got, want, ...) \
	tap_is((uint64_t)(got), (uint64_t)(want), __FILE__, __LINE__, #got, __VA_ARGS__)

__attribute__((format(printf, 6, 7))) static inline bool tap_is(uint64_t got, uint64_t want,
								const char *file, int line,
								const char *expression,
								const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (tap_ok(got == want, file, line, expression, "%s", what))
		return true;
	printf("# got %#llx, want %#llx\n", (unsigned long long)got, (unsigned long long)want);
	return false;
}

/* Begins a comment with the bytes of an instruction. */
static inline void tap_bytes(const uint8_t *at, unsigned n)
{
	printf("# bytes");
	for (unsigned i = 0; i < n; i++)
		printf(" %02x", at[i]);
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
