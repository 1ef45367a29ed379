/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a benchmark run found: collecting it from consoles, printing, writing, drawing. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

enum prep { PREP_NATIVE, PREP_STOCK, PREP_REWRITTEN, PREP_PV, PREPS };
extern const char *const prep_names[PREPS];

#define OPS_MAX	     32
#define COUNTERS_MAX 16

struct row {
	char op[32];
	bool measured[PREPS];
	double value[PREPS];		   /* instructions for one operation */
	double count[PREPS][COUNTERS_MAX]; /* of each counter, for one operation */
};

struct results {
	struct row row[OPS_MAX];
	unsigned rows;
	char counter[COUNTERS_MAX][16]; /* names, from the hypervisor */
	unsigned counters;
	bool ended[PREPS];
	long wall_ms[PREPS];
	/* of the pv run */
	unsigned long hypervisor_kib, image_kib, overhead_kib[PREPS], boot_ticks[PREPS];
	/* while reading */
	char open_op[32];
	uint64_t start[COUNTERS_MAX];
	unsigned rounds;
	bool counts_are_start;
	int counting; /* row that the next counts belong to, or -1 */
};

void results_take(struct results *r, enum prep p, const char *line);
bool results_complete(const struct results *r, enum prep p);
void results_table(const struct results *r);

/* One file for this and the Linux rows, which may be NULL. */
struct linux_results;
int results_json(const struct results *r, const struct linux_results *l, const char *directory);
int results_draw(const struct results *r, const char *directory);

#endif
