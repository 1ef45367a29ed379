// SPDX-License-Identifier: GPL-2.0-or-later
/* results.json: what was measured, and with which tools. compare.c reads it. */
#include <string.h>

#include "compare.h"
#include "json_out.h"
#include "table.h"

static const char *const kind_names[EVENT_COUNT] = {
#define X(name) #name,
	EVENT_KINDS(X)
#undef X
};
static const char *const side_names[SIDES] = { "guest", "gate", "hypervisor" };

#define DIGITS	      10 /* of a value */
#define COUNTS_DIGITS 6	 /* averages */

/* null if value is negative, which means unknown. */
static json_t *known(double value)
{
	return value >= 0 ? json_number(value, DIGITS) : json_null();
}

static json_t *entry_of(const struct results *r, unsigned w, const char *op, const char *metric,
			double value, double native)
{
	const struct configuration *config = &r->configuration[w];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "machine",
			 machine_info[config->machine].name, "guest", r->guest, "prep",
			 config->prep, "engine", config->engine, "op", op, "metric", metric,
			 "value", json_number(value, DIGITS), "native", known(native));
}

static void add_count(json_t *counts, const char *name, double n)
{
	if (n > 0)
		json_object_set_new(counts, name, json_number(n, COUNTS_DIGITS));
}

/* Event counts of one operation: exits by reason, and expensive instructions. */
static json_t *counts_of(const struct results *r, const struct cell *c)
{
	json_t *counts = json_object();
	char name[40];

	for (unsigned i = 0; i < r->counters; i++)
		add_count(counts, r->counter[i], c->count[i]);
	for (unsigned s = 0; s < SIDES; s++)
		for (unsigned k = 0; k < EVENT_COUNT; k++) {
			snprintf(name, sizeof(name), "%s.%s", side_names[s], kind_names[k]);
			add_count(counts, name, c->event[s][k]);
		}
	return counts;
}

static void add_metric(json_t *to, const struct results *r, const struct row *row, unsigned w,
		       const char *metric, double value)
{
	if (value >= 0)
		json_array_append_new(to, entry_of(r, w, row->op, metric, value, -1));
}

static void add_cell(json_t *to, const struct results *r, const struct row *row, unsigned w)
{
	const struct cell *native = &row->at[native_of(r, w)];
	json_t *entry = entry_of(r, w, row->op, machine_info[r->configuration[w].machine].metric,
				 row->at[w].value, native->measured ? native->value : -1);

	json_object_set_new(entry, "counts", counts_of(r, &row->at[w]));
	json_array_append_new(to, entry);
	if (r->run[w].hypervisor_kib) {
		add_metric(to, r, row, w, "exits", count_of(r, row, w, "exits"));
		add_metric(to, r, row, w, "traps", traps_of(r, row, w));
		add_metric(to, r, row, w, "table_switches", table_switches_of(r, row, w));
	}
	add_metric(to, r, row, w, "tlb_flushes", tlb_flushes_of(r, row, w));
}

static void add_longest_stay(json_t *to, const struct results *r, unsigned w)
{
	const struct stay *s = &r->run[w].stay;
	json_t *entry;

	if (!s->instructions)
		return;
	entry = entry_of(r, w, "longest_stay", "instructions", (double)s->instructions, -1);
	json_object_set_new(entry, "where", stay_json(s));
	json_array_append_new(to, entry);
}

static void add_boot(json_t *to, const struct results *r, unsigned w)
{
	if (r->run[w].boot)
		json_array_append_new(to, entry_of(r, w, "boot",
						   machine_info[r->configuration[w].machine].metric,
						   r->run[w].boot, r->run[native_of(r, w)].boot));
}

static void add_results(json_t *to, const struct results *r)
{
	for (unsigned i = 0; i < r->rows; i++)
		for (unsigned w = 0; w < r->configurations; w++)
			if (r->row[i].at[w].measured)
				add_cell(to, r, &r->row[i], w);
	for (unsigned w = 0; w < r->configurations; w++) {
		add_longest_stay(to, r, w);
		add_boot(to, r, w);
	}
}

static void add_command(json_t *meta, const char *key, const char *command)
{
	char line[128];

	command_line(command, line, sizeof(line));
	json_object_set_new(meta, key, json_text(line));
}

static json_t *meta_of(const struct results *r)
{
	const struct run *pv = &r->run[configuration_find(r, QEMU, "ring", "pv")];
	json_t *meta = json_pack("{s:s, s:s}", "accelerator", "tcg -icount shift=0,sleep=off",
				 "machine", "QEMU pc, cpu max");

	add_command(meta, "qemu", "qemu-system-x86_64 --version");
	add_command(meta, "bochs", "dpkg-query -W -f '${Package} ${Version}' bochs 2>/dev/null");
	add_command(meta, "compiler", "cc --version 2>/dev/null");
	add_command(meta, "commit", "git rev-parse --short HEAD 2>/dev/null");
	json_object_set_new(meta, "image_kib", json_integer((json_int_t)pv->image_kib));
	json_object_set_new(meta, "hypervisor_kib", json_integer((json_int_t)pv->hypervisor_kib));
	json_object_set_new(meta, "guest_overhead_kib", json_integer((json_int_t)pv->overhead_kib));
	json_object_set_new(meta, "first_instruction_ticks",
			    json_integer((json_int_t)pv->first_instruction));
	json_object_set_new(meta, "hypervisor_lines", known((double)count_lines()));
	return meta;
}

int results_json(const struct results *rtos, const struct results *linux_rows, const char *path)
{
	json_t *results = json_array();

	add_results(results, rtos);
	if (linux_rows)
		add_results(results, linux_rows);
	const char *why = json_write_file(json_pack("{s:i, s:o, s:o}", "version", RESULTS_VERSION,
						    "meta", meta_of(rtos), "results", results),
					  path);
	if (why)
		fprintf(stderr, "veneer: %s: %s\n", path, why);
	return why ? -1 : 0;
}
