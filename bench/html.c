// SPDX-License-Identifier: GPL-2.0-or-later
#include "html.h"

#include <errno.h>
#include <string.h>

#include "chart.h"
#include "words.h"

static const char style[] =
	":root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--card:#f6f8fa;"
	"--line:#c8ced6;--native:#8b949e;--ring:#1f6feb;--vt:#d9730d;--peer:#2da44e}\n"
	"@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--paper:#0d1117;"
	"--card:#161b22;--line:#3d444d;--native:#8b949e;--ring:#58a6ff;--vt:#f0883e;"
	"--peer:#3fb950}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:76rem;padding:1rem;background:var(--paper);color:var(--ink);"
	"font:1rem/1.5 system-ui,sans-serif}\n"
	"h1{font-size:1.6rem;line-height:1.2}h2{margin-top:2.2rem;font-size:1.25rem}"
	"h3{margin:0;font:600 1rem ui-monospace,monospace}\n"
	"p,li{max-width:46rem}small,.soft{color:var(--soft)}\n"
	".cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem)"
	","
	"1fr))}\n"
	".card{background:var(--card);border:1px solid "
	"var(--line);border-radius:.5rem;padding:.8rem;"
	"min-width:0}\n.card p{margin:.2rem 0 .5rem;font-size:.9rem}\n"
	"figure{margin:0}.wide{overflow-x:auto}\n"
	"table{border-collapse:collapse;font-size:.8rem;font-variant-numeric:tabular-nums}\n"
	"th,td{padding:.15rem .5rem;text-align:right;border-bottom:1px solid var(--line);"
	"white-space:nowrap}th:first-child,td:first-child{text-align:left}\n"
	"td.text{white-space:normal;text-align:left;min-width:14rem}\n"
	"summary{cursor:pointer;font-size:.9rem;color:var(--soft)}\n"
	".key span{display:inline-block;margin-right:1rem}"
	".key "
	"i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.3rem}\n";

static enum bar_class class_of(const struct configuration *w)
{
	if (!strcmp(w->engine, "none"))
		return BAR_NATIVE;
	if (!strcmp(w->engine, "ring"))
		return BAR_RING;
	return strcmp(w->engine, "kvm") && strcmp(w->engine, "xen-pv") ? BAR_VT : BAR_PEER;
}

/* "ring pv"; from Bochs or hardware with their name, for the same configuration stands in QEMU too.
 */
static void name_configuration(const struct configuration *w, char *out, size_t size)
{
	snprintf(out, size, "%s%s", w->title,
		 w->machine == QEMU    ? ""
		 : w->machine == BOCHS ? " (Bochs)"
				       : " (cycles)");
}

/* --- the charts of everything --- */

struct pick {
	const char *label, *engine, *prep;
	enum machine_kind machine;
};

/* A bar for each pick of each operation: its value divided by native's. */
static int write_overview(FILE *f, const struct results *r, const struct pick *pick, unsigned picks,
			  const char *title)
{
	static struct bar bars[OPS_MAX * 4];
	unsigned n = 0;

	for (unsigned i = 0; i < r->rows; i++) {
		bool named = false;

		for (unsigned p = 0; p < picks; p++) {
			int config = configuration_find(r, pick[p].machine, pick[p].engine,
							pick[p].prep);
			const struct row *row = &r->row[i];
			const struct cell *native;

			if (config < 0 || !row->at[config].measured)
				continue;
			native = &row->at[native_of(r, (unsigned)config)];
			if (!native->measured || native->value < 1)
				continue;
			bars[n] = (struct bar){ .value = row->at[config].value / native->value,
						.class = class_of(&r->configuration[config]) };
			snprintf(bars[n++].label, sizeof(bars->label), "%s", named ? "" : row->op);
			named = true;
		}
	}
	fprintf(f, "<div class=\"card\"><h3>%s</h3>\n", title);
	int err = chart_write(f, bars, n, 1, "times native, in instructions", title);
	fprintf(f, "</div>\n");
	return err;
}

static const struct pick legacy[] = { { "rewritten", "ring", "rewritten", QEMU },
				      { "svm", "svm", "stock", QEMU },
				      { "vmx", "vmx", "stock", BOCHS } };
