/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Linux rows: guest/osbench.c in one kernel, native, under Veneer's engines, and under Xen PV
 * as a peer.
 */
#ifndef BENCH_LINUX_H
#define BENCH_LINUX_H

#include <stdbool.h>
#include <stdio.h>

enum linux_way { LINUX_NATIVE, LINUX_RING, LINUX_SVM, LINUX_XEN, LINUX_WAYS };

#define LINUX_ROWS 16

struct linux_row {
	char op[24];
	bool measured[LINUX_WAYS];
	double value[LINUX_WAYS]; /* instructions for one operation, the median */
};

struct linux_results {
	struct linux_row row[LINUX_ROWS];
	unsigned rows;
	bool ended[LINUX_WAYS];
	double boot[LINUX_WAYS]; /* instructions from power-on to the first of user space */
	long wall_ms[LINUX_WAYS];
	unsigned long hypervisor_kib[LINUX_WAYS], overhead_kib[LINUX_WAYS];
	char stats[LINUX_WAYS][400]; /* counters of the whole run, by Veneer */
};

/* Runs native, ring and svm, and Xen if peers. 0; -1 with a line that says what is missing or
 * wrong.
 */
int linux_measure(struct linux_results *r, bool peers, bool quiet);

void linux_table(const struct linux_results *r);
void linux_json(const struct linux_results *r, FILE *f, const char **comma);
int linux_draw(const struct linux_results *r, const char *directory);

#endif
