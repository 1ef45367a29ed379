// SPDX-License-Identifier: GPL-2.0-or-later
/* The machine's interrupts: registered by drivers, and unexpected ones. */
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "tap.h"

#define REPEATS 1000

static struct cpu cpu = { .id = 3 };
static unsigned handled, ended, raised, lines;
static char line[200];

struct cpu *this_cpu(void)
{
	return &cpu;
}

void apic_eoi(void)
{
	ended++;
}

void apic_raise_again(void)
{
	raised++;
}

void sched_interrupt(struct cpu *c)
{
	(void)c;
}

bool hv_is_guard(uint64_t address)
{
	return !address;
}

void console_print_list(bool more, const char *fmt, ...)
{
	va_list args;

	lines += !more;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
}

void console_print_now(const char *fmt, ...)
{
	(void)fmt;
}

uint64_t ring0_abort(unsigned vector, uint64_t rip, uint64_t rsp, uint64_t flags);

static void handler(void)
{
	handled++;
}

int main(void)
{
	interrupt_register(VECTOR_CONSOLE, handler);
	interrupt_handle(VECTOR_CONSOLE);
	is(handled, 1, "a registered handler is called");
	is(ended, 1, "a handled interrupt gets an EOI");

	interrupt_handle(VECTOR_KICK);
	ok(cpu.attention, "a kick asks for attention");
	interrupt_handle(VECTOR_SPURIOUS);
	is(ended, 2, "a spurious interrupt gets no EOI");
	is(lines, 0, "expected interrupts are not reported");

	for (unsigned i = 0; i < REPEATS; i++)
		interrupt_handle(VECTOR_SPURIOUS - 1);
	is(lines, 1, "an unexpected interrupt is reported once");
	ok(strstr(line, "CPU 3: interrupt 254 "), "it is reported with CPU and vector: %s", line);
	is(ended, 2 + REPEATS, "an unexpected interrupt gets an EOI each time");

	interrupt_handle(VECTOR_GUEST_FIRST);
	is(lines, 2, "each unexpected vector is reported, also those of guests' INT n");
	is(handled, 1, "no handler is called for unexpected vectors");

	is(ring0_abort(VECTOR_TIMER, 0, 0, 0x202), 2,
	   "an interrupt in the gate returns with IF clear");
	is(raised, 1, "and is raised again");
	is(ring0_abort(VECTOR_DF, 0, 0, FLAGS_VM | 0x202), FLAGS_VM | 2,
	   "so does a double fault by virtual-8086 mode");
	is(raised, 2, "and so is what it has swallowed");
	return done_testing();
}
