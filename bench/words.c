// SPDX-License-Identifier: GPL-2.0-or-later
#include "words.h"

#include <string.h>

#define STAY_WORDS                                                                            \
	"the most instructions in one stay of the hypervisor with interrupts masked, in the " \
	"whole run"

static const struct {
	const char *guest, *op, *text;
} ops[] = {
	{ "rtos", "irq_mask_unmask", "CLI and STI" },
	{ "rtos", "irq_save_restore", "PUSHF, CLI and POPF" },
	{ "rtos", "task_switch", "yield to another thread and back" },
	{ "rtos", "sem_pingpong", "two semaphores between two threads, there and back" },
	{ "rtos", "queue_roundtrip", "two message queues between two threads, there and back" },
	{ "rtos", "timer_wakeup", "from the time a timer is due to the thread that waits for it" },
	{ "rtos", "tick", "a periodic timer interrupt, its handler and the return" },
	{ "rtos", "int_syscall", "INT n from ring 3 to the kernel and back" },
	{ "rtos", "exception", "a divide error, its handler and the return" },
	{ "rtos", "port_out", "OUT to a port without a device" },
	{ "rtos", "port_in", "IN from there" },
	{ "rtos", "cpuid", "CPUID" },
	{ "rtos", "callret", "a call and its return" },
	{ "rtos", "timer_set", "set a timer far in the future" },
	{ "rtos", "page_touch", "map a page, write to it, unmap it" },
	{ "rtos", "pte_mod", "change a page-table entry and flush it" },
	{ "rtos", "page_fault", "a fault whose handler maps the page; then unmap it" },
	{ "rtos", "cr3", "load CR3 and read 32 MiB of user pages, one byte a page" },
	{ "rtos", "eoi", "end of interrupt to the 8259" },
	{ "rtos", "eoi_apic", "end of interrupt to the local APIC" },
	{ "rtos", "ipi", "an interrupt to its own processor, sent and handled" },
	{ "rtos", "compute", "a hundred multiplications, nothing to virtualize" },
	{ "rtos", "hypercall_gate", "an empty hypercall that the gate answers" },
	{ "rtos", "hypercall_full", "an empty hypercall that the hypervisor answers" },
	{ "linux", "syscall", "getppid()" },
	{ "linux", "read", "a byte from /dev/zero" },
	{ "linux", "yield", "sched_yield() with no other runnable process" },
	{ "linux", "page_fault", "first write to a page" },
	{ "linux", "mmap", "map 64 pages with memory, unmap them" },
	{ "linux", "mprotect", "change a page's protection" },
	{ "linux", "sigsegv", "a fault, its signal handler, and back by longjmp" },
	{ "linux", "pipe", "a byte through a pipe to another process" },
	{ "linux", "fork", "fork, exit and wait" },
	{ "linux", "exec", "fork, exec of a static program, exit and wait" },
	{ "linux", "file_create", "create, close and remove a file in tmpfs" },
	{ "rtos", "longest_stay", STAY_WORDS },
	{ "linux", "longest_stay", STAY_WORDS },
};

const char *words_of_op(const char *guest, const char *op)
{
	for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].guest, guest) && !strcmp(ops[i].op, op))
			return ops[i].text;
	return "";
}

/* Two configurations of a guest that are compared, each an engine and a preparation. */
static const struct pair {
	bool of_linux;
	enum machine_kind machine;
	const char *engine[2], *prep[2];
	const char *intro;
	const char *model; /* the same in the model, after the processor's name; NULL: not there */
} pairs[] = {
	{ false,
	  QEMU,
	  { "ring", "svm" },
	  { "rewritten", "stock" },
	  "An RTOS that cannot be changed, rewritten for ring 1 against untouched in AMD-V",
	  "the RTOS rewritten against untouched" },
	{ false,
	  BOCHS,
	  { "ring", "vmx" },
	  { "rewritten", "stock" },
	  "The same against VT-x",
	  NULL },
	{ false,
	  QEMU,
	  { "ring", "svm" },
	  { "pv", "pv" },
	  "The RTOS as a patched guest, ring 1 against AMD-V",
	  NULL },
	{ true,
	  QEMU,
	  { "ring", "svm" },
	  { "pv", "pv" },
	  "Linux as a patched guest, ring 1 against AMD-V",
	  "Linux patched in both" },
	{ true,
	  QEMU,
	  { "ring", "xen-pv" },
	  { "pv", "pv" },
	  "Linux as a patched guest, Veneer's ring 1 against Xen PV's ring 3",
	  NULL },
};

