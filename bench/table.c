// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.h"

#include <string.h>

#include "configuration.h"

static double value_of(const struct results *r, const char *op, int config)
{
	const struct row *row = row_find(r, op);

	return row && config >= 0 && row->at[config].measured ? row->at[config].value : -1;
}

/* --- the RTOS --- */

static const struct budget {
	const char *op;
	enum machine_kind machine;
	const char *engine, *prep;
	double at_most;
	enum unit { INSTRUCTIONS, TIMES_NATIVE, TIMES_SVM } unit;
} budgets[] = {
	{ "irq_mask_unmask", QEMU, "ring", "rewritten", 8, INSTRUCTIONS },
	{ "hypercall_gate", QEMU, "ring", "pv", 30, INSTRUCTIONS },
	{ "hypercall_full", QEMU, "ring", "pv", 184, INSTRUCTIONS },
	{ "task_switch", QEMU, "ring", "rewritten", 1.1, TIMES_NATIVE },
	{ "queue_roundtrip", QEMU, "ring", "rewritten", 1.1, TIMES_NATIVE },
	{ "cr3", QEMU, "ring", "stock", 1.3, TIMES_SVM },
	{ "cr3", QEMU, "ring", "rewritten", 1.3, TIMES_SVM },
	{ "cr3", QEMU, "ring", "stock", 4, TIMES_NATIVE },
	{ "cpuid", QEMU, "svm", "stock", 320, INSTRUCTIONS },
	{ "cpuid", QEMU, "svm", "pv", 320, INSTRUCTIONS },
	{ "cpuid", BOCHS, "vmx", "stock", 320, INSTRUCTIONS },
	{ "cpuid", BOCHS, "vmx", "pv", 320, INSTRUCTIONS },
};

static const char *const unit_names[] = { "instructions", "x native", "x svm" };

/* The value that is one unit. */
static double unit_of(const struct results *r, const struct budget *b, int config)
{
	switch (b->unit) {
	case TIMES_NATIVE: return value_of(r, b->op, (int)native_of(r, (unsigned)config));
	case TIMES_SVM:
		return value_of(r, b->op, configuration_find(r, b->machine, "svm", "stock"));
	default: return 1;
	}
}

static void print_result(bool held)
{
	printf(": %s\n", held ? "held" : "MISSED");
}

static void print_rtos_budgets(const struct results *r)
{
	printf("\nbudgets\n");
	for (unsigned i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
		const struct budget *b = &budgets[i];
		int config = configuration_find(r, b->machine, b->engine, b->prep);
		double v = value_of(r, b->op, config);

		if (v < 0)
			continue;
		v /= unit_of(r, b, config);
		printf("  %-18s %-14s %8.3g, at most %g %s", b->op, r->configuration[config].title,
		       v, b->at_most, unit_names[b->unit]);
		print_result(v <= b->at_most);
	}
}

static void print_cell(const struct results *r, const struct row *row, unsigned w)
{
	const struct cell *c = &row->at[w];

	if (!c->measured)
		printf(" %18s", "-");
	else if (is_native(r, w) || !r->run[w].hypervisor_kib)
		printf(" %18.1f", c->value);
	else
		printf(" %9.1f [%6.2f]", c->value, count_of(r, row, w, "exits"));
}

/* The longest stay: the most instructions in a row with interrupts masked. */
static void print_stays(const struct results *r)
{
	for (unsigned w = 0; w < r->configurations; w++) {
		if (!r->run[w].stay.instructions)
			continue;
		printf("%s: ", r->configuration[w].title);
		stay_print(&r->run[w].stay, stdout);
	}
}

static void print_machine(const struct results *r, enum machine_kind machine)
{
	printf("\n%s: %s\n%-17s", machine_title(r, machine), machine_info[machine].metric,
	       "operation");
	for (unsigned w = 0; w < r->configurations; w++)
		if (r->configuration[w].machine == machine && r->run[w].ended)
			printf(" %18s", r->configuration[w].title);
	putchar('\n');
	for (unsigned i = 0; i < r->rows; i++) {
		printf("%-17s", r->row[i].op);
		for (unsigned w = 0; w < r->configurations; w++)
			if (r->configuration[w].machine == machine && r->run[w].ended)
				print_cell(r, &r->row[i], w);
		putchar('\n');
	}
}

