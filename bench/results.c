// SPDX-License-Identifier: GPL-2.0-or-later
#include "results.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

const struct machine_info machine_info[MACHINES] = {
	[QEMU] = { "qemu", "QEMU, with -icount", "instructions" },
	[BOCHS] = { "bochs", "Bochs, in its ticks", "instructions" },
	[HARDWARE] = { "hardware", "KVM on this processor", "cycles" },
};

const char *machine_title(const struct results *r, enum machine_kind machine)
{
	return machine == HARDWARE && r->bare ? "the bare machine" : machine_info[machine].title;
}

bool is_native(const struct results *r, unsigned config)
{
	return !strcmp(r->configuration[config].engine, "none");
}

unsigned native_of(const struct results *r, unsigned config)
{
	unsigned w = config;

	while (w && r->configuration[w - 1].machine == r->configuration[config].machine)
		w--;
	return w;
}

int configuration_find(const struct results *r, enum machine_kind machine, const char *engine,
		       const char *prep)
{
	for (unsigned w = 0; w < r->configurations; w++)
		if (r->configuration[w].machine == machine &&
		    !strcmp(r->configuration[w].engine, engine) &&
		    !strcmp(r->configuration[w].prep, prep))
			return (int)w;
	return -1;
}

bool machine_measured(const struct results *r, enum machine_kind machine)
{
	for (unsigned w = 0; w < r->configurations; w++)
		if (r->configuration[w].machine == machine && r->run[w].ended)
			return true;
	return false;
}

const struct row *row_find(const struct results *r, const char *op)
{
	for (unsigned i = 0; i < r->rows; i++)
		if (!strcmp(r->row[i].op, op))
			return &r->row[i];
	return NULL;
}

static struct row *row_of(struct results *r, const char *op)
{
	struct row *row = (struct row *)row_find(r, op);

	if (!row && r->rows < OPS_MAX) {
		row = &r->row[r->rows++];
		snprintf(row->op, sizeof(row->op), "%s", op);
	}
	return row;
}

/* --- consoles --- */

static unsigned counter_index(struct results *r, const char *name)
{
	for (unsigned i = 0; i < r->counters; i++)
		if (!strcmp(r->counter[i], name))
			return i;
	if (r->counters == COUNTERS_MAX)
		return COUNTERS_MAX - 1;
	snprintf(r->counter[r->counters], sizeof(r->counter[0]), "%s", name);
	return r->counters++;
}

/* " name=how-often ...", counted since the line before: the operation lies between its start line
 * and its report. */
static void take_counts(struct results *r, unsigned config, const char *text)
{
	struct run *run = &r->run[config];
	char name[16];
	unsigned long long n;
	int used;

	if (!run->counts_due)
		return;
	run->counts_due = false;
	const struct report *last = &run->report[run->reports - 1];
	while (sscanf(text, " %15[a-z]=%llu%n", name, &n, &used) == 2) {
		if (last->row >= 0)
			r->row[last->row].at[config].count[counter_index(r, name)] =
				(double)n / last->operations;
		text += used;
	}
}

static void take_report(struct results *r, unsigned config, const char *op, double value,
			double operations)
{
	struct run *run = &r->run[config];
	struct row *row = strcmp(op, "empty") ? row_of(r, op) : NULL;

	if (run->reports == sizeof(run->report) / sizeof(run->report[0]))
		return;
	run->report[run->reports].row = row ? (int)(row - r->row) : -1;
	run->report[run->reports++].operations = operations > 0 ? operations : 1;
	run->counts_due = true;
	if (!row)
		return;
	row->at[config].measured = true;
	row->at[config].value = value;
}

