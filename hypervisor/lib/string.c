// SPDX-License-Identifier: GPL-2.0-or-later
/* String functions for freestanding code. */
#include "lib/string.h"

#include <stdbool.h>

#ifndef VENEER_HOST /* host programs use the C library's */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *ret = to;
	size_t words = n / 8, rest = n % 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest)::"memory");
	return ret;
}

void *memset(void *to, int c, size_t n)
{
	void *ret = to;
	size_t words = n / 8, rest = n % 8;
	uint64_t pattern = 0x0101010101010101ull * (uint8_t)c;

	__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
	return ret;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return p - s;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, ~(size_t)0);
}

char *strchr(const char *s, int c)
{
	for (; *s; s++)
		if (*s == (char)c)
			return (char *)s;
	return c ? NULL : (char *)s;
}
#endif

void copy_string(char *to, const char *s, size_t size)
{
	if (!size)
		return;
	while (--size && *s)
		*to++ = *s++;
	*to = 0;
}

struct sink {
	char *to;
	size_t size;
	size_t used;
};

static void put(struct sink *s, char c)
{
	if (s->used + 1 < s->size)
		s->to[s->used] = c;
	s->used++;
}

static void put_bytes(struct sink *s, const char *text, size_t len)
{
	size_t room = s->used + 1 < s->size ? s->size - 1 - s->used : 0;

	if (room)
		memcpy(&s->to[s->used], text, len < room ? len : room);
	s->used += len;
}

static void put_padded(struct sink *s, const char *text, size_t len, int width, char pad, bool left)
{
	int fill = width > (int)len ? width - (int)len : 0;

	while (!left && fill-- > 0)
		put(s, pad);
	put_bytes(s, text, len);
	while (left && fill-- > 0)
		put(s, ' ');
}

static char *number(char *end, uint64_t value, unsigned base)
{
	do
		*--end = "0123456789abcdef"[value % base];
	while (value /= base);
	return end;
}

int format_v(char *to, size_t size, const char *fmt, va_list args)
{
	struct sink s = { to, size, 0 };
	char digits[24], *end = digits + sizeof(digits);

	for (; *fmt; fmt++) {
		bool left = false, is_long = false;
		char pad = ' ';
		int width = 0;

		if (*fmt != '%') {
			put(&s, *fmt);
			continue;
		}
		for (fmt++; *fmt == '-' || *fmt == '0'; fmt++)
			if (*fmt == '-')
				left = true;
			else
				pad = '0';
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			is_long = true;
		if (!*fmt)
			break;
		char *text;
		switch (*fmt) {
		case 's': {
			const char *arg = va_arg(args, const char *);

			put_padded(&s, arg, strlen(arg), width, ' ', left);
			continue;
		}
		case 'c': put(&s, (char)va_arg(args, int)); continue;
		case 'd': {
			int64_t v = is_long ? va_arg(args, int64_t) : va_arg(args, int);

			text = number(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
			if (v < 0)
				*--text = '-';
			break;
		}
		case 'u':
		case 'x':
			text = number(end,
				      is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned),
				      *fmt == 'u' ? 10 : 16);
			break;
		default: put(&s, *fmt); continue;
		}
		put_padded(&s, text, end - text, width, pad, left);
	}
	if (size)
		to[s.used < size ? s.used : size - 1] = 0;
	return (int)s.used;
}

int format(char *to, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = format_v(to, size, fmt, args);
	va_end(args);
	return n;
}
