// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The measurements: each operation in a loop, minus the empty loop, in ticks of the TSC (under
 * QEMU's -icount one tick is one instruction). The lines "START op" and "BENCH op
 * hundredths-of-a-tick iterations" enclose each one, so that the hypervisor's counters at these
 * lines show what happened in between. The marks of bench/events.h do the same for a plugin that
 * counts.
 */
#define BENCH_MARKS
#include "../../bench/events.h"
#include "app.h"

#include "cmsis_os2.h"
#include "kernel.h"
#include "port.h"
#include "syscall.h"

typedef void op_fn(unsigned n);

static uint64_t timed(op_fn *fn, unsigned n)
{
	uint64_t start = port_tsc();

	fn(n);
	return port_tsc() - start;
}

static void report(const char *op, uint64_t ticks, unsigned n)
{
	MARK(MARK_REPORT);
	ticks *= 100;
	div64(&ticks, n);
	print("BENCH %s %u %u\n", op, (unsigned)ticks, n);
}

/* Waits until the output is sent, so that its interrupts are not measured. */
static void begin(const char *op)
{
	print("START %s", op);
	osDelay(50);
	print("\n");
}

static void __attribute__((noinline)) op_empty(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		__asm__ volatile("" ::: "memory");
}

/* The least of some: in another one the machine may have been busy elsewhere. */
static uint64_t timed_empty(unsigned n)
{
	uint64_t least = timed(op_empty, n);

	for (unsigned i = 0; i < 4; i++) {
		uint64_t ticks = timed(op_empty, n);

		least = ticks < least ? ticks : least;
	}
	return least;
}

static void measure(const char *op, op_fn *fn, unsigned n)
{
	fn(16); /* first touches */
	uint64_t loop = timed_empty(n);
	begin(op);
	MARK(MARK_BEGIN);
	uint64_t ticks = timed(fn, n);
	MARK(MARK_END);
	report(op, ticks > loop ? ticks - loop : 0, n);
}

static void op_mask_unmask(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		irq_mask();
		irq_unmask();
	}
}

static void op_save_restore(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		irq_restore(irq_save());
}

static void op_out(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		port_bench_out();
}

static void op_in(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		port_bench_in();
}

static void op_exception(unsigned n)
{
	port_bench_divide_errors(n);
}

static void op_compute(unsigned n)
{
	uint32_t x = 1;

	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < 100; j++)
			x = x * 1664525 + 1013904223;
	__asm__ volatile("" ::"r"(x));
}

static void op_hypercall_gate(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		port_bench_hypercall(false);
}

static void op_hypercall_full(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		port_bench_hypercall(true);
}

static void op_cr3(unsigned n)
{
	port_bench_cr3(n);
}

static void op_cpuid(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t a = 0, b, c = 0, d;

		__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	}
}

static void __attribute__((noinline)) callee(void)
{
	__asm__ volatile("" ::: "memory");
}

static void op_call(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		callee();
}

/* Sets a timer far in the future, as a tickless kernel does whenever its next deadline changes. */
static void op_timer(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		port_timer_set(port_time_ns() + 10000000);
}

/* --- with a second thread --- */

static osSemaphoreId_t ping, pong;
static osMessageQueueId_t to, from;
static volatile bool stop;

static void yield_partner(void *arg)
{
	(void)arg;
	while (!stop)
		osThreadYield();
}

static void op_yield(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		osThreadYield();
}

static void sem_partner(void *arg)
{
	(void)arg;
	while (osSemaphoreAcquire(ping, osWaitForever) == osOK)
		osSemaphoreRelease(pong);
}

static void op_sem(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		osSemaphoreRelease(ping);
		osSemaphoreAcquire(pong, osWaitForever);
	}
}

static void queue_partner(void *arg)
{
	uint32_t v;

	(void)arg;
	while (osMessageQueueGet(to, &v, NULL, osWaitForever) == osOK)
		osMessageQueuePut(from, &v, 0, osWaitForever);
}

static void op_queue(unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++) {
		osMessageQueuePut(to, &v, 0, osWaitForever);
		osMessageQueueGet(from, &v, NULL, osWaitForever);
	}
}

static void measure_threads(void)
{
	static const osThreadAttr_t joinable = { .attr_bits = osThreadJoinable };
	osThreadId_t partner = osThreadNew(yield_partner, NULL, &joinable);

	stop = false;
	measure("task_switch", op_yield, 1000); /* there and back: two */
	stop = true;
	osThreadJoin(partner);

	ping = osSemaphoreNew(1, 0, NULL);
	pong = osSemaphoreNew(1, 0, NULL);
	osThreadNew(sem_partner, NULL, NULL);
	measure("sem_pingpong", op_sem, 1000);

	to = osMessageQueueNew(4, sizeof(uint32_t), NULL);
	from = osMessageQueueNew(4, sizeof(uint32_t), NULL);
	osThreadNew(queue_partner, NULL, NULL);
	measure("queue_roundtrip", op_queue, 1000);
}