void rtos_table(const struct results *r)
{
	int pv = configuration_find(r, QEMU, "ring", "pv");
	long lines = count_lines();

	printf("The RTOS: the cost of one operation, and in brackets exits to the hypervisor\n");
	for (enum machine_kind m = 0; m < MACHINES; m++)
		if (machine_measured(r, m))
			print_machine(r, m);
	printf("\nimage %lu KiB; hypervisor memory %lu KiB; for the guest", r->run[pv].image_kib,
	       r->run[pv].hypervisor_kib);
	for (unsigned w = 0; w < r->configurations; w++)
		if (r->configuration[w].machine == QEMU && r->run[w].overhead_kib)
			printf(" %s %lu KiB", r->configuration[w].title, r->run[w].overhead_kib);
	printf("\nfrom entry to the guest's first instruction: %lu instructions (ring pv)\n",
	       r->run[pv].first_instruction);
	print_stays(r);
	if (lines >= 0)
		printf("hypervisor: %ld lines of C and assembly\n", lines);
	print_rtos_budgets(r);
}

/* --- Linux --- */

static void print_over_budget(const char *op, double over, const char *of_what, double most)
{
	printf("  %-12s %10.1f over native, at most %s%.1f", op, over, of_what, most);
	print_result(over <= most);
}

/* The budgets of design.md that concern Linux. */
static void print_linux_budgets(const struct results *r)
{
	int ring = configuration_find(r, QEMU, "ring", "pv"),
	    xen = configuration_find(r, QEMU, "xen-pv", "pv");
	const struct run *run = &r->run[ring];
	double times = run->boot / r->run[0].boot;
	double kib = (double)(run->hypervisor_kib + run->overhead_kib);
	double most = 3 * 1024 + GUEST_MEMORY_MIB * 1024 * 0.004;

	printf("\nbudgets\n");
	for (unsigned i = 0; i < r->rows; i++) {
		const struct row *row = &r->row[i];
		double native = row->at[0].value, over = row->at[ring].value - native;

		if (!strcmp(row->op, "syscall"))
			print_over_budget(row->op, over, "", 14);
		if (row->at[xen].measured)
			print_over_budget(row->op, over, "a quarter of Xen's, ",
					  (row->at[xen].value - native) / 4);
	}
	printf("  %-12s %10.2f x native, at most 1.2", "boot", times);
	print_result(times <= 1.2);
	printf("  %-12s %10.0f KiB for hypervisor and shadows, at most %.0f", "memory", kib, most);
	print_result(kib <= most);
}

/* A value, and its difference from native if that was measured. */
static void print_over(double value, double native, bool is_base)
{
	if (is_base)
		printf(" %12.1f", value);
	else if (native > 0)
		printf(" %12.1f %+11.1f", value, value - native);
	else
		printf(" %12.1f %11s", value, "");
}

static bool is_column(const struct results *r, unsigned config, enum machine_kind machine)
{
	return r->configuration[config].machine == machine && r->run[config].ended;
}

static void print_wall_times(const struct results *r, enum machine_kind machine)
{
	printf("wall time, seconds\n%-12s", "");
	for (unsigned w = 0; w < r->configurations; w++)
		if (is_column(r, w, machine))
			printf(is_native(r, w) ? " %12.1f" : " %12.1f %11s",
			       (double)r->run[w].wall_ms / 1000, "");
	putchar('\n');
}

static void print_linux_machine(const struct results *r, enum machine_kind machine)
{
	bool timed = false, booted = false;

	printf("\n%s: %s\n%-12s", machine_title(r, machine), machine_info[machine].metric,
	       "operation");
	for (unsigned w = 0; w < r->configurations; w++)
		if (is_column(r, w, machine)) {
			printf(is_native(r, w) ? " %12s" : " %24s", r->configuration[w].title);
			timed |= r->run[w].wall_ms > 0;
			booted |= r->run[w].boot > 0;
		}
	for (unsigned i = 0; i < r->rows + booted; i++) {
		bool boot = i == r->rows;

		printf("\n%-12s", boot ? "boot" : r->row[i].op);
		for (unsigned w = 0; w < r->configurations; w++) {
			unsigned n = native_of(r, w);

			if (is_column(r, w, machine))
				print_over(boot ? r->run[w].boot : r->row[i].at[w].value,
					   boot ? r->run[n].boot : r->row[i].at[n].value,
					   is_native(r, w));
		}
	}
	putchar('\n');
	if (timed)
		print_wall_times(r, machine);
}

void linux_table(const struct results *r)
{
	printf("\nLinux, %u MiB, osbench: the cost of one operation, and over native\n",
	       GUEST_MEMORY_MIB);
	for (enum machine_kind m = 0; m < MACHINES; m++)
		if (machine_measured(r, m))
			print_linux_machine(r, m);
	for (unsigned w = 0; w < r->configurations; w++)
		if (r->configuration[w].machine == QEMU && *r->run[w].stats)
			printf("events of the whole run, %s: %s\n", r->configuration[w].title,
			       r->run[w].stats);
	print_stays(r);
	print_linux_budgets(r);
}