static const struct pick patched[] = { { "ring", "ring", "pv", QEMU },
				       { "svm", "svm", "pv", QEMU },
				       { "vmx", "vmx", "pv", BOCHS },
				       { "Xen", "xen-pv", "pv", QEMU } };

static int write_overviews(FILE *f, const struct results *rtos, const struct results *linux_rows)
{
	fprintf(f,
		"<h2>At a glance</h2>\n<p class=\"key\"><span><i style=\"background:var(--ring)\">"
		"</i>ring, in software</span><span><i style=\"background:var(--vt)\"></i>svm, then "
		"vmx: hardware</span><span><i style=\"background:var(--peer)\"></i>others"
		"</span></p>\n<div class=\"cards\">\n");
	if (write_overview(f, rtos, legacy, 3, "A binary nobody can change") ||
	    write_overview(f, rtos, patched, 3, "A patched RTOS") ||
	    (linux_rows && write_overview(f, linux_rows, patched, 4, "A patched Linux")))
		return -1;
	fprintf(f, "</div>\n");
	return 0;
}

/* --- a card for each operation --- */

static void write_number(FILE *f, double v)
{
	if (v < 0)
		fprintf(f, "<td>?</td>");
	else if (v == 0)
		fprintf(f, "<td class=\"soft\">0</td>");
	else
		fprintf(f, v < 100 ? "<td>%.2f</td>" : "<td>%.0f</td>", v);
}

