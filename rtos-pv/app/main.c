// SPDX-License-Identifier: GPL-2.0-or-later
/* Chooses by the command line: demo (the default), test, bench, spin, listen; bench
 * with apic: the local APIC too. */
#include "app.h"

#include <stdarg.h>

#include "cmsis_os2.h"
#include "kernel.h"
#include "port.h"

void app_main(void);

/* The compiler may call these; they must not be loops that it turns into calls to themselves. */
void *memcpy(void *to, const void *from, size_t n)
{
	void *ret = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
	return ret;
}

void *memset(void *to, int c, size_t n)
{
	void *ret = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
	return ret;
}

static char *number(char *end, unsigned long v, unsigned base)
{
	do
		*--end = "0123456789abcdef"[v % base];
	while (v /= base);
	return end;
}

void print(const char *fmt, ...)
{
	char line[160], digits[24];
	size_t n = 0;
	va_list args;

	va_start(args, fmt);
	for (; *fmt && n < sizeof(line) - 1; fmt++) {
		const char *s = digits + sizeof(digits) - 1;
		char one[2] = { 0 };
		int v;

		digits[sizeof(digits) - 1] = 0;
		if (*fmt != '%') {
			line[n++] = *fmt;
			continue;
		}
		switch (*++fmt) {
		case 's': s = va_arg(args, const char *); break;
		case 'c':
			one[0] = (char)va_arg(args, int);
			s = one;
			break;
		case 'd':
			v = va_arg(args, int);
			if (v < 0)
				line[n++] = '-';
			s = number((char *)s, v < 0 ? 0u - (unsigned)v : (unsigned)v, 10);
			break;
		case 'u': s = number((char *)s, va_arg(args, unsigned), 10); break;
		default: s = number((char *)s, va_arg(args, unsigned), 16); break;
		}
		while (*s && n < sizeof(line) - 1)
			line[n++] = *s++;
	}
	va_end(args);
	port_put(line, n);
}

static volatile bool heard;

/* Echoes input line by line, so that a test can see it arrive. */
void kernel_input(char c)
{
	static char line[64];
	static unsigned used;

	if (c == '\r' || c == '\n' || used == sizeof(line) - 1) {
		line[used] = 0;
		used = 0;
		print("typed: %s\n", line);
		heard = true;
	} else {
		line[used++] = c;
	}
}

/* Runs until it receives a line of input. */
static int run_listen(void)
{
	print("listening\n");
	while (!heard)
		osDelay(1);
	return 0;
}

static bool asked_for(const char *word)
{
	for (const char *s = port_cmdline(); *s; s++) {
		const char *a = s, *b = word;

		while (*b && *a == *b)
			a++, b++;
		if (!*b && (!*a || *a == ' ') && (s == port_cmdline() || s[-1] == ' '))
			return true;
	}
	return false;
}

static void first_thread(void *arg)
{
	int code;

	(void)arg;
	if (asked_for("test"))
		code = run_tests();
	else if (asked_for("bench"))
		code = run_bench(asked_for("apic"));
	else if (asked_for("spin"))
		code = run_spin();
	else if (asked_for("listen"))
		code = run_listen();
	else
		code = run_demo();
	port_exit(code);
}

void app_main(void)
{
	static const osThreadAttr_t attr = { .name = "main", .priority = osPriorityNormal };

	port_init();
	osKernelInitialize();
	osThreadNew(first_thread, NULL, &attr);
	osKernelStart();
}
