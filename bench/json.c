// SPDX-License-Identifier: GPL-2.0-or-later
/* results.json: one result per line, which compare.c relies on. */
#include <errno.h>
#include <string.h>

#include "table.h"

static const char *const kind_names[EVENT_COUNT] = {
#define X(name) #name,
	EVENT_KINDS(X)
#undef X
};
static const char *const side_names[SIDES] = { "guest", "gate", "hypervisor" };

static void write_value(FILE *f, const struct results *r, unsigned w, const char *op,
			const char *metric, double value, double native)
{
	const struct configuration *config = &r->configuration[w];

	fprintf(f,
		"{\"machine\": \"%s\", \"guest\": \"%s\", \"prep\": \"%s\", \"engine\": \"%s\", "
		"\"op\": \"%s\", \"metric\": \"%s\", \"value\": %.10g, \"native\": ",
		machine_info[config->machine].name, r->guest, config->prep, config->engine, op,
		metric, value);
	if (native >= 0)
		fprintf(f, "%.10g", native);
	else
		fprintf(f, "null");
}

/* Event counts of one operation: exits by reason, and expensive instructions. */
static void write_counts(FILE *f, const struct results *r, const struct row *row, unsigned w)
{
	const struct cell *c = &row->at[w];
	const char *comma = "";

	fprintf(f, ", \"counts\": {");
	for (unsigned i = 0; i < r->counters; i++)
		if (c->count[i] > 0)
			fprintf(f, "%s\"%s\": %g", comma, r->counter[i], c->count[i]), comma = ", ";
	for (unsigned s = 0; s < SIDES; s++)
		for (unsigned k = 0; k < EVENT_COUNT; k++)
			if (c->event[s][k] > 0)
				fprintf(f, "%s\"%s.%s\": %g", comma, side_names[s], kind_names[k],
					c->event[s][k]),
					comma = ", ";
	fprintf(f, "}");
}

static void write_metric(FILE *f, const struct results *r, const struct row *row, unsigned w,
			 const char *metric, double value)
{
	if (value < 0)
		return;
	fprintf(f, ",\n  ");
	write_value(f, r, w, row->op, metric, value, -1);
	fprintf(f, "}");
}

static void write_cell(FILE *f, const struct results *r, const struct row *row, unsigned w,
		       const char **comma)
{
	const struct cell *native = &row->at[native_of(r, w)];

	fprintf(f, "%s\n  ", *comma);
	*comma = ",";
	write_value(f, r, w, row->op, machine_info[r->configuration[w].machine].metric,
		    row->at[w].value, native->measured ? native->value : -1);
	write_counts(f, r, row, w);
	fprintf(f, "}");
	if (r->run[w].hypervisor_kib) {
		write_metric(f, r, row, w, "exits", count_of(r, row, w, "exits"));
		write_metric(f, r, row, w, "traps", traps_of(r, row, w));
		write_metric(f, r, row, w, "table_switches", table_switches_of(r, row, w));
	}
	write_metric(f, r, row, w, "tlb_flushes", tlb_flushes_of(r, row, w));
}

static void write_longest_stay(FILE *f, const struct results *r, unsigned w)
{
	const struct stay *s = &r->run[w].stay;

	if (!s->instructions)
		return;
	fprintf(f, ",\n  ");
	write_value(f, r, w, "longest_stay", "instructions", (double)s->instructions, -1);
	fprintf(f, ", \"where\": ");
	stay_json(s, f);
	fprintf(f, "}");
}

static void write_results(FILE *f, const struct results *r, const char **comma)
{
	for (unsigned i = 0; i < r->rows; i++)
		for (unsigned w = 0; w < r->configurations; w++)
			if (r->row[i].at[w].measured)
				write_cell(f, r, &r->row[i], w, comma);
	for (unsigned w = 0; w < r->configurations; w++) {
		write_longest_stay(f, r, w);
		if (!r->run[w].boot)
			continue;
		fprintf(f, ",\n  ");
		write_value(f, r, w, "boot", machine_info[r->configuration[w].machine].metric,
			    r->run[w].boot, r->run[native_of(r, w)].boot);
		fprintf(f, "}");
	}
}

static void write_meta(FILE *f, const struct results *r)
{
	const struct run *pv = &r->run[configuration_find(r, QEMU, "ring", "pv")];
	char qemu[128], bochs[128], commit[64], gcc[128], lines[32];

	command_line("qemu-system-x86_64 --version", qemu, sizeof(qemu));
	command_line("dpkg-query -W -f '${Package} ${Version}' bochs 2>/dev/null", bochs,
		     sizeof(bochs));
	command_line("git rev-parse --short HEAD 2>/dev/null", commit, sizeof(commit));
	command_line("cc --version", gcc, sizeof(gcc));
	count_lines(lines, sizeof(lines));
	fprintf(f,
		"{\"meta\": {\"accelerator\": \"tcg -icount shift=0,sleep=off\", \"machine\": "
		"\"QEMU pc, cpu max\", \"qemu\": \"%s\", \"bochs\": \"%s\", \"compiler\": \"%s\", "
		"\"commit\": \"%s\",\n  \"image_kib\": %lu, \"hypervisor_kib\": %lu, "
		"\"guest_overhead_kib\": %lu, \"first_instruction_ticks\": %lu, "
		"\"hypervisor_lines\": %s},\n \"results\": [",
		qemu, bochs, gcc, commit, pv->image_kib, pv->hypervisor_kib, pv->overhead_kib,
		pv->first_instruction, lines);
}

int results_json(const struct results *rtos, const struct results *linux_rows, const char *path)
{
	const char *comma = "";
	FILE *f = fopen(path, "w");

	if (f) {
		write_meta(f, rtos);
		write_results(f, rtos, &comma);
		if (linux_rows)
			write_results(f, linux_rows, &comma);
		fprintf(f, "\n ]}\n");
		bool bad = ferror(f);
		if (!fclose(f) && !bad)
			return 0;
	}
	fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
	return -1;
}