static void write_count_row(FILE *f, const struct results *r, const struct row *row, unsigned w)
{
	static const char *const reasons[] = { "exits",	     "hypercall", "fill",    "io",
					       "privileged", "step",	  "softint", "exception",
					       "interrupt",  "injected" };
	char name[48];
	double n[COSTS];

	name_configuration(&r->configuration[w], name, sizeof(name));
	fprintf(f, "<tr><td>%s</td>", name);
	write_number(f, row->at[w].value);
	for (unsigned i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		write_number(f, count_of(r, row, w, reasons[i]));
	write_number(f, table_switches_of(r, row, w));
	write_number(f, tlb_flushes_of(r, row, w));
	bool known = model_counts(r, row, w, n);
	for (unsigned i = COST_TRAP; i < COSTS; i++)
		write_number(f, known ? n[i] : -1);
	fprintf(f, "</tr>\n");
}

static void write_counts(FILE *f, const struct results *r, const struct row *row)
{
	fprintf(f,
		"<details><summary>what happened, for one operation</summary><div class=\"wide\">"
		"<table><tr><th>configuration</th><th>value</th><th>exits</th><th>hypercall</th>"
		"<th>shadow fill</th><th>port or MMIO</th><th>privileged</th><th>step</th>"
		"<th>INT n</th><th>exception</th><th>interrupt</th><th>injected</th>"
		"<th>table switches</th><th>TLB flushes</th>");
	for (unsigned i = COST_TRAP; i < COSTS; i++)
		fprintf(f, "<th>%s</th>", cost_names[i]);
	fprintf(f, "</tr>\n");
	for (unsigned w = 0; w < r->configurations; w++)
		if (row->at[w].measured)
			write_count_row(f, r, row, w);
	fprintf(f, "</table></div></details>\n");
}

static void write_model_row(FILE *f, const struct results *r, const struct row *row, unsigned w,
			    const struct costs *costs)
{
	int measured = hardware_twin(r, w);
	char name[48];

	if (model_cycles(&costs->processor[0], r, row, w) < 0)
		return;
	name_configuration(&r->configuration[w], name, sizeof(name));
	fprintf(f, "<tr><td>%s</td>", name);
	if (measured >= 0 && row->at[measured].measured)
		write_number(f, row->at[measured].value);
	else if (machine_measured(r, HARDWARE))
		fprintf(f, "<td></td>");
	for (unsigned p = 0; p < costs->processors; p++)
		write_number(f, model_cycles(&costs->processor[p], r, row, w));
	fprintf(f, "</tr>\n");
}

static void write_model(FILE *f, const struct results *r, const struct row *row,
			const struct costs *costs)
{
	if (model_cycles(&costs->processor[0], r, row, 0) < 0)
		return;
	fprintf(f,
		"<details><summary>model: cycles</summary><div "
		"class=\"wide\"><table><tr><th>configuration"
		"</th>%s",
		machine_measured(r, HARDWARE) ? "<th>measured</th>" : "");
	for (unsigned p = 0; p < costs->processors; p++)
		fprintf(f, "<th>%s</th>", costs->processor[p].name);
	fprintf(f, "</tr>\n");
	for (unsigned w = 0; w < r->configurations; w++)
		if (row->at[w].measured)
			write_model_row(f, r, row, w, costs);
	fprintf(f, "</table></div></details>\n");
}

static int write_card(FILE *f, const struct results *r, const struct row *row,
		      const struct costs *costs)
{
	struct bar bars[CONFIGURATIONS_MAX];
	unsigned n = 0;

	for (unsigned w = 0; w < r->configurations; w++) {
		if (!row->at[w].measured || r->configuration[w].machine == HARDWARE)
			continue;
		bars[n].value = row->at[w].value;
		bars[n].class = class_of(&r->configuration[w]);
		name_configuration(&r->configuration[w], bars[n].label, sizeof(bars->label));
		n++;
	}
	fprintf(f, "<div class=\"card\" id=\"%s-%s\"><h3>%s</h3><p class=\"soft\">%s</p>\n",
		r->guest, row->op, row->op, words_of_op(r->guest, row->op));
	if (chart_write(f, bars, n, 1, "instructions", row->op))
		return -1;
	write_counts(f, r, row);
	write_model(f, r, row, costs);
	fprintf(f, "</div>\n");
	return 0;
}

/* The longest stay: not an operation, but in the same unit. */
static int write_stay_card(FILE *f, const struct results *r)
{
	struct bar bars[CONFIGURATIONS_MAX];
	unsigned n = 0;

	for (unsigned w = 0; w < r->configurations; w++) {
		if (!r->run[w].stay.instructions)
			continue;
		bars[n].value = (double)r->run[w].stay.instructions;
		bars[n].class = class_of(&r->configuration[w]);
		name_configuration(&r->configuration[w], bars[n++].label, sizeof(bars->label));
	}
	if (!n)
		return 0;
	fprintf(f,
		"<div class=\"card\" id=\"%s-longest_stay\"><h3>longest_stay</h3><p "
		"class=\"soft\">%s</p>\n",
		r->guest, words_of_op(r->guest, "longest_stay"));
	int err = chart_write(f, bars, n, 1, "instructions", "longest_stay");
	fprintf(f, "</div>\n");
	return err;
}

static int write_cards(FILE *f, const struct results *r, const struct costs *costs,
		       const char *title)
{
	fprintf(f, "<h2>%s</h2>\n<div class=\"cards\">\n", title);
	for (unsigned i = 0; i < r->rows; i++)
		if (write_card(f, r, &r->row[i], costs))
			return -1;
	if (write_stay_card(f, r))
		return -1;
	fprintf(f, "</div>\n");
	return 0;
}

/* --- the model --- */

/* Cycles in a virtual machine over cycles in ring 1, for a processor. */
static int write_model_chart(FILE *f, const struct results *r, const struct processor *p,
			     const char *prep)
{
	struct bar bars[OPS_MAX];
	unsigned n = 0;
	int ring = configuration_find(r, QEMU, "ring", prep),
	    vt = configuration_find(r, QEMU, "svm", strcmp(prep, "pv") ? "stock" : "pv");

	for (unsigned i = 0; i < r->rows; i++) {
		double a = model_cycles(p, r, &r->row[i], (unsigned)ring);
		double b = model_cycles(p, r, &r->row[i], (unsigned)vt);

		if (a <= 0 || b <= 0)
			continue;
		bars[n].value = b / a;
		bars[n].class = b > a ? BAR_RING : BAR_VT;
		snprintf(bars[n++].label, sizeof(bars->label), "%s", r->row[i].op);
	}
	fprintf(f, "<div class=\"card\"><h3>%s</h3><p class=\"soft\">%s %s, svm over ring</p>\n",
		p->name, r->guest, prep);
	int err = chart_write(f, bars, n, 1, "model: times the cycles that ring takes", p->name);
	fprintf(f, "</div>\n");
	return err;
}

static void write_costs(FILE *f, const struct costs *costs)
{
	fprintf(f,
		"<details><summary>the costs and where they are from</summary><div class=\"wide\">"
		"<table><tr><th>processor</th><th>event</th><th>cycles</th><th>source</th></tr>\n");
	for (unsigned p = 0; p < costs->processors; p++)
		for (unsigned i = 0; i < COSTS; i++)
			fprintf(f,
				"<tr><td>%s</td><td>%s</td><td>%g</td><td "
				"class=\"text\">%s</td></tr>\n",
				costs->processor[p].name, cost_names[i],
				costs->processor[p].cycles[i], costs->processor[p].source[i]);
	fprintf(f, "</table></div></details>\n");
}

static int write_models(FILE *f, const struct results *rtos, const struct results *linux_rows,
			const struct costs *costs)
{
	fprintf(f, "<h2>A model of silicon</h2>\n<p><strong>This is a model, not a "
		   "measurement.</strong> "
		   "An emulator charges one tick for a VM exit as for an addition. So what "
		   "happened is "
		   "counted, and each kind of event is multiplied by what has been published of "
		   "its cost. "
		   "TLB misses, caches and the slower instructions are not in it. A bar to the "
		   "right of "
		   "1 says that ring is faster.</p>\n<div class=\"cards\">\n");
	for (unsigned p = 0; p < costs->processors; p++)
		if (write_model_chart(f, rtos, &costs->processor[p], "rewritten") ||
		    write_model_chart(f, rtos, &costs->processor[p], "pv") ||
		    (linux_rows && write_model_chart(f, linux_rows, &costs->processor[p], "pv")))
			return -1;
	fprintf(f, "</div>\n");
	write_costs(f, costs);
	return 0;
}

/* --- the page --- */

static void write_meta(FILE *f, const struct results *rtos)
{
	char qemu[128], bochs[128], commit[64];

	command_line("qemu-system-x86_64 --version", qemu, sizeof(qemu));
	command_line("dpkg-query -W -f '${Version}' bochs 2>/dev/null", bochs, sizeof(bochs));
	command_line("git rev-parse --short HEAD 2>/dev/null", commit, sizeof(commit));
	fprintf(f, "<p class=\"soft\">Measured in %s, -icount shift=0, cpu max", qemu);
	if (machine_measured(rtos, BOCHS))
		fprintf(f,
			"; in Bochs %s, skylake_x, clock sync=none (instructions of a guest's own "
			"that flush or switch are those of QEMU's run of the same guest)",
			bochs);
	if (machine_measured(rtos, HARDWARE))
		fprintf(f, "; %s", machine_title(rtos, HARDWARE));
	fprintf(f, ". One processor, page-table isolation off.%s%s</p>\n",
		*commit ? " Commit " : "", commit);
}

static int write_page(FILE *f, const struct results *rtos, const struct results *linux_rows,
		      const struct costs *costs)
{
	fprintf(f,
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta "
		"name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>Veneer: "
		"software against hardware virtualization</title>\n<style>\n%s%s</style></head>\n"
		"<body>\n<h1>What virtualization costs, in software and in hardware</h1>\n",
		style, chart_style);
	write_meta(f, rtos);
	words_write(f, rtos, linux_rows, costs);
	if (write_overviews(f, rtos, linux_rows) || write_models(f, rtos, linux_rows, costs) ||
	    write_cards(f, rtos, costs, "The RTOS, operation by operation") ||
	    (linux_rows && write_cards(f, linux_rows, costs, "Linux, operation by operation")))
		return -1;
	fprintf(f, "</body></html>\n");
	return ferror(f) ? -1 : 0;
}

int html_write(const struct results *rtos, const struct results *linux_rows,
	       const struct costs *costs, const char *path)
{
	FILE *f = fopen(path, "w");
	int err = f ? write_page(f, rtos, linux_rows, costs) : -1;

	if (f && fclose(f))
		err = -1;
	if (err)
		fprintf(stderr, "veneer: %s: %s\n", path,
			errno ? strerror(errno) : "gnuplot failed: is gnuplot-nox installed?");
	return err;
}
