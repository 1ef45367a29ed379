// SPDX-License-Identifier: GPL-2.0-or-later
/* The RTOS as a PV guest of Veneer. */
#include "kernel.h"
#include "syscall.h"

const char port_name[] = "pv";

static const struct veneer_start_info *start_info;
static uint64_t start_ns;
static uint64_t tsc_khz;

void app_main(void);

static void timer_event(void)
{
	kernel_interrupt_enter();
	kernel_timer();
	in_interrupt = false;
}

static void console_event(void)
{
	char c;

	kernel_interrupt_enter();
	while (veneer_console_read(&c, 1))
		kernel_input(c);
	in_interrupt = false;
}

static void system_call(struct veneer_frame *f)
{
	irq_restore(0);
	f->rax = (uint64_t)kernel_syscall((long)f->rax, (long)f->rdi, (long)f->rsi);
	irq_save();
}

void veneer_main(const struct veneer_start_info *info)
{
	start_info = info;
	app_main();
}

void port_init(void)
{
	start_ns = veneer_clock_ns();
	tsc_khz = start_info->tsc_khz;
	veneer_on_event(VENEER_EVENT_TIMER, timer_event);
	veneer_on_event(VENEER_EVENT_CONSOLE, console_event);
	veneer_on_return(kernel_interrupt_exit);
	veneer_on_softint(SYSCALL_VECTOR, system_call);
}

uint64_t port_time_ns(void)
{
	return veneer_clock_ns() - start_ns;
}

uint64_t port_tsc_from_ns(uint64_t ns)
{
	return (ns + start_ns) * tsc_khz / 1000000;
}

void port_timer_set(uint64_t at_ns)
{
	veneer_timer_set(at_ns == ~0ull ? 0 : at_ns + start_ns, 0);
}

void port_idle(void)
{
	veneer_halt();
	veneer_mask();
}

void port_put(const char *s, size_t n)
{
	veneer_console_write(s, n);
}

void port_exit(int code)
{
	veneer_shutdown(code);
}

const char *port_cmdline(void)
{
	return start_info->cmdline;
}

void port_kernel_stack(void *top)
{
	veneer_vcpu.kernel_sp = (uint64_t)top;
}

extern char port_thread_begin[];

void *port_stack_init(void *top, void (*entry)(void *), void *arg)
{
	uint64_t *sp = (uint64_t *)((uint64_t)top & ~15ull);

	*--sp = 0;
	*--sp = (uint64_t)port_thread_begin; /* port_switch returns there */
	*--sp = (uint64_t)entry;	     /* rbx */
	*--sp = (uint64_t)arg;		     /* rbp */
	for (unsigned i = 0; i < 4; i++)
		*--sp = 0;
	return sp;
}

/* --- for the measurements --- */

void port_bench_out(void)
{
	__asm__ volatile("outb %%al, $0x80" ::"a"(0));
}

void port_bench_in(void)
{
	uint8_t v;

	__asm__ volatile("inb $0x80, %0" : "=a"(v));
}

void port_bench_page_setup(bool on)
{
	(void)on;
}

void port_bench_page_touch(unsigned n)
{
	static char page[4096] __attribute__((aligned(4096)));

	for (unsigned i = 0; i < n; i++) {
		veneer_window_set(0, (uint64_t)page | 3);
		*(volatile char *)VENEER_WINDOW = 1;
		veneer_window_set(0, 0);
		veneer_window_flush(0, 1);
	}
}

void port_bench_pte(unsigned n)
{
	static char page[4096] __attribute__((aligned(4096)));

	for (unsigned i = 0; i < n; i++) {
		veneer_window_set(0, (uint64_t)page | (i & 1 ? 3 : 1));
		veneer_window_flush(0, 1);
	}
	veneer_window_set(0, 0);
	veneer_window_flush(0, 1);
}

bool port_bench_cr3(unsigned n)
{
	(void)n;
	return false;
}

static char fault_page[4096] __attribute__((aligned(4096)));

static void map_window(struct veneer_frame *f)
{
	(void)f;
	veneer_window_set(0, (uint64_t)fault_page | 3);
}

void port_bench_page_fault(unsigned n)
{
	veneer_on_exception(14, map_window);
	for (unsigned i = 0; i < n; i++) {
		*(volatile char *)VENEER_WINDOW = 1;
		veneer_window_set(0, 0);
		veneer_window_flush(0, 1);
	}
	veneer_on_exception(14, NULL);
}

/* An event needs no EOI. */
void port_bench_eoi(unsigned n)
{
	(void)n;
}

bool port_bench_apic(void)
{
	return true;
}

void port_bench_eoi_apic(unsigned n)
{
	(void)n;
}

#define EVENT_IPI 8
static volatile unsigned ipis;

static void ipi_event(void)
{
	ipis++;
}

void port_bench_ipi(unsigned n)
{
	veneer_on_event(EVENT_IPI, ipi_event);
	for (unsigned i = 0; i < n; i++) {
		unsigned before = ipis;

		veneer_hypercall(VENEER_HC_EVENT_SEND, 0, EVENT_IPI, 0);
		while (ipis == before)
			;
	}
}

static volatile unsigned divide_errors;

static void divide_error(struct veneer_frame *f)
{
	divide_errors++;
	f->rip += 2; /* div %ecx */
}

unsigned port_bench_divide_errors(unsigned n)
{
	veneer_on_exception(0, divide_error);
	divide_errors = 0;
	for (unsigned i = 0; i < n; i++)
		__asm__ volatile("div %%ecx" ::"a"(1), "d"(0), "c"(0) : "cc");
	return divide_errors;
}

bool port_bench_hypercall(bool full)
{
	veneer_hypercall(full ? VENEER_HC_VERSION : VENEER_HC_NOP, 0, 0, 0);
	return true;
}
