// SPDX-License-Identifier: GPL-2.0-or-later
/* Collects the data for page.html, the template of report.html. */
#include "html.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chart.h"
#include "file.h"
#include "json_out.h"
#include "machine.h"
#include "template.h"
#include "words.h"

static enum bar_class class_of(const struct configuration *w)
{
	if (!strcmp(w->engine, "none"))
		return BAR_NATIVE;
	if (!strcmp(w->engine, "ring"))
		return BAR_RING;
	return strcmp(w->engine, "kvm") && strcmp(w->engine, "xen-pv") ? BAR_VT : BAR_PEER;
}

/* "ring pv"; Bochs and hardware are named, as QEMU has the same configurations. */
static void name_configuration(const struct configuration *w, char *out, size_t size)
{
	snprintf(out, size, "%s%s", w->title,
		 w->machine == QEMU    ? ""
		 : w->machine == BOCHS ? " (Bochs)"
				       : " (cycles)");
}

/* --- charts --- */

/* The chart as SVG, or NULL if gnuplot fails; then no page is written. */
static json_t *chart_of(const struct bar *bars, unsigned n, const char *unit)
{
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);
	int err = f ? chart_write(f, bars, n, 1, unit) : -1;

	if (f && fclose(f))
		err = -1;
	json_t *chart = err ? NULL : json_text(text);
	free(text);
	return chart;
}

/* Returns NULL if chart is NULL. */
static json_t *card_of(const char *title, const char *text, const char *subtitle,
		       const char *subtext, json_t *chart)
{
	return chart ? json_pack("{s:s, s:s, s:o}", title, text, subtitle, subtext, "chart", chart)
		     : NULL;
}

struct pick {
	const char *engine, *prep;
	enum machine_kind machine;
};

static unsigned add_ratios(struct bar *bars, const struct results *r, const struct row *row,
			   const struct pick *pick, unsigned picks)
{
	unsigned n = 0;

	for (unsigned p = 0; p < picks; p++) {
		int config = configuration_find(r, pick[p].machine, pick[p].engine, pick[p].prep);
		const struct cell *native;

		if (config < 0 || !row->at[config].measured)
			continue;
		native = &row->at[native_of(r, (unsigned)config)];
		if (!native->measured || native->value < 1)
			continue;
		bars[n] = (struct bar){ .value = row->at[config].value / native->value,
					.class = class_of(&r->configuration[config]) };
		snprintf(bars[n].label, sizeof(bars->label), "%s", n ? "" : row->op);
		n++;
	}
	return n;
}

/* A bar for each pick of each operation: its value divided by native's. */
static json_t *overview_of(const struct results *r, const struct pick *pick, unsigned picks,
			   const char *title)
{
	static struct bar bars[OPS_MAX * 4];
	unsigned n = 0;

	for (unsigned i = 0; i < r->rows; i++)
		n += add_ratios(bars + n, r, &r->row[i], pick, picks);
	return card_of("title", title, "unit", "", chart_of(bars, n, "times native"));
}

static const struct pick legacy[] = { { "ring", "rewritten", QEMU },
				      { "svm", "stock", QEMU },
				      { "vmx", "stock", BOCHS } };
static const struct pick patched[] = { { "ring", "pv", QEMU },
				       { "svm", "pv", QEMU },
				       { "vmx", "pv", BOCHS },
				       { "xen-pv", "pv", QEMU } };

static int add(json_t *to, json_t *entry)
{
	return entry ? json_array_append_new(to, entry) : -1;
}

static int add_overviews(json_t *to, const struct results *rtos, const struct results *linux_rows)
{
	return add(to, overview_of(rtos, legacy, 3, "A binary nobody can change")) ||
	       add(to, overview_of(rtos, patched, 3, "A patched RTOS")) ||
	       (linux_rows && add(to, overview_of(linux_rows, patched, 4, "A patched Linux")));
}

/* Other hypervisors in the overviews, or null. */
static json_t *peers_of(const struct results *linux_rows)
{
	int xen = linux_rows ? configuration_find(linux_rows, QEMU, "xen-pv", "pv") : -1;

	return xen >= 0 && linux_rows->run[xen].ended ? json_string("Xen PV") : json_null();
}

/* --- tables --- */

static json_t *cell_of(double v)
{
	return v < 0	 ? json_string("?")
	       : v == 0	 ? json_string("0")
	       : v < 100 ? json_sprintf("%.2f", v)
			 : json_sprintf("%.0f", v);
}

static void add_cell(json_t *cells, double v)
{
	json_array_append_new(cells, cell_of(v));
}

static json_t *cells_of(const struct configuration *w)
{
	char name[48];

	name_configuration(w, name, sizeof(name));
	return json_pack("[s]", name);
}

static void add_row(json_t *rows, json_t *cells)
{
	json_array_append_new(rows, json_pack("{s:o}", "cells", cells));
}

static json_t *table_of(const char *title, json_t *heads, json_t *rows)
{
	return json_pack("{s:s, s:o, s:o}", "title", title, "heads", heads, "rows", rows);
}

