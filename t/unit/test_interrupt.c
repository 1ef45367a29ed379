// SPDX-License-Identifier: GPL-2.0-or-later
/* The machine's interrupts: registered by drivers, and unexpected ones. */
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "tap.h"

#define REPEATS 1000

static struct cpu cpu = { .id = 3 };
static unsigned handled, ended, lines;
static char line[200];

struct cpu *this_cpu(void)
{
	return &cpu;
}

void apic_eoi(void)
{
	ended++;
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

static void handler(void)
{
	handled++;
}

int main(void)
{
	interrupt_register(VECTOR_CONSOLE, handler);
	interrupt_handle(VECTOR_CONSOLE);
	is(handled, 1, "a registered handler is called");
	is(ended, 1, "and the interrupt is ended");

	interrupt_handle(VECTOR_KICK);
	ok(cpu.attention, "a kick asks for attention");
	interrupt_handle(VECTOR_SPURIOUS);
	is(ended, 2, "a spurious interrupt needs no end");
	is(lines, 0, "and none of these is reported");

	for (unsigned i = 0; i < REPEATS; i++)
		interrupt_handle(VECTOR_SPURIOUS - 1);
	is(lines, 1, "an interrupt that nobody expects is reported once");
	ok(strstr(line, "CPU 3: interrupt 254 "), "with its CPU and vector: %s", line);
	is(ended, 2 + REPEATS, "and ended each time, so that others can come");

	interrupt_handle(VECTOR_GUEST_FIRST);
	is(lines, 2, "each vector has its line, those of guests' INT n too");
	is(handled, 1, "and no handler is called for them");
	return done_testing();
}
