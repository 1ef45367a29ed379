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

/* Two configurations, and how much the second takes over the first for each operation. */
struct match {
	unsigned rows, wins, losses;
	struct {
		const char *op;
		double ratio;
	} best[3], worst[3];
};

#define EVEN 1.05 /* less of a difference is none */

static void insert(struct match *m, const char *op, double ratio, bool win)
{
	for (unsigned i = 0; i < 3; i++) {
		__typeof__(m->best[0]) *at = win ? &m->best[i] : &m->worst[i], old = *at;

		if (old.op && ratio <= old.ratio)
			continue;
		at->op = op;
		at->ratio = ratio;
		if (!old.op)
			return;
		op = old.op;
		ratio = old.ratio;
	}
}

static void count(struct match *m, const char *op, double first, double second)
{
	if (first <= 0 || second <= 0)
		return;
	m->rows++;
	if (second > first * EVEN) {
		m->wins++;
		insert(m, op, second / first, true);
	} else if (first > second * EVEN) {
		m->losses++;
		insert(m, op, first / second, false);
	}
}

/* processor NULL: instructions. */
static struct match play(const struct results *r, int first, int second, const struct processor *p)
{
	struct match m = { 0 };

	for (unsigned i = 0; i < r->rows && first >= 0 && second >= 0; i++) {
		const struct row *row = &r->row[i];
		const struct cell *a = &row->at[first], *b = &row->at[second];

		if (p)
			count(&m, row->op, model_cycles(p, r, row, (unsigned)first),
			      model_cycles(p, r, row, (unsigned)second));
		else if (a->measured && b->measured)
			count(&m, row->op, a->value, b->value);
	}
	return m;
}

/* "by a factor of 105 for cpuid, 2.4 for timer_set", or "" */
static json_t *list_of(const __typeof__(((struct match *)0)->best[0]) *list)
{
	char text[160] = "";
	size_t n = 0;

	for (unsigned i = 0; i < 3 && list[i].op && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      list[i].ratio < 100 ? "%s%.3g for %s" : "%s%.0f for %s",
				      i ? ", " : "by a factor of ", list[i].ratio, list[i].op);
	return json_string(text);
}

static void add_match(json_t *to, const struct match *m, const char *intro)
{
	unsigned even = m->rows - m->wins - m->losses;

	if (m->rows)
		json_array_append_new(to, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "intro",
						    intro, "wins", json_sprintf("%u", m->wins),
						    "rows", json_sprintf("%u", m->rows), "losses",
						    json_sprintf("%u", m->losses), "even",
						    even ? json_sprintf("%u", even) : json_null(),
						    "best", list_of(m->best), "worst",
						    list_of(m->worst)));
}

void words_instructions(json_t *to, const struct results *rtos, const struct results *linux_rows)
{
	struct match m;

	m = play(rtos, configuration_find(rtos, QEMU, "ring", "rewritten"),
		 configuration_find(rtos, QEMU, "svm", "stock"), NULL);
	add_match(
		to, &m,
		"An RTOS that cannot be changed, rewritten for ring 1 against untouched in AMD-V");
	m = play(rtos, configuration_find(rtos, BOCHS, "ring", "rewritten"),
		 configuration_find(rtos, BOCHS, "vmx", "stock"), NULL);
	add_match(to, &m, "The same against VT-x");
	m = play(rtos, configuration_find(rtos, QEMU, "ring", "pv"),
		 configuration_find(rtos, QEMU, "svm", "pv"), NULL);
	add_match(to, &m, "The RTOS as a patched guest, ring 1 against AMD-V");
	if (!linux_rows)
		return;
	m = play(linux_rows, configuration_find(linux_rows, QEMU, "ring", "pv"),
		 configuration_find(linux_rows, QEMU, "svm", "pv"), NULL);
	add_match(to, &m, "Linux as a patched guest, ring 1 against AMD-V");
	m = play(linux_rows, configuration_find(linux_rows, QEMU, "ring", "pv"),
		 configuration_find(linux_rows, QEMU, "xen-pv", "pv"), NULL);
	add_match(to, &m, "Linux as a patched guest, Veneer's ring 1 against Xen PV's ring 3");
}

static void add_cycles(json_t *to, const struct results *rtos, const struct results *linux_rows,
		       const struct processor *p)
{
	struct match m = play(rtos, configuration_find(rtos, QEMU, "ring", "rewritten"),
			      configuration_find(rtos, QEMU, "svm", "stock"), p);
	char intro[96];

	snprintf(intro, sizeof(intro), "%s, the RTOS rewritten against untouched", p->name);
	add_match(to, &m, intro);
	if (!linux_rows)
		return;
	m = play(linux_rows, configuration_find(linux_rows, QEMU, "ring", "pv"),
		 configuration_find(linux_rows, QEMU, "svm", "pv"), p);
	snprintf(intro, sizeof(intro), "%s, Linux patched in both", p->name);
	add_match(to, &m, intro);
}

void words_cycles(json_t *to, const struct results *rtos, const struct results *linux_rows,
		  const struct costs *costs)
{
	for (unsigned p = 0; p < costs->processors; p++)
		add_cycles(to, rtos, linux_rows, &costs->processor[p]);
}
