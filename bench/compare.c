// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

struct entry {
	const char *machine, *guest, *prep, *engine, *op, *metric; /* point into json */
	double value;
};

struct file {
	json_t *json;
	struct entry *row;
	size_t rows;
};

static void release(struct file *f)
{
	json_decref(f->json);
	free(f->row);
	*f = (struct file){ 0 };
}

static int fail(struct file *f, const char *path, const char *why)
{
	fprintf(stderr, "veneer: %s: %s\n", path, why);
	release(f);
	return -1;
}

static int take_entries(struct file *f, const char *path, json_t *results)
{
	json_error_t error;
	json_t *result;
	size_t i;
	char why[sizeof(error.text) + 40];

	f->row = calloc(json_array_size(results), sizeof(*f->row));
	if (!f->row)
		return fail(f, path, strerror(ENOMEM));
	json_array_foreach(results, i, result)
	{
		struct entry *e = &f->row[f->rows++];

		if (!json_unpack_ex(result, &error, 0, "{s:s, s:s, s:s, s:s, s:s, s:s, s:F}",
				    "machine", &e->machine, "guest", &e->guest, "prep", &e->prep,
				    "engine", &e->engine, "op", &e->op, "metric", &e->metric,
				    "value", &e->value))
			continue;
		snprintf(why, sizeof(why), "result %zu: %s", i + 1, error.text);
		return fail(f, path, why);
	}
	return 0;
}

/* Files without a version are from before there was one, and have the format of version 1. */
static int read_results(const char *path, struct file *f)
{
	int version = RESULTS_VERSION;
	const char *wrong;
	FILE *from = file_open(path, &wrong);
	json_t *results;
	char why[48];

	*f = (struct file){ 0 };
	if (!from)
		return fail(f, path, wrong);
	f->json = json_loadf(from, 0, NULL);
	fclose(from);
	results = json_object_get(f->json, "results");
	if (!json_array_size(results))
		return fail(f, path, "no results in it: want a results.json of veneer bench");
	if (!json_unpack(f->json, "{s?i}", "version", &version) && version == RESULTS_VERSION)
		return take_entries(f, path, results);
	snprintf(why, sizeof(why), "version %d: want %d", version, RESULTS_VERSION);
	return fail(f, path, why);
}

int compare_check(const char *path)
{
	struct file f;
	int err = read_results(path, &f);

	release(&f);
	return err;
}

static bool is_same_configuration(const struct entry *a, const struct entry *b)
{
	return !strcmp(a->prep, b->prep) && !strcmp(a->engine, b->engine) &&
	       !strcmp(a->machine, b->machine) && !strcmp(a->guest, b->guest);
}

static const struct entry *find(const struct file *f, const struct entry *like)
{
	for (size_t i = 0; i < f->rows; i++) {
		const struct entry *e = &f->row[i];

		if (!strcmp(e->op, like->op) && !strcmp(e->metric, like->metric) &&
		    is_same_configuration(e, like))
			return e;
	}
	return NULL;
}

static bool has_configuration(const struct file *f, const struct entry *like)
{
	for (size_t i = 0; i < f->rows; i++)
		if (is_same_configuration(&f->row[i], like))
			return true;
	return false;
}

/* Results from a real processor vary, and are not compared. */
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

/* Rows of the old file that are missing now, of configurations that were measured now. A
 * configuration that was left out is not reported. */
static unsigned print_gone(const struct file *old, const struct file *new)
{
	unsigned gone = 0;

	for (size_t i = 0; i < old->rows; i++) {
		const struct entry *then = &old->row[i];

		if (!is_compared(then) || find(new, then) || !has_configuration(new, then))
			continue;
		gone++;
		printf("  %-5s %-6s %-4s %-10s %-18s %-12s %10.4g -> GONE\n", then->machine,
		       then->guest, then->engine, then->prep, then->op, then->metric, then->value);
	}
	return gone;
}

/* Rows that are in both files; counts those that are worse. */
static unsigned print_changes(const struct file *old, const struct file *new, double percent,
			      unsigned *worse)
{
	unsigned compared = 0, changed = 0;

	for (size_t i = 0; i < new->rows; i++) {
		const struct entry *now = &new->row[i], *then = find(old, now);

		if (!then || !is_compared(now))
			continue;
		bool bad = is_worse(then, now, percent);
		compared++;
		*worse += bad;
		if (fabs(now->value - then->value) <= grain(then))
			continue;
		changed++;
		print_change(then, now, bad);
	}
	printf("%u rows compared, %u changed, %u worse by more than %g %%\n", compared, changed,
	       *worse, percent);
	return compared;
}

static int compare(const struct file *old, const struct file *new, const char *old_path,
		   double percent)
{
	unsigned worse = 0;

	printf("\nagainst %s\n", old_path);
	unsigned compared = print_changes(old, new, percent, &worse);
	unsigned gone = print_gone(old, new);
	if (gone)
		printf("%u rows were not measured any more\n", gone);
	if (!compared) {
		fprintf(stderr, "veneer: %s: none of its rows was measured\n", old_path);
		return -1;
	}
	return worse || gone ? 1 : 0;
}

int compare_results(const char *old_path, const char *new_path, double percent)
{
	struct file old, new = { 0 };
	int err = read_results(old_path, &old) || read_results(new_path, &new)
			  ? -1
			  : compare(&old, &new, old_path, percent);

	release(&old);
	release(&new);
	return err;
}
