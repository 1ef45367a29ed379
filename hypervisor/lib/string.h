/* SPDX-License-Identifier: GPL-2.0-or-later */
/* String functions for freestanding code, and formatted output into a buffer. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/* Copies s into a buffer of size bytes, truncated if necessary, always terminated. */
void copy_string(char *to, const char *s, size_t size);

/* Like vsnprintf for %s %c %d %u %x %%, with l/ll, width, 0 and -. Returns the full length. */
int format_v(char *to, size_t size, const char *fmt, va_list args);
int format(char *to, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* In a function of variable arguments: formats those behind fmt into an array. */
#define format_rest(array, fmt)                             \
	do {                                                \
		va_list rest_;                              \
		va_start(rest_, fmt);                       \
		format_v(array, sizeof(array), fmt, rest_); \
		va_end(rest_);                              \
	} while (0)
