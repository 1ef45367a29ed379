/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Support for small 32-bit bare-PC test guests: COM1, and trying something that may fault. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "serial.h"

int guest_main(void); /* the exit code */

/* Failed checks are counted, and print file and line. */
#define expect(good, what) check((good), (what), __FILE__, __LINE__)
void check(bool good, const char *what, const char *file, uint32_t line);
extern unsigned failures;

/* Calls fn(arg). Returns the vector of the exception that ended it, or -1. */
int attempt(void (*fn)(uint32_t), uint32_t arg);

/* Ring 3, with access to one port: runs the code at `at` and returns the vector that ended it, 0x80
 * for INT 0x80 or that of an exception. */
void start_user(uint16_t port);
int attempt_user(uint32_t at);

struct table_register {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));

extern uint64_t
	gdt[64]; /* 08 code, 10 data, 18 user code, 20 user data, 28 TSS; the rest is free */
extern uint64_t idt[256];
void load_gdt(uint16_t limit);

static inline uint32_t noise(void)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return seed >> 7 | seed << 25;
}
