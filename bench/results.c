// SPDX-License-Identifier: GPL-2.0-or-later
#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linux.h"

const char *const prep_names[PREPS] = { "native", "stock", "rewritten", "pv" };

static struct row *row_of(struct results *r, const char *op)
{
	for (unsigned i = 0; i < r->rows; i++)
		if (!strcmp(r->row[i].op, op))
			return &r->row[i];
	if (r->rows == OPS_MAX)
		return NULL;
	struct row *row = &r->row[r->rows++];
	snprintf(row->op, sizeof(row->op), "%s", op);
	return row;
}

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

/* " name=at-the-line's-start:at-its-end ...": between the end of BENCH-START's line and the start
 * of BENCH's lies the operation. */
static void take_counts(struct results *r, enum prep p, const char *text)
{
	char name[16];
	unsigned long long begin, end;
	int used;

	while (sscanf(text, " %15[a-z]=%llu:%llu%n", name, &begin, &end, &used) == 3) {
		unsigned i = counter_index(r, name);

		if (r->counts_are_start)
			r->start[i] = end;
		else if (r->counting >= 0)
			r->row[r->counting].count[p][i] = (double)(begin - r->start[i]) / r->rounds;
		text += used;
	}
}

static void take_bench(struct results *r, enum prep p, const char *text)
{
	char op[32];
	unsigned long hundredths, rounds;

	if (sscanf(text, "BENCH-START %31s", op) == 1) {
		r->counts_are_start = true;
		return;
	}
	r->counts_are_start = false;
	r->counting = -1;
	if (!strncmp(text, "BENCH-END", 9))
		r->ended[p] = true;
	if (sscanf(text, "BENCH %31s %lu %lu", op, &hundredths, &rounds) != 3 ||
	    !strcmp(op, "empty"))
		return;
	struct row *row = row_of(r, op);
	if (!row)
		return;
	row->measured[p] = true;
	row->value[p] = (double)hundredths / 100;
	r->rounds = rounds ? (unsigned)rounds : 1;
	r->counting = (int)(row - r->row);
}

void results_take(struct results *r, enum prep p, const char *line)
{
	unsigned long a, b, c;
	const char *s;

	if ((s = strstr(line, ": counts ")))
		take_counts(r, p, s + 8);
	else if ((s = strstr(line, "BENCH")) && (s == line || !strncmp(line, "rtos: ", 6)))
		take_bench(r, p, s);
	else if ((s = strstr(line, "memory hypervisor_kib=")) &&
		 sscanf(s, "memory hypervisor_kib=%lu guests_kib=%lu image_kib=%lu", &a, &b, &c) ==
			 3)
		r->hypervisor_kib = a, r->image_kib = c;
	else if ((s = strstr(line, "first_instruction_ticks=")) &&
		 sscanf(s,
			"first_instruction_ticks=%lu ran_us=%*u worst_wait_us=%*u overhead_kib=%lu",
			&a, &b) == 2)
		r->boot_ticks[p] = a, r->overhead_kib[p] = b;
}

bool results_complete(const struct results *r, enum prep p)
{
	return r->ended[p];
}

static double counter(const struct results *r, const struct row *row, enum prep p, const char *name)
{
	for (unsigned i = 0; i < r->counters; i++)
		if (!strcmp(r->counter[i], name))
			return row->count[p][i];
	return 0;
}

/* Exits that the guest did not ask for and the machine did not cause. */
static double traps(const struct results *r, const struct row *row, enum prep p)
{
	return counter(r, row, p, "exits") - counter(r, row, p, "hypercall") -
	       counter(r, row, p, "interrupt");
}

static const struct budget {
	const char *op;
	enum prep prep;
	double at_most; /* instructions, or times native */
	bool times_native;
} budgets[] = {
	{ "irq_mask_unmask", PREP_REWRITTEN, 8, false },
	{ "hypercall_gate", PREP_PV, 40, false },
	{ "hypercall_full", PREP_PV, 250, false },
	{ "task_switch", PREP_REWRITTEN, 1.1, true },
	{ "queue_roundtrip", PREP_REWRITTEN, 1.1, true },
};

static void print_budgets(const struct results *r)
{
	printf("\nbudgets\n");
	for (unsigned i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
		const struct budget *b = &budgets[i];

		for (unsigned n = 0; n < r->rows; n++) {
			const struct row *row = &r->row[n];

			if (strcmp(row->op, b->op))
				continue;
			double v = row->value[b->prep];
			if (b->times_native)
				v /= row->value[PREP_NATIVE];
			printf("  %-18s %-10s %8.3g, at most %g%s: %s\n", b->op,
			       prep_names[b->prep], v, b->at_most,
			       b->times_native ? " x native" : " instructions",
			       v <= b->at_most ? "held" : "MISSED");
		}
	}
}

/* First line of a command's output, for the record. */
static void command_line(const char *command, char *out, size_t size)
{
	FILE *f = popen(command, "r");

	out[0] = 0;
	if (f && fgets(out, (int)size, f))
		out[strcspn(out, "\n")] = 0;
	if (f)
		pclose(f);
	for (char *c = out; *c; c++)
		if (*c == '"' || *c == '\\')
			*c = '\'';
}

/* Lines of C and assembly in the hypervisor, where the source is at hand; else "null". */
static void count_lines(char *out, size_t size)
{
	command_line(
		"cloc --csv --quiet --include-lang=C,Assembly,'C/C++ Header' hypervisor virtio "
		"--exclude-dir=host 2>/dev/null | awk -F, '/SUM/{print $5}'",
		out, size);
	if (!*out)
		snprintf(out, size, "null");
}

