/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bug in the hypervisor: prints where, and stops the machine. Never used for a guest's
 * mistakes. */
#pragma once

#ifdef VENEER_HOST
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#define panic(...) (fprintf(stderr, __VA_ARGS__), abort())
#else
void panic_at(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)
#define assert(x)  ((x) ? (void)0 : panic("assertion failed: %s", #x))
#endif
