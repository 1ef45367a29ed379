/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Support for the small test guests: printing, and trying something that may fault. */
#pragma once

#include "veneer_guest.h"

/* The test itself. Returns the exit code, 0 for success. */
int guest_main(const struct veneer_start_info *info);

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* %s %d %u %x %p */

/* Calls fn(arg). Returns the vector of the exception that ended it, described by fault_*, or -1. */
int attempt(void (*fn)(void *), void *arg);
extern uint64_t fault_error, fault_address, fault_rip, fault_cs;

/* The same in ring 3. */
int attempt_user(void (*fn)(void *), void *arg);

/* The kernel's own selectors: it runs in ring 1 under the ring engine, in ring 0 of a virtual
 * machine under the others. */
uint16_t kernel_cs(void);
uint16_t kernel_ss(void);
bool in_ring1(void);

/* The shortest timer period, in ns, that leaves a guest time for other work: 50 us, or 50 000 ticks
 * where the TSC is slow, as in Bochs. The guest pays for its own interrupts. */
static inline uint64_t short_period(const struct veneer_start_info *info)
{
	uint64_t ns = 50000ull * 1000000 / info->tsc_khz;

	return ns > 50000 ? ns : 50000;
}

/* In the command line: what follows a name, NULL if it is not there; the number there, 0 if there
 * is none; how often to do something, that often unless it has "rounds=". */
const char *text_after(const char *text, const char *name);
unsigned number_after(const char *text, const char *name);
unsigned rounds_or(const struct veneer_start_info *info, unsigned all);

/* Failed checks are counted, and print file and line; expect_is prints both integers as well. */
#define expect(good, what)	   check((good), (what), __FILE__, __LINE__)
#define expect_is(got, want, what) check_is((got), (want), (what), __FILE__, __LINE__)
void check(bool good, const char *what, const char *file, int line);
void check_is(int64_t got, int64_t want, const char *what, const char *file, int line);
extern unsigned failures;