/* --- time --- */

/* From the moment the timer was set to until the thread runs. */
static void measure_wakeup(void)
{
	const unsigned n = 200;
	uint64_t late = 0;

	for (unsigned i = 0; i < 16; i++)
		osDelay(3); /* first touches */
	begin("timer_wakeup");
	MARK(MARK_BEGIN);
	for (unsigned i = 0; i < n; i++) {
		uint64_t due_ns = kernel_deadline_ns(3);

		osDelay(3);
		late += port_tsc() - port_tsc_from_ns(due_ns);
	}
	MARK(MARK_END);
	report("timer_wakeup", late, n);
}

/* Not inlined: code that runs for the first time is not what is measured. */
static uint64_t __attribute__((noinline)) spin(unsigned n)
{
	uint64_t start = port_tsc();

	for (volatile unsigned i = 0; i < n; i++)
		;
	return port_tsc() - start;
}

/* A loop of known length, with a timer interrupt each millisecond and without. */
static void measure_tick(void)
{
	const unsigned loops = 4000000;

	kernel_periodic_tick(true);
	spin(loops); /* first touches */
	kernel_periodic_tick(false);
	begin("tick");
	uint64_t quiet = spin(loops);
	unsigned before = kernel_timer_interrupts;
	kernel_periodic_tick(true);
	MARK(MARK_BEGIN);
	uint64_t busy = spin(loops);
	MARK(MARK_END);
	kernel_periodic_tick(false);
	unsigned ticks = kernel_timer_interrupts - before;
	report("tick", busy - quiet, ticks ? ticks : 1);
}

/* --- ring 3 --- */

static uint64_t user_ticks;

static void user_loop(void *arg)
{
	const unsigned n = 1000;

	for (unsigned i = 0; i < 16; i++)
		user_syscall(SYS_NULL, 0, 0);
	uint64_t loop = timed_empty(n);
	MARK(MARK_BEGIN);
	uint64_t start = port_tsc();
	for (unsigned i = 0; i < n; i++)
		user_syscall(SYS_NULL, 0, 0);
	user_ticks = port_tsc() - start - loop;
	MARK(MARK_END);
	user_syscall(SYS_SEM_RELEASE, (long)arg, 0);
}

static void measure_user(void)
{
	osThreadAttr_t attr = { .attr_bits = osThreadUnprivileged };
	osSemaphoreId_t done = osSemaphoreNew(1, 0, NULL);

	begin("int_syscall");
	osThreadNew(user_loop, done, &attr);
	osSemaphoreAcquire(done, osWaitForever);
	report("int_syscall", user_ticks, 1000);
}

/* Interrupt controllers of the two ports. */
static void measure_interrupts(bool apic)
{
	if (!port_bench_hypercall(false))
		measure("eoi", port_bench_eoi, 1000);
	if (!apic || !port_bench_apic())
		return;
	if (!port_bench_hypercall(false))
		measure("eoi_apic", port_bench_eoi_apic, 1000);
	measure("ipi", port_bench_ipi, 500);
}

int run_bench(bool apic)
{
	print("BENCH-BEGIN %s\n", port_name);
	measure("empty", op_empty, 1000);
	measure("irq_mask_unmask", op_mask_unmask, 1000);
	measure("irq_save_restore", op_save_restore, 1000);
	measure_threads();
	measure_wakeup();
	measure_tick();
	measure_user();
	measure("exception", op_exception, 1000);
	measure("port_out", op_out, 1000);
	measure("port_in", op_in, 1000);
	measure("cpuid", op_cpuid, 1000);
	measure("callret", op_call, 1000);
	measure("timer_set", op_timer, 1000);
	port_bench_page_setup(true);
	measure("page_touch", port_bench_page_touch, 500);
	measure("pte_mod", port_bench_pte, 500);
	measure("page_fault", port_bench_page_fault, 500);
	if (port_bench_cr3(1))
		measure("cr3", op_cr3, 700);
	port_bench_page_setup(false);
	measure_interrupts(apic);
	measure("compute", op_compute, 1000);
	if (port_bench_hypercall(false)) {
		measure("hypercall_gate", op_hypercall_gate, 1000);
		measure("hypercall_full", op_hypercall_full, 1000);
	}
	print("BENCH-END\n");
	return 0;
}
