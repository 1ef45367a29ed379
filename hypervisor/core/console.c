// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/console.h"

#include "core/guest.h"
#include "core/monitor.h"
#include "core/string.h"
#include "x86/cpu.h"

#define COM1	  0x3f8
#define UART_IER  1
#define UART_FCR  2
#define UART_LCR  3
#define UART_MCR  4
#define UART_LSR  5
#define LSR_READY 0x01
#define LSR_EMPTY 0x20

static uint8_t lock;		/* the port, and whole lines on it */
static struct guest *prompting; /* whose unfinished line the console's last one is */

static void acquire(void)
{
	while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void release(void)
{
	__atomic_clear(&lock, __ATOMIC_RELEASE);
}

void console_init(void)
{
	outb(COM1 + UART_LCR, 0x80);
	outb(COM1, 1); /* 115200 */
	outb(COM1 + 1, 0);
	outb(COM1 + UART_LCR, 3);
	outb(COM1 + UART_FCR, 7);
	outb(COM1 + UART_MCR, 0x0b);
	outb(COM1 + UART_IER, 1);
}

void console_put(char c)
{
	for (unsigned i = 0; i < 100000 && !(inb(COM1 + UART_LSR) & LSR_EMPTY); i++)
		cpu_relax();
	outb(COM1, (uint8_t)c);
}

static void put_text(const char *s)
{
	for (; *s; s++)
		console_put(*s);
}

/* Another's line comes: the prompt is shown anew with what follows it. */
static void leave_prompt(void)
{
	if (!prompting)
		return;
	put_text("\r\n");
	prompting->line_shown = 0;
	prompting = NULL;
}

static void put_line(const char *name, const char *text)
{
	leave_prompt();
	put_text(name);
	put_text(": ");
	put_text(text);
	put_text("\r\n");
}

#define LINE_BYTES 480

void console_print_unlocked(const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	format_v(line, sizeof(line), fmt, args);
	va_end(args);
	put_line("veneer", line);
}

void console_print(const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	format_v(line, sizeof(line), fmt, args);
	va_end(args);
	acquire();
	put_line("veneer", line);
	release();
}

void console_guest_notice(struct guest *g, const char *fmt, ...)
{
	char line[LINE_BYTES];
	int used = format(line, sizeof(line), "%s: ", g->config->name);
	va_list args;

	va_start(args, fmt);
	format_v(line + used, sizeof(line) - (size_t)used, fmt, args);
	va_end(args);
	acquire();
	put_line("veneer", line);
	release();
}

/* count-at: the counters as they were at the first and behind the last byte of a line. */
static void print_counts(struct guest *g)
{
	char text[LINE_BYTES];
	int used = 0;

	for (unsigned i = 0; i < COUNTERS; i++)
		used += format(text + used, sizeof(text) - (size_t)used, " %s=%lu:%lu",
			       counter_names[i], g->line_counts[i], guest_count_of(g, i));
	console_guest_notice(g, "counts%s", text);
}

static void end_line(struct guest *g)
{
	const char *count_at = g->config->count_at;
	bool counted = *count_at && !strncmp(g->line, count_at, strlen(count_at));

	g->line[g->line_used] = 0;
	acquire();
	if (prompting == g) {
		put_text(g->line + g->line_shown);
		put_text("\r\n");
		g->line_shown = 0;
		prompting = NULL;
	} else {
		put_line(g->config->name, g->line);
	}
	release();
	if (counted)
		print_counts(g);
	g->line_used = 0;
}

/* Escape sequences (ECMA-48, section 5.4) go: nothing a guest prints may move the cursor. */
static bool in_escape(struct guest *g, char c)
{
	switch (g->escape) {
	case 0: g->escape = c == 27; break;
	case 1: g->escape = c == '[' ? 2 : 0; return true;
	default:
		if (c >= 0x40 && c <= 0x7e)
			g->escape = 0;
		return true;
	}
	return g->escape;
}

void console_guest_put(struct guest *g, char c)
{
	if (c == '\r' || !c || in_escape(g, c))
		return;
	if (!g->line_used)
		for (unsigned i = 0; i < COUNTERS; i++)
			g->line_counts[i] = guest_count_of(g, i);
	if (c == '\n') {
		end_line(g);
		return;
	}
	/* nor may it look like another's line */
	if (((unsigned char)c < ' ' && c != '\t' && c != '\b') || (unsigned char)c >= 0x7f)
		c = '?';
	g->line[g->line_used++] = c;
	if (g->line_used == sizeof(g->line) - 1)
		end_line(g);
}

void console_guest_write(struct guest *g, const char *text, uint64_t bytes)
{
	guest_console_lock(g);
	for (uint64_t i = 0; i < bytes; i++)
		console_guest_put(g, ((const volatile char *)text)[i]);
	guest_console_unlock(g);
}

void console_guest_prompt(struct guest *g)
{
	guest_console_lock(g);
	acquire();
	if (g->line_used > g->line_shown) {
		g->line[g->line_used] = 0;
		if (prompting != g) {
			leave_prompt();
			put_text(g->config->name);
			put_text(": ");
		}
		put_text(g->line + g->line_shown);
		g->line_shown = g->line_used;
		prompting = g;
	}
	release();
	guest_console_unlock(g);
}

void console_guest_flush(struct guest *g)
{
	if (g->line_used)
		end_line(g);
}

void console_interrupt(void)
{
	/* bounded: a port that is not there reads as ones for ever */
	for (unsigned i = 0; i < 256 && (inb(COM1 + UART_LSR) & LSR_READY); i++)
		monitor_input(inb(COM1));
}
