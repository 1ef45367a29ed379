// SPDX-License-Identifier: GPL-2.0-or-later
#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linux.h"

const struct way_info way_info[WAYS] = {
	[QEMU_NATIVE] = { "native", "none", "native", false },
	[QEMU_STOCK] = { "ring stock", "ring", "stock", false },
	[QEMU_REWRITTEN] = { "ring rewritten", "ring", "rewritten", false },
	[QEMU_PV] = { "ring pv", "ring", "pv", false },
	[QEMU_SVM] = { "svm", "svm", "stock", false },
	[QEMU_SVM_PV] = { "svm pv", "svm", "pv", false },
	[BOCHS_NATIVE] = { "native", "none", "native", true },
	[BOCHS_REWRITTEN] = { "ring rewritten", "ring", "rewritten", true },
	[BOCHS_PV] = { "ring pv", "ring", "pv", true },
	[BOCHS_VMX] = { "vmx", "vmx", "stock", true },
	[BOCHS_VMX_PV] = { "vmx pv", "vmx", "pv", true },
};

static enum way native_of(enum way w)
{
	return way_info[w].bochs ? BOCHS_NATIVE : QEMU_NATIVE;
}

static bool is_native(enum way w)
{
	return w == native_of(w);
}

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
static void take_counts(struct results *r, enum way w, const char *text)
{
	char name[16];
	unsigned long long begin, end;
	int used;

	while (sscanf(text, " %15[a-z]=%llu:%llu%n", name, &begin, &end, &used) == 3) {
		unsigned i = counter_index(r, name);

		if (r->counts_are_start)
			r->start[i] = end;
		else if (r->counting >= 0)
			r->row[r->counting].count[w][i] = (double)(begin - r->start[i]) / r->rounds;
		text += used;
	}
}

static void take_bench(struct results *r, enum way w, const char *text)
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
		r->ended[w] = true;
	if (sscanf(text, "BENCH %31s %lu %lu", op, &hundredths, &rounds) != 3 ||
	    !strcmp(op, "empty"))
		return;
	struct row *row = row_of(r, op);
	if (!row)
		return;
	row->measured[w] = true;
	row->value[w] = (double)hundredths / 100;
	r->rounds = rounds ? (unsigned)rounds : 1;
	r->counting = (int)(row - r->row);
}

void results_take(struct results *r, enum way w, const char *line)
{
	unsigned long a, b, c;
	const char *s;

	if ((s = strstr(line, ": counts ")))
		take_counts(r, w, s + 8);
	else if ((s = strstr(line, "BENCH")) && (s == line || !strncmp(line, "rtos: ", 6)))
		take_bench(r, w, s);
	else if ((s = strstr(line, "memory hypervisor_kib=")) &&
		 sscanf(s, "memory hypervisor_kib=%lu guests_kib=%lu image_kib=%lu", &a, &b, &c) ==
			 3)
		r->hypervisor_kib = a, r->image_kib = c;
	else if ((s = strstr(line, "first_instruction_ticks=")) &&
		 sscanf(s,
			"first_instruction_ticks=%lu ran_us=%*u worst_wait_us=%*u overhead_kib=%lu",
			&a, &b) == 2)
		r->boot_ticks[w] = a, r->overhead_kib[w] = b;
}

bool results_complete(const struct results *r, enum way w)
{
	return r->ended[w];
}

static double counter(const struct results *r, const struct row *row, enum way w, const char *name)
{
	for (unsigned i = 0; i < r->counters; i++)
		if (!strcmp(r->counter[i], name))
			return row->count[w][i];
	return 0;
}

/* Exits that the guest did not ask for and the machine did not cause. */
static double traps(const struct results *r, const struct row *row, enum way w)
{
	return counter(r, row, w, "exits") - counter(r, row, w, "hypercall") -
	       counter(r, row, w, "interrupt");
}

static const struct budget {
	const char *op;
	enum way way;
	double at_most; /* instructions, or times native */
	bool times_native;
} budgets[] = {
	{ "irq_mask_unmask", QEMU_REWRITTEN, 8, false },
	{ "hypercall_gate", QEMU_PV, 40, false },
	{ "hypercall_full", QEMU_PV, 250, false },
	{ "task_switch", QEMU_REWRITTEN, 1.1, true },
	{ "queue_roundtrip", QEMU_REWRITTEN, 1.1, true },
	{ "cpuid", QEMU_SVM, 350, false },
	{ "cpuid", QEMU_SVM_PV, 350, false },
	{ "cpuid", BOCHS_VMX, 350, false },
	{ "cpuid", BOCHS_VMX_PV, 350, false },
};

