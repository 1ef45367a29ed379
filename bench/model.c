// SPDX-License-Identifier: GPL-2.0-or-later
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "file.h"

const char *const cost_names[COSTS] = {
	"instruction", "trap", "iret", "syscall", "sysret", "cr3", "vmexit", "port",
};

/* --- costs.csv --- */

static struct processor *processor_of(struct costs *c, const char *name)
{
	for (unsigned i = 0; i < c->processors; i++)
		if (!strcmp(c->processor[i].name, name))
			return &c->processor[i];
	if (c->processors == PROCESSORS_MAX)
		return NULL;
	struct processor *p = &c->processor[c->processors++];
	snprintf(p->name, sizeof(p->name), "%s", name);
	for (unsigned i = 0; i < COSTS; i++)
		p->cycles[i] = -1;
	return p;
}

static void unquote(char *s)
{
	size_t n = strcspn(s, "\r\n");

	if (n && s[n - 1] == '"')
		n--;
	s[n] = 0;
	if (*s == '"')
		memmove(s, s + 1, n);
}

/* Returns an error message for the line, or NULL. */
static const char *take_line(struct costs *c, const char *line)
{
	char event[24], name[40], source[160] = "";
	double cycles;
	unsigned i = 0;

	if (*line == '#' || *line == '\n')
		return NULL;
	if (sscanf(line, " %23[^,], %39[^,], %lf , %159[^\n]", event, name, &cycles, source) < 4)
		return "want: event, processor, cycles, source";
	while (i < COSTS && strcmp(event, cost_names[i]))
		i++;
	if (i == COSTS)
		return "no such event: the comment at the file's top lists them";
	if (!(cycles >= 0))
		return "cycles cannot be negative";
	struct processor *p = processor_of(c, name);
	if (!p)
		return "too many processors: at most 8";
	unquote(source);
	p->cycles[i] = cycles;
	strcpy(p->source[i], source);
	return NULL;
}

static int check_complete(const struct costs *c, const char *path)
{
	if (!c->processors) {
		fprintf(stderr, "veneer: %s: no costs in it\n", path);
		return -1;
	}
	for (unsigned p = 0; p < c->processors; p++)
		for (unsigned i = 0; i < COSTS; i++)
			if (c->processor[p].cycles[i] < 0) {
				fprintf(stderr, "veneer: %s: %s has no line for %s\n", path,
					c->processor[p].name, cost_names[i]);
				return -1;
			}
	return 0;
}

int costs_read(struct costs *c, const char *path)
{
	const char *wrong;
	FILE *f = file_open(path, &wrong);
	char line[512];
	unsigned number = 0;

	if (!f) {
		fprintf(stderr, "veneer: %s: %s\n", path, wrong);
		return -1;
	}
	while (!wrong && fgets(line, sizeof(line), f)) {
		number++;
		wrong = take_line(c, line);
	}
	fclose(f);
	if (wrong) {
		fprintf(stderr, "veneer: %s:%u: %s\n", path, number, wrong);
		return -1;
	}
	return check_complete(c, path);
}

/* --- counts --- */

static double above_zero(double x)
{
	return x > 0 ? x : 0;
}

/* The sum over the sides from first to last. */
static double sum(const struct cell *c, enum event_side first, enum event_side last,
		  enum event_kind kind)
{
	double n = 0;

	for (enum event_side s = first; s <= last; s++)
		n += c->event[s][kind];
	return n;
}

/* On the bare machine and in a virtual one each entry into a kernel has one return, so returns
 * without a matching instruction belong to exceptions and interrupts. */
static void count_own_kernel(const struct cell *c, double n[COSTS])
{
	const enum event_side a = SIDE_GUEST, b = SIDE_GATE;
	double in = sum(c, a, b, EVENT_syscall) + sum(c, a, b, EVENT_sysenter);
	double out = sum(c, a, b, EVENT_sysret) + sum(c, a, b, EVENT_sysexit);
	double ints = sum(c, a, b, EVENT_int), irets = sum(c, a, b, EVENT_iret);

	n[COST_TRAP] = ints + above_zero(irets + out - ints - in);
	n[COST_IRET] = irets;
	n[COST_SYSCALL] = in;
	n[COST_SYSRET] = out;
	n[COST_CR3] = sum(c, a, b, EVENT_cr3);
}

/* In ring 1, each IRET of the gate ends one entry to ring 0, by SYSCALL or by a trap. INT n goes
 * straight to ring 1 through the IDT, except where it was counted as an exit. The kernel's own
 * IRETs run; its other privileged instructions only trap. */
static void count_ring(const struct results *r, const struct row *row, unsigned config,
		       double n[COSTS])
{
	const struct cell *c = &row->at[config];
	double in = sum(c, SIDE_GUEST, SIDE_GATE, EVENT_syscall) +
		    sum(c, SIDE_GUEST, SIDE_GATE, EVENT_sysenter);
	double entries = sum(c, SIDE_GATE, SIDE_HYPERVISOR, EVENT_iret);
	double ints = c->event[SIDE_GUEST][EVENT_int] - count_of(r, row, config, "softint");

	n[COST_TRAP] = above_zero(entries - in) + above_zero(ints);
	n[COST_IRET] = sum(c, SIDE_GUEST, SIDE_HYPERVISOR, EVENT_iret);
	n[COST_SYSCALL] = in;
	n[COST_SYSRET] = 0;
	n[COST_CR3] = sum(c, SIDE_GATE, SIDE_HYPERVISOR, EVENT_cr3);
}

/* Time and counts must cover the same interval; the time of a wakeup excludes the sleep. */
static bool is_whole(const struct row *row)
{
	return strcmp(row->op, "timer_wakeup");
}

/* Events inside the virtual machine were counted in QEMU's svm run. */
static bool count_vmx(const struct results *r, const struct row *row, unsigned config,
		      double n[COSTS])
{
	int twin = counted_twin(r, config);

	if (twin < 0)
		return false;
	count_own_kernel(&row->at[twin], n);
	n[COST_VMEXIT] = count_of(r, row, config, "exits");
	n[COST_PORT] = 0;
	return true;
}

bool model_counts(const struct results *r, const struct row *row, unsigned config, double n[COSTS])
{
	const struct cell *c = &row->at[config];
	const char *engine = r->configuration[config].engine;

	if (!c->measured || !is_whole(row))
		return false;
	memset(n, 0, COSTS * sizeof(*n));
	n[COST_INSTRUCTION] = c->value;
	if (!strcmp(engine, "vmx"))
		return count_vmx(r, row, config, n);
	if (!r->run[config].counted)
		return false;
	if (!strcmp(engine, "ring"))
		count_ring(r, row, config, n);
	else
		count_own_kernel(c, n);
	n[COST_VMEXIT] = c->event[SIDE_HYPERVISOR][EVENT_vmrun];
	n[COST_PORT] = sum(c, is_native(r, config) ? SIDE_GUEST : SIDE_HYPERVISOR, SIDE_HYPERVISOR,
			   EVENT_port);
	return true;
}

double model_cycles(const struct processor *p, const struct results *r, const struct row *row,
		    unsigned config)
{
	double n[COSTS], cycles = 0;

	if (!model_counts(r, row, config, n))
		return -1;
	for (unsigned i = 0; i < COSTS; i++)
		cycles += n[i] * p->cycles[i];
	return cycles;
}