/* The hypervisor's counters, and what the table calls them. */
static const struct {
	const char *counter, *head;
} reasons[] = {
	{ "exits", "exits" },	    { "hypercall", "hypercall" },   { "fill", "shadow fill" },
	{ "io", "port or MMIO" },   { "privileged", "privileged" }, { "step", "step" },
	{ "softint", "INT n" },	    { "exception", "exception" },   { "interrupt", "interrupt" },
	{ "injected", "injected" },
};
#define REASONS (sizeof(reasons) / sizeof(reasons[0]))

static json_t *counts_row(const struct results *r, const struct row *row, unsigned w)
{
	json_t *cells = cells_of(&r->configuration[w]);
	double n[COSTS];
	bool known = model_counts(r, row, w, n);

	add_cell(cells, row->at[w].value);
	for (unsigned i = 0; i < REASONS; i++)
		add_cell(cells, count_of(r, row, w, reasons[i].counter));
	add_cell(cells, table_switches_of(r, row, w));
	add_cell(cells, tlb_flushes_of(r, row, w));
	for (unsigned i = COST_TRAP; i < COSTS; i++)
		add_cell(cells, known ? n[i] : -1);
	return cells;
}

static json_t *counts_table(const struct results *r, const struct row *row)
{
	json_t *heads = json_pack("[s, s]", "configuration", "value"), *rows = json_array();

	for (unsigned i = 0; i < REASONS; i++)
		json_array_append_new(heads, json_string(reasons[i].head));
	json_array_append_new(heads, json_string("table switches"));
	json_array_append_new(heads, json_string("TLB flushes"));
	for (unsigned i = COST_TRAP; i < COSTS; i++)
		json_array_append_new(heads, json_string(cost_names[i]));
	for (unsigned w = 0; w < r->configurations; w++)
		if (row->at[w].measured)
			add_row(rows, counts_row(r, row, w));
	return table_of("what happened, for one operation", heads, rows);
}

static json_t *model_row(const struct results *r, const struct row *row, unsigned w,
			 const struct costs *costs)
{
	int measured = hardware_twin(r, w);
	json_t *cells = cells_of(&r->configuration[w]);

	if (measured >= 0 && row->at[measured].measured)
		add_cell(cells, row->at[measured].value);
	else if (machine_measured(r, HARDWARE))
		json_array_append_new(cells, json_string(""));
	for (unsigned p = 0; p < costs->processors; p++)
		add_cell(cells, model_cycles(&costs->processor[p], r, row, w));
	return cells;
}

static json_t *model_table(const struct results *r, const struct row *row,
			   const struct costs *costs)
{
	json_t *heads = json_pack("[s]", "configuration"), *rows = json_array();

	if (machine_measured(r, HARDWARE))
		json_array_append_new(heads, json_string("measured"));
	for (unsigned p = 0; p < costs->processors; p++)
		json_array_append_new(heads, json_text(costs->processor[p].name));
	for (unsigned w = 0; w < r->configurations; w++)
		if (row->at[w].measured && model_cycles(&costs->processor[0], r, row, w) >= 0)
			add_row(rows, model_row(r, row, w, costs));
	return table_of("model: cycles", heads, rows);
}

/* --- a card for each operation --- */

static void add_bar(struct bar *bars, unsigned *n, const struct configuration *w, double value)
{
	bars[*n] = (struct bar){ .value = value, .class = class_of(w) };
	name_configuration(w, bars[*n].label, sizeof(bars->label));
	++*n;
}

static json_t *operation_card(const struct results *r, const char *op, const struct bar *bars,
			      unsigned n, json_t *tables)
{
	json_t *card = card_of("op", op, "words", words_of_op(r->guest, op),
			       chart_of(bars, n, "instructions"));

	json_object_set_new(card, "guest", json_string(r->guest));
	json_object_set_new(card, "tables", tables);
	return card;
}

static json_t *row_card(const struct results *r, const struct row *row, const struct costs *costs)
{
	struct bar bars[CONFIGURATIONS_MAX];
	json_t *tables = json_array();
	unsigned n = 0;

	for (unsigned w = 0; w < r->configurations; w++)
		if (row->at[w].measured && r->configuration[w].machine != HARDWARE)
			add_bar(bars, &n, &r->configuration[w], row->at[w].value);
	json_array_append_new(tables, counts_table(r, row));
	if (model_cycles(&costs->processor[0], r, row, 0) >= 0)
		json_array_append_new(tables, model_table(r, row, costs));
	return operation_card(r, row->op, bars, n, tables);
}

/* The longest stay: not an operation, but in the same unit. */
static int add_stay_card(json_t *to, const struct results *r)
{
	struct bar bars[CONFIGURATIONS_MAX];
	unsigned n = 0;

	for (unsigned w = 0; w < r->configurations; w++)
		if (r->run[w].stay.instructions)
			add_bar(bars, &n, &r->configuration[w],
				(double)r->run[w].stay.instructions);
	return n ? add(to, operation_card(r, "longest_stay", bars, n, json_array())) : 0;
}