/* rtos-pv/app/bench.c */
static bool take_rtos(struct results *r, unsigned config, const char *line)
{
	const char *s = strstr(line, "BENCH");
	char op[32];
	unsigned long hundredths, operations;

	if (!s || (s != line && strncmp(line, "rtos: ", 6)))
		return false;
	if (sscanf(s, "BENCH %31[a-z0-9_] %lu %lu", op, &hundredths, &operations) == 3)
		take_report(r, config, op, (double)hundredths / 100, (double)operations);
	else if (!strncmp(s, "BENCH-END", 9))
		r->run[config].ended = true;
	return true;
}

/* bench/guest/osbench.c */
static void take_osbench(struct results *r, unsigned config, const char *line)
{
	const char *s = strstr(line, "osbench");
	unsigned long long tick;
	char op[24];
	double median, operations;

	if (!s)
		return;
	if (sscanf(s, "osbench %23[a-z0-9_] median %lf lowest %*f operations %lf", op, &median,
		   &operations) == 3)
		take_report(r, config, op, median, operations);
	else if (sscanf(s, "osbench started at tick %llu", &tick) == 1)
		r->run[config].boot = (double)tick;
	else if (!strncmp(s, "osbench ended", 13))
		r->run[config].ended = true;
}

/* A line of the hypervisor, after its "veneer: ". */
static void take_hypervisor(struct results *r, unsigned config, const char *said)
{
	struct run *run = &r->run[config];
	const char *s;

	if ((s = strstr(said, ": counts ")))
		take_counts(r, config, s + 8);
	else if ((s = strstr(said, ", engine ")))
		sscanf(s, ", engine %7[a-z]", run->engine);
	else if (!strncmp(said, "memory ", 7))
		sscanf(said, "memory hypervisor_kib=%lu guests_kib=%*u image_kib=%lu",
		       &run->hypervisor_kib, &run->image_kib);
	else if (!strncmp(said, "stats ", 6) && (s = strstr(said, "first_instruction_ticks="))) {
		sscanf(s,
		       "first_instruction_ticks=%lu ran_us=%*u worst_wait_us=%*u overhead_kib=%lu",
		       &run->first_instruction, &run->overhead_kib);
		snprintf(run->stats, sizeof(run->stats), "%s", s);
	}
}

void results_take(struct results *r, unsigned config, const char *line)
{
	const char *said = hypervisor_says(line);

	if (said)
		take_hypervisor(r, config, said);
	else if (!take_rtos(r, config, line))
		take_osbench(r, config, line);
}

void results_forget(struct results *r, unsigned config)
{
	memset(&r->run[config], 0, sizeof(r->run[config]));
	for (unsigned i = 0; i < r->rows; i++)
		memset(&r->row[i].at[config], 0, sizeof(r->row[i].at[config]));
}

/* --- events --- */

static void take_event(struct cell *c, const char *side, const char *kind, double value)
{
	static const char *const sides[SIDES] = { "guest", "gate", "hypervisor" };
	static const char *const kinds[EVENT_COUNT] = {
#define X(name) #name,
		EVENT_KINDS(X)
#undef X
	};

	for (unsigned s = 0; s < SIDES; s++)
		for (unsigned k = 0; k < EVENT_COUNT; k++)
			if (!strcmp(side, sides[s]) && !strcmp(kind, kinds[k]))
				c->event[s][k] = value;
}

static void take_events_line(struct cell *c, double operations, const char *text)
{
	char side[16], kind[16];
	unsigned long long n;
	int used;

	while (sscanf(text, " %15[a-z].%15[a-z0-9]=%llu%n", side, kind, &n, &used) == 3) {
		take_event(c, side, kind, (double)n / operations);
		text += used;
	}
}

int results_take_events(struct results *r, unsigned config, const char *path)
{
	struct run *run = &r->run[config];
	unsigned n = 0;
	char line[1024];
	FILE *f = fopen(path, "r");

	if (!f) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return -1;
	}
	for (; fgets(line, sizeof(line), f) && n < run->reports; n++)
		if (!strncmp(line, "events", 6) && run->report[n].row >= 0)
			take_events_line(&r->row[run->report[n].row].at[config],
					 run->report[n].operations, line + 6);
	fclose(f);
	run->counted = n == run->reports;
	if (run->counted)
		return 0;
	fprintf(stderr, "veneer: %s: events of %u operations, but %u were reported\n", path, n,
		run->reports);
	return -1;
}

