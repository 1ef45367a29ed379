/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The applications: demonstration, tests, measurements. */
#ifndef APP_H
#define APP_H

#include <stdbool.h>
#include <stdint.h>

/* %s %d %u %x %c; one write to the console. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int run_demo(void);
int run_tests(void);
int run_bench(bool apic);
int run_spin(void);

#endif