static void print_budgets(const struct results *r)
{
	printf("\nbudgets\n");
	for (unsigned i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
		const struct budget *b = &budgets[i];

		for (unsigned n = 0; n < r->rows; n++) {
			const struct row *row = &r->row[n];

			if (strcmp(row->op, b->op) || !row->measured[b->way])
				continue;
			double v = row->value[b->way];
			if (b->times_native)
				v /= row->value[native_of(b->way)];
			printf("  %-18s %-14s %8.3g, at most %g%s: %s\n", b->op,
			       way_info[b->way].title, v, b->at_most,
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

static void print_machine(const struct results *r, bool bochs)
{
	printf("%-17s", "operation");
	for (enum way w = 0; w < WAYS; w++)
		if (way_info[w].bochs == bochs)
			printf(" %18s", way_info[w].title);
	putchar('\n');
	for (unsigned i = 0; i < r->rows; i++) {
		const struct row *row = &r->row[i];

		printf("%-17s", row->op);
		for (enum way w = 0; w < WAYS; w++) {
			if (way_info[w].bochs != bochs)
				continue;
			if (!row->measured[w])
				printf(" %18s", "-");
			else if (is_native(w))
				printf(" %18.1f", row->value[w]);
			else
				printf(" %9.1f [%6.2f]", row->value[w],
				       counter(r, row, w, "exits"));
		}
		putchar('\n');
	}
}

void results_table(const struct results *r)
{
	char lines[32];

	printf("Instructions for one operation, and in brackets exits to the hypervisor\n\n"
	       "in QEMU, with -icount\n");
	print_machine(r, false);
	if (r->ended[BOCHS_NATIVE]) {
		printf("\nin Bochs, in its ticks\n");
		print_machine(r, true);
	}
	printf("\nimage %lu KiB; hypervisor memory %lu KiB; for the guest", r->image_kib,
	       r->hypervisor_kib);
	for (enum way w = QEMU_STOCK; w < BOCHS_NATIVE; w++)
		printf(" %s %lu KiB", way_info[w].title, r->overhead_kib[w]);
	printf("\nfrom entry to the guest's first instruction: %lu instructions (ring pv)\n",
	       r->boot_ticks[QEMU_PV]);
	count_lines(lines, sizeof(lines));
	printf("hypervisor: %s lines of C and assembly\n", lines);
	print_budgets(r);
}

static void json_result(FILE *f, const struct row *row, enum way w, const char *metric,
			double value, bool native, const char **comma)
{
	fprintf(f,
		"%s\n  {\"machine\": \"%s\", \"guest\": \"rtos\", \"prep\": \"%s\", \"engine\": "
		"\"%s\", "
		"\"op\": \"%s\", \"metric\": \"%s\", \"value\": %g, \"native\": ",
		*comma, way_info[w].bochs ? "bochs" : "qemu", way_info[w].prep, way_info[w].engine,
		row->op, metric, value);
	if (native && row->measured[native_of(w)])
		fprintf(f, "%g}", row->value[native_of(w)]);
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
		qemu, gcc, commit, r->image_kib, r->hypervisor_kib, r->overhead_kib[QEMU_PV],
		r->boot_ticks[QEMU_PV], lines);
	for (unsigned i = 0; i < r->rows; i++)
		for (enum way w = 0; w < WAYS; w++) {
			const struct row *row = &r->row[i];

			if (!row->measured[w])
				continue;
			json_result(f, row, w, "instructions", row->value[w], true, &comma);
			if (is_native(w))
				continue;
			double exits = counter(r, row, w, "exits");
			json_result(f, row, w, "exits", exits, false, &comma);
			json_result(f, row, w, "traps", traps(r, row, w), false, &comma);
			json_result(f, row, w, "table_switches", 2 * exits, false, &comma);
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
		"set terminal svg noenhanced size 1100,520 font 'sans-serif,12' background rgb "
		"'white'\n"
		"set output '%s/results.svg'\nset title 'Instructions for one operation'\n"
		"set style data histograms\nset style fill solid 0.9 noborder\nset logscale y\n"
		"set yrange [1:*]\nset grid y\nset xtics rotate by -35\nset key outside top "
		"horizontal\n$d << E\n",
		directory);
	for (unsigned i = 0; i < r->rows; i++) {
		fprintf(g, "%s", r->row[i].op);
		for (enum way w = 0; w < BOCHS_NATIVE; w++)
			if (r->row[i].measured[w] && r->row[i].value[w] >= 1)
				fprintf(g, " %g", r->row[i].value[w]);
			else
				fprintf(g, " NaN");
		fputc('\n', g);
	}
	fprintf(g, "E\nplot");
	for (enum way w = 0; w < BOCHS_NATIVE; w++)
		fprintf(g, "%s $d using %u:xtic(1) title '%s'", w ? "," : "", w + 2,
			way_info[w].title);
	fprintf(g, "\n");
	if (!pclose(g))
		printf("drawn:   %s/results.svg\n", directory);
	return 0;
}