void results_table(const struct results *r)
{
	char lines[32];

	printf("Instructions for one operation (QEMU -icount), and in brackets exits to the "
	       "hypervisor\n\n%-17s",
	       "operation");
	for (unsigned p = 0; p < PREPS; p++)
		printf(" %18s", prep_names[p]);
	putchar('\n');
	for (unsigned i = 0; i < r->rows; i++) {
		const struct row *row = &r->row[i];

		printf("%-17s", row->op);
		for (unsigned p = 0; p < PREPS; p++) {
			if (!row->measured[p])
				printf(" %18s", "-");
			else if (p == PREP_NATIVE)
				printf(" %18.1f", row->value[p]);
			else
				printf(" %9.1f [%6.2f]", row->value[p],
				       counter(r, row, p, "exits"));
		}
		putchar('\n');
	}
	printf("\nimage %lu KiB; hypervisor memory %lu KiB; for the guest", r->image_kib,
	       r->hypervisor_kib);
	for (unsigned p = PREP_STOCK; p < PREPS; p++)
		printf(" %s %lu KiB", prep_names[p], r->overhead_kib[p]);
	printf("\nfrom entry to the guest's first instruction: %lu instructions (pv)\n",
	       r->boot_ticks[PREP_PV]);
	count_lines(lines, sizeof(lines));
	printf("hypervisor: %s lines of C and assembly\n", lines);
	print_budgets(r);
}

static void json_result(FILE *f, const struct row *row, enum prep p, const char *metric,
			double value, bool native, const char **comma)
{
	fprintf(f,
		"%s\n  {\"guest\": \"rtos\", \"prep\": \"%s\", \"engine\": \"%s\", \"op\": \"%s\", "
		"\"metric\": \"%s\", \"value\": %g, \"native\": ",
		*comma, prep_names[p], p == PREP_NATIVE ? "none" : "ring", row->op, metric, value);
	if (native && row->measured[PREP_NATIVE])
		fprintf(f, "%g}", row->value[PREP_NATIVE]);
	else
		fprintf(f, "null}");
	*comma = ",";
}

int results_json(const struct results *r, const struct linux_results *l, const char *directory)
{
	char path[4096], qemu[128], commit[64], gcc[128], lines[32];
	const char *comma = "";

	snprintf(path, sizeof(path), "%s/results.json", directory);
	FILE *f = fopen(path, "w");
	if (!f) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return -1;
	}
	command_line("qemu-system-x86_64 --version", qemu, sizeof(qemu));
	command_line("git rev-parse --short HEAD 2>/dev/null", commit, sizeof(commit));
	command_line("cc --version", gcc, sizeof(gcc));
	count_lines(lines, sizeof(lines));
	fprintf(f,
		"{\"meta\": {\"accelerator\": \"tcg -icount shift=0,sleep=off\", \"machine\": "
		"\"QEMU pc, cpu max\", "
		"\"qemu\": \"%s\", \"compiler\": \"%s\", \"commit\": \"%s\",\n"
		"  \"image_kib\": %lu, \"hypervisor_kib\": %lu, \"guest_overhead_kib\": %lu, "
		"\"first_instruction_ticks\": %lu, \"hypervisor_lines\": %s},\n \"results\": [",
		qemu, gcc, commit, r->image_kib, r->hypervisor_kib, r->overhead_kib[PREP_PV],
		r->boot_ticks[PREP_PV], lines);
	for (unsigned i = 0; i < r->rows; i++)
		for (unsigned p = 0; p < PREPS; p++) {
			const struct row *row = &r->row[i];

			if (!row->measured[p])
				continue;
			json_result(f, row, p, "instructions", row->value[p], true, &comma);
			if (p == PREP_NATIVE)
				continue;
			double exits = counter(r, row, p, "exits");
			json_result(f, row, p, "exits", exits, false, &comma);
			json_result(f, row, p, "traps", traps(r, row, p), false, &comma);
			json_result(f, row, p, "table_switches", 2 * exits, false, &comma);
		}
	if (l)
		linux_json(l, f, &comma);
	fprintf(f, "\n ]}\n");
	bool bad = ferror(f);
	if (fclose(f) || bad) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return -1;
	}
	printf("\nwritten: %s\n", path);
	return 0;
}

/* Bars on a logarithmic scale, one group for each operation. */
int results_draw(const struct results *r, const char *directory)
{
	FILE *g = popen("gnuplot 2>/dev/null", "w");

	if (!g)
		return 0;
	fprintf(g,
		"set terminal svg noenhanced size 1100,520 font 'sans-serif,12' background rgb 'white'\n"
		"set output '%s/results.svg'\nset title 'Instructions for one operation'\n"
		"set style data histograms\nset style fill solid 0.9 noborder\nset logscale y\n"
		"set yrange [1:*]\nset grid y\nset xtics rotate by -35\nset key outside top "
		"horizontal\n$d << E\n",
		directory);
	for (unsigned i = 0; i < r->rows; i++) {
		fprintf(g, "%s", r->row[i].op);
		for (unsigned p = 0; p < PREPS; p++)
			if (r->row[i].measured[p] && r->row[i].value[p] >= 1)
				fprintf(g, " %g", r->row[i].value[p]);
			else
				fprintf(g, " NaN");
		fputc('\n', g);
	}
	fprintf(g, "E\nplot");
	for (unsigned p = 0; p < PREPS; p++)
		fprintf(g, "%s $d using %u:xtic(1) title '%s'", p ? "," : "", p + 2, prep_names[p]);
	fprintf(g, "\n");
	if (!pclose(g))
		printf("drawn:   %s/results.svg\n", directory);
	return 0;
}
