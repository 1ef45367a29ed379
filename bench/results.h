/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a benchmark run found: collecting it from consoles, printing, writing, drawing. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

/* A way to run the guest: on which emulated machine, by which engine, prepared how. The first of
 * each machine is native. */
enum way {
	QEMU_NATIVE,
	QEMU_STOCK,
	QEMU_REWRITTEN,
	QEMU_PV,
	QEMU_SVM,
	QEMU_SVM_PV,
	BOCHS_NATIVE,
	BOCHS_REWRITTEN,
	BOCHS_PV,
	BOCHS_VMX,
	BOCHS_VMX_PV,
	WAYS
};
extern const struct way_info {
	const char *title;
	const char *engine, *prep; /* "none", "native" on the bare machine */
	bool bochs;
} way_info[WAYS];

#define OPS_MAX	     32
#define COUNTERS_MAX 16

struct row {
	char op[32];
	bool measured[WAYS];
	double value[WAYS];		  /* instructions for one operation */
	double count[WAYS][COUNTERS_MAX]; /* of each counter, for one operation */
};

struct results {
	struct row row[OPS_MAX];
	unsigned rows;
	char counter[COUNTERS_MAX][16]; /* names, from the hypervisor */
	unsigned counters;
	bool ended[WAYS];
	long wall_ms[WAYS];
	/* of the pv run */
	unsigned long hypervisor_kib, image_kib, overhead_kib[WAYS], boot_ticks[WAYS];
	/* while reading */
	char open_op[32];
	uint64_t start[COUNTERS_MAX];
	unsigned rounds;
	bool counts_are_start;
	int counting; /* row that the next counts belong to, or -1 */
};

void results_take(struct results *r, enum way w, const char *line);
bool results_complete(const struct results *r, enum way w);
void results_table(const struct results *r);

/* One file for this and the Linux rows, which may be NULL. */
struct linux_results;
int results_json(const struct results *r, const struct linux_results *l, const char *directory);
int results_draw(const struct results *r, const char *directory);

#endif