/* For how many operations the first takes less than the second, and for how many more. */
struct comparison {
	unsigned rows, less, more;
	struct ratio {
		const char *op;
		double ratio;
	} least[3], most[3]; /* the largest differences */
};

#define EVEN 1.05 /* smaller differences count as none */

static void insert(struct ratio list[3], const char *op, double ratio)
{
	for (unsigned i = 0; i < 3; i++) {
		struct ratio old = list[i];

		if (old.op && ratio <= old.ratio)
			continue;
		list[i] = (struct ratio){ op, ratio };
		if (!old.op)
			return;
		op = old.op;
		ratio = old.ratio;
	}
}

static void count(struct comparison *c, const char *op, double first, double second)
{
	if (first <= 0 || second <= 0)
		return;
	c->rows++;
	if (second > first * EVEN) {
		c->less++;
		insert(c->least, op, second / first);
	} else if (first > second * EVEN) {
		c->more++;
		insert(c->most, op, first / second);
	}
}

/* processor NULL: instructions. */
static struct comparison compare(const struct results *r, const struct pair *pair,
				 const struct processor *p)
{
	int first = configuration_find(r, pair->machine, pair->engine[0], pair->prep[0]);
	int second = configuration_find(r, pair->machine, pair->engine[1], pair->prep[1]);
	struct comparison c = { 0 };

	for (unsigned i = 0; i < r->rows && first >= 0 && second >= 0; i++) {
		const struct row *row = &r->row[i];
		const struct cell *a = &row->at[first], *b = &row->at[second];

		if (p)
			count(&c, row->op, model_cycles(p, r, row, (unsigned)first),
			      model_cycles(p, r, row, (unsigned)second));
		else if (a->measured && b->measured)
			count(&c, row->op, a->value, b->value);
	}
	return c;
}

/* "by a factor of 105 for cpuid, 2.4 for timer_set", or "" */
static json_t *list_of(const struct ratio list[3])
{
	char text[160] = "";
	size_t n = 0;

	for (unsigned i = 0; i < 3 && list[i].op && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      list[i].ratio < 100 ? "%s%.3g for %s" : "%s%.0f for %s",
				      i ? ", " : "by a factor of ", list[i].ratio, list[i].op);
	return json_string(text);
}

static void add(json_t *to, const struct comparison *c, const char *intro)
{
	unsigned even = c->rows - c->less - c->more;

	if (c->rows)
		json_array_append_new(to, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "intro",
						    intro, "less", json_sprintf("%u", c->less),
						    "rows", json_sprintf("%u", c->rows), "more",
						    json_sprintf("%u", c->more), "even",
						    even ? json_sprintf("%u", even) : json_null(),
						    "least", list_of(c->least), "most",
						    list_of(c->most)));
}

/* All pairs; those of the model if there is a processor. */
static void add_pairs(json_t *to, const struct results *rtos, const struct results *linux_rows,
		      const struct processor *p)
{
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct pair *pair = &pairs[i];
		const struct results *r = pair->of_linux ? linux_rows : rtos;
		char intro[128];

		if (!r || (p && !pair->model))
			continue;
		if (p)
			snprintf(intro, sizeof(intro), "%s, %s", p->name, pair->model);
		const struct comparison c = compare(r, pair, p);
		add(to, &c, p ? intro : pair->intro);
	}
}

void words_instructions(json_t *to, const struct results *rtos, const struct results *linux_rows)
{
	add_pairs(to, rtos, linux_rows, NULL);
}

void words_cycles(json_t *to, const struct results *rtos, const struct results *linux_rows,
		  const struct costs *costs)
{
	for (unsigned p = 0; p < costs->processors; p++)
		add_pairs(to, rtos, linux_rows, &costs->processor[p]);
}