static int add_cards(json_t *to, const struct results *r, const struct costs *costs,
		     const char *title)
{
	json_t *cards = json_array();

	json_array_append_new(to, json_pack("{s:s, s:o}", "title", title, "cards", cards));
	for (unsigned i = 0; i < r->rows; i++)
		if (add(cards, row_card(r, &r->row[i], costs)))
			return -1;
	return add_stay_card(cards, r);
}

/* --- the model --- */

/* Cycles in a virtual machine over cycles in ring 1, for a processor. */
static json_t *model_card(const struct results *r, const struct processor *p, const char *prep)
{
	struct bar bars[OPS_MAX];
	unsigned n = 0;
	char what[64];
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
	snprintf(what, sizeof(what), "%s %s, svm over ring", r->guest, prep);
	return card_of("processor", p->name, "what", what,
		       chart_of(bars, n, "svm over ring, modelled"));
}

static int add_models(json_t *to, const struct results *rtos, const struct results *linux_rows,
		      const struct costs *costs)
{
	for (const struct processor *p = costs->processor; p < costs->processor + costs->processors;
	     p++)
		if (add(to, model_card(rtos, p, "rewritten")) ||
		    add(to, model_card(rtos, p, "pv")) ||
		    (linux_rows && add(to, model_card(linux_rows, p, "pv"))))
			return -1;
	return 0;
}

static void add_costs(json_t *to, const struct costs *costs)
{
	for (const struct processor *p = costs->processor; p < costs->processor + costs->processors;
	     p++)
		for (unsigned i = 0; i < COSTS; i++)
			json_array_append_new(to,
					      json_pack("{s:o, s:s, s:o, s:o}", "processor",
							json_text(p->name), "event", cost_names[i],
							"cycles", json_sprintf("%g", p->cycles[i]),
							"source", json_text(p->source[i])));
}

/* --- the page --- */

static void add_command(json_t *page, const char *key, const char *command)
{
	char line[128];

	command_line(command, line, sizeof(line));
	json_object_set_new(page, key, json_text(line));
}

static void add_meta(json_t *page, const struct results *rtos)
{
	add_command(page, "qemu", "qemu-system-x86_64 --version");
	add_command(page, "commit", "git rev-parse --short HEAD 2>/dev/null");
	if (machine_measured(rtos, BOCHS))
		add_command(page, "bochs", "dpkg-query -W -f '${Version}' bochs 2>/dev/null");
	if (machine_measured(rtos, HARDWARE))
		json_object_set_new(page, "hardware", json_text(machine_title(rtos, HARDWARE)));
	json_object_set_new(page, "vmx", json_boolean(machine_measured(rtos, BOCHS)));
}

/* Adds an empty array to the page. */
static json_t *array_in(json_t *page, const char *key)
{
	json_t *array = json_array();

	json_object_set_new(page, key, array);
	return array;
}

static json_t *page_of(const struct results *rtos, const struct results *linux_rows,
		       const struct costs *costs)
{
	json_t *page = json_pack("{s:s}", "chart_style", chart_style);
	json_t *guests = array_in(page, "guests");

	add_meta(page, rtos);
	json_object_set_new(page, "peers", peers_of(linux_rows));
	add_costs(array_in(page, "costs"), costs);
	words_instructions(array_in(page, "instructions"), rtos, linux_rows);
	words_cycles(array_in(page, "cycles"), rtos, linux_rows, costs);
	if (!add_overviews(array_in(page, "overviews"), rtos, linux_rows) &&
	    !add_models(array_in(page, "models"), rtos, linux_rows, costs) &&
	    !add_cards(guests, rtos, costs, "The RTOS, operation by operation") &&
	    (!linux_rows || !add_cards(guests, linux_rows, costs, "Linux, operation by operation")))
		return page;
	json_decref(page);
	return NULL;
}

static int fail(const char *path, const char *why)
{
	fprintf(stderr, "veneer: %s: %s\n", path, why);
	return -1;
}

static int write_page(const char *path, const char *template, const json_t *page)
{
	const char *wrong;
	FILE *f = file_create(path, &wrong);

	if (!f)
		return fail(path, wrong);
	wrong = template_write(f, template, page);
	bool bad = ferror(f);

	if ((fclose(f) || bad) && !wrong)
		wrong = strerror(errno);
	return wrong ? fail(path, wrong) : 0;
}

int html_write(const struct results *rtos, const struct results *linux_rows,
	       const struct costs *costs, const char *path)
{
	char *template = template_read(library_path(HTML_TEMPLATE));
	json_t *page = template ? page_of(rtos, linux_rows, costs) : NULL;
	int err = -1;

	if (page)
		err = write_page(path, template, page);
	else if (template)
		fail(path, "gnuplot failed: is gnuplot-nox installed?");
	json_decref(page);
	free(template);
	return err;
}
