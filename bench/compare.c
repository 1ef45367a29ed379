// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 4096

struct entry {
	char machine[16], guest[16], prep[24], engine[16], op[40], metric[24];
	double value;
};

struct file {
	struct entry row[ROWS_MAX];
	unsigned rows;
};

/* results_json writes one result per line. */
static bool read_entry(const char *line, struct entry *e)
{
	return sscanf(line,
		      " {\"machine\": \"%15[^\"]\", \"guest\": \"%15[^\"]\", \"prep\": "
		      "\"%23[^\"]\", "
		      "\"engine\": \"%15[^\"]\", \"op\": \"%39[^\"]\", \"metric\": \"%23[^\"]\", "
		      "\"value\": %lf",
		      e->machine, e->guest, e->prep, e->engine, e->op, e->metric, &e->value) == 7;
}

static int read_results(const char *path, struct file *to)
{
	FILE *f = fopen(path, "r");
	char line[2048];

	to->rows = 0;
	while (f && to->rows < ROWS_MAX && fgets(line, sizeof(line), f))
		to->rows += read_entry(line, &to->row[to->rows]);
	if (f && to->rows) {
		fclose(f);
		return 0;
	}
	fprintf(stderr, "veneer: %s: %s\n", path,
		f ? "no results in it: want a results.json of veneer bench" : strerror(errno));
	if (f)
		fclose(f);
	return -1;
}

int compare_check(const char *path)
{
	static struct file f;

	return read_results(path, &f);
}

static bool is_same_configuration(const struct entry *a, const struct entry *b)
{
	return !strcmp(a->prep, b->prep) && !strcmp(a->engine, b->engine) &&
	       !strcmp(a->machine, b->machine) && !strcmp(a->guest, b->guest);
}

static const struct entry *find(const struct file *f, const struct entry *like)
{
	for (unsigned i = 0; i < f->rows; i++) {
		const struct entry *e = &f->row[i];

		if (!strcmp(e->op, like->op) && !strcmp(e->metric, like->metric) &&
		    is_same_configuration(e, like))
			return e;
	}
	return NULL;
}

static bool has_configuration(const struct file *f, const struct entry *like)
{
	for (unsigned i = 0; i < f->rows; i++)
		if (is_same_configuration(&f->row[i], like))
			return true;
	return false;
}

/* Figures of a real processor vary. */
static bool is_compared(const struct entry *e)
{
	return strcmp(e->machine, "hardware") &&
	       (!strcmp(e->metric, "instructions") || !strcmp(e->metric, "exits"));
}

/* Absolute differences too small to show, whatever the percentage. */
static double grain(const struct entry *e)
{
	return !strcmp(e->metric, "exits") ? 0.0025 : 0.5;
}

/* Absolute differences too small to matter: an operation that costs one exit more does so nearly
 * each time. A small fraction of one is a clock or console exit during the measurement. */
static double slack(const struct entry *e)
{
	return !strcmp(e->metric, "exits") ? 0.2 : 2;
}

static bool is_worse(const struct entry *old, const struct entry *new, double percent)
{
	double more = new->value - old->value;

	return more > slack(old) && more > old->value * percent / 100;
}

static void print_change(const struct entry *old, const struct entry *new, bool worse)
{
	double percent = old->value ? 100 * (new->value / old->value - 1) : 100;

	printf("  %-5s %-6s %-4s %-10s %-18s %-12s %10.4g -> %10.4g  %+7.1f %%%s\n", new->machine,
	       new->guest, new->engine, new->prep, new->op, new->metric, old->value, new->value,
	       percent, worse ? "  WORSE" : "");
}

/* Rows that are missing now, of configurations that were measured now. A configuration that is left
 * out is not missed. */
static unsigned print_gone(const struct file *old, const struct file *new)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < old->rows; i++) {
		const struct entry *then = &old->row[i];

		if (!is_compared(then) || find(new, then) || !has_configuration(new, then))
			continue;
		gone++;
		printf("  %-5s %-6s %-4s %-10s %-18s %-12s %10.4g -> GONE\n", then->machine,
		       then->guest, then->engine, then->prep, then->op, then->metric, then->value);
	}
	return gone;
}

int compare_results(const char *old_path, const char *new_path, double percent)
{
	static struct file old, new;
	unsigned compared = 0, changed = 0, worse = 0;

	if (read_results(old_path, &old) || read_results(new_path, &new))
		return -1;
	printf("\nagainst %s\n", old_path);
	for (unsigned i = 0; i < new.rows; i++) {
		const struct entry *now = &new.row[i], *then = find(&old, now);

		if (!then || !is_compared(now))
			continue;
		bool bad = is_worse(then, now, percent);
		compared++;
		worse += bad;
		if (fabs(now->value - then->value) <= grain(then))
			continue;
		changed++;
		print_change(then, now, bad);
	}
	unsigned gone = print_gone(&old, &new);
	printf("%u rows compared, %u changed, %u worse by more than %g %%\n", compared, changed,
	       worse, percent);
	if (gone)
		printf("%u rows were not measured any more\n", gone);
	if (!compared) {
		fprintf(stderr, "veneer: %s: none of its rows was measured\n", old_path);
		return -1;
	}
	return worse || gone ? 1 : 0;
}