/* --- derived figures --- */

double count_of(const struct results *r, const struct row *row, unsigned config, const char *name)
{
	for (unsigned i = 0; i < r->counters; i++)
		if (!strcmp(r->counter[i], name))
			return row->at[config].count[i];
	return 0;
}

double traps_of(const struct results *r, const struct row *row, unsigned config)
{
	double n = count_of(r, row, config, "exits") - count_of(r, row, config, "hypercall") -
		   count_of(r, row, config, "interrupt");

	return n < 1e-9 ? 0 : n; /* the quotients are rounded */
}

static bool in_ring(const struct results *r, unsigned config)
{
	return !strcmp(r->configuration[config].engine, "ring");
}

int counted_twin(const struct results *r, unsigned config)
{
	const struct configuration *w = &r->configuration[config];

	if (r->run[config].counted || w->machine == HARDWARE)
		return r->run[config].counted ? (int)config : -1;
	int twin =
		configuration_find(r, QEMU, strcmp(w->engine, "vmx") ? w->engine : "svm", w->prep);
	return twin >= 0 && r->run[twin].counted ? twin : -1;
}

int hardware_twin(const struct results *r, unsigned config)
{
	const struct configuration *w = &r->configuration[config];

	if (w->machine == HARDWARE)
		return -1;
	for (unsigned i = 0; i < r->configurations; i++) {
		const char *engine =
			*r->run[i].engine ? r->run[i].engine : r->configuration[i].engine;

		if (r->configuration[i].machine == HARDWARE && r->run[i].ended &&
		    !strcmp(engine, w->engine) && !strcmp(r->configuration[i].prep, w->prep))
			return (int)i;
	}
	return -1;
}

double table_switches_of(const struct results *r, const struct row *row, unsigned config)
{
	int twin = counted_twin(r, config);

	if (in_ring(r, config) &&
	    twin != (int)config) /* engine/ring/gate.S loads CR3 on exit and on entry */
		return 2 * count_of(r, row, config, "exits");
	if (twin < 0)
		return is_native(r, config) ? 0 : -1;
	return row->at[twin].event[SIDE_HYPERVISOR][EVENT_cr3] +
	       row->at[twin].event[SIDE_GATE][EVENT_cr3];
}

/* In ring 1 a guest's own CR3 loads and INVLPGs trap, so they do not count. */
double tlb_flushes_of(const struct results *r, const struct row *row, unsigned config)
{
	int twin = counted_twin(r, config);

	if (twin < 0)
		return -1;
	const struct cell *c = &row->at[twin];
	double n = count_of(r, row, config, "flush") + table_switches_of(r, row, config) +
		   c->event[SIDE_GATE][EVENT_invlpg] + c->event[SIDE_HYPERVISOR][EVENT_invlpg];
	if (!in_ring(r, config))
		n += c->event[SIDE_GUEST][EVENT_cr3] + c->event[SIDE_GUEST][EVENT_invlpg];
	return n;
}

/* --- for the record --- */

void command_line(const char *command, char *out, size_t size)
{
	FILE *f = popen(command, "r");

	out[0] = 0;
	if (f && fgets(out, (int)size, f))
		out[strcspn(out, "\n")] = 0;
	if (f)
		pclose(f);
}

long count_lines(void)
{
	char lines[32];

	command_line(
		"cloc --csv --quiet --include-lang=C,Assembly,'C/C++ Header' hypervisor virtio "
		"--exclude-dir=host 2>/dev/null | awk -F, '/SUM/{print $5}'",
		lines, sizeof(lines));
	return *lines ? atol(lines) : -1;
}
