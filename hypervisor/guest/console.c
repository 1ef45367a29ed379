// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/console.h"

#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "lib/string.h"

#define ROOM 1024 /* more than any CONSOLE_PART bytes and an unfinished line can need */
_Static_assert(ROOM >= CONSOLE_PART * (sizeof(struct console_entry) + 1) +
			       sizeof(((struct guest *)0)->line),
	       "a part fits");
_Static_assert(GUESTS_MAX < CONSOLE_RINGS, "one is the hypervisor's");

bool console_guest_room(struct guest *g)
{
	return console_room(&g->console) >= ROOM + CONSOLE_RESERVE;
}

static void notify_room(struct guest *g)
{
	if (!console_guest_room(g) ||
	    !__atomic_exchange_n(&g->console.waiting, false, __ATOMIC_SEQ_CST))
		return;
	for (unsigned i = 0; i < g->vcpus; i++)
		vcpu_request_from(&g->vcpu[i], REQUEST_ROOM);
}

static void send_again(struct timer *t)
{
	console_guest_send(container_of(t, struct guest, console.timer));
}

/* The timer runs on vCPU 0's CPU; other CPUs send a request to that vCPU. */
static void send_later(struct guest *g)
{
	struct timer *t = &g->console.timer;

	if (g->vcpu->cpu != this_cpu()) {
		vcpu_request_from(g->vcpu, REQUEST_SEND);
		return;
	}
	if (t->armed)
		return;
	t->fire = send_again;
	t->owner = g->vcpu;
	timer_set(g->vcpu->cpu, t, rdtsc() + tsc_from_ns(CONSOLE_SEND_AGAIN_NS));
}

void console_guest_send(struct guest *g)
{
	if (console_has_sent(&g->console))
		return;
	if (!console_send(&g->console))
		send_later(g);
	notify_room(g);
}

static void add_notice(struct guest *g, enum console_kind kind, const char *fmt, va_list args)
{
	char line[CONSOLE_LINE];
	int used = format(line, sizeof(line), "%s: ", g->config->name);

	used += format_v(line + used, sizeof(line) - (size_t)used, fmt, args);
	if (!console_buffering) {
		console_print("%s", line);
		return;
	}
	const struct console_entry e = { .kind = (uint8_t)kind,
					 .bytes = (uint16_t)MIN(used, CONSOLE_LINE - 1) };
	console_append(&g->console, &e, line);
}

void console_guest_notice(struct guest *g, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_notice(g, ENTRY_NOTICE, fmt, args);
	va_end(args);
	console_guest_send(g);
}

/* Whoever calls it sends: perhaps with the guest's console lock held. */
static void add(struct guest *g, enum console_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_notice(g, kind, fmt, args);
	va_end(args);
}

void console_guest_exit_code(struct guest *g, const char *how, int exit_code)
{
	if (g->console.dropped)
		add(g, ENTRY_EXIT_CODE, "%u console lines were dropped", g->console.dropped);
	add(g, ENTRY_EXIT_CODE, "%s, exit code %d", how, exit_code);
	console_guest_send(g);
}

/* count-at: what happened between two lines, the last byte of one and the first of the next. */
static void take_counts(struct guest *g, bool end)
{
	for (unsigned i = 0; *g->config->count_at && i < COUNTERS; i++)
		g->line_counts[i] = guest_count_of(g, i) - (end ? g->line_counts[i] : 0);
}

static void print_counts(struct guest *g)
{
	char text[CONSOLE_LINE];
	int used = 0;

	for (unsigned i = 0; i < COUNTERS; i++)
		if (g->line_counts[i])
			used += format(text + used, sizeof(text) - (size_t)used, " %s=%lu",
				       counter_names[i], g->line_counts[i]);
	text[used] = 0;
	add(g, ENTRY_NOTICE, "counts%s", text);
}

/* The line so far: what a prompt has shown of it stays as far as it still holds. */
static bool append_line(struct guest *g, enum console_kind kind)
{
	const struct console_entry e = { .kind = (uint8_t)kind,
					 .kept = g->line_kept,
					 .erase = (uint8_t)(g->line_shown - g->line_kept),
					 .bytes = g->line_used };

	return console_append(&g->console, &e, g->line);
}

static void end_line(struct guest *g)
{
	const char *count_at = g->config->count_at;

	g->line[g->line_used] = 0;
	append_line(g, ENTRY_LINE);
	if (*count_at && !strncmp(g->line, count_at, strlen(count_at)))
		print_counts(g);
	take_counts(g, false);
	g->line_used = g->line_shown = g->line_kept = 0;
}

/* Escape sequences (ECMA-48, section 5.4) are dropped: no output of a guest may move the cursor. */
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

bool console_guest_put(struct guest *g, char c)
{
	if (c == '\r' || !c || in_escape(g, c))
		return true;
	/* deletes what the guest has printed on this line, but never the name at its beginning */
	if (c == '\b') {
		g->line_used -= g->line_used > 0;
		g->line_kept = MIN(g->line_kept, g->line_used);
		return true;
	}
	if (!g->line_used)
		take_counts(g, true);
	if (c == '\n') {
		end_line(g);
		return console_guest_room(g);
	}
	/* nor may it look like another's line */
	if (((unsigned char)c < ' ' && c != '\t') || (unsigned char)c >= 0x7f)
		c = '?';
	g->line[g->line_used++] = c;
	if (g->line_used == sizeof(g->line) - 1)
		end_line(g);
	return console_guest_room(g);
}

#define LINE_COST 8 /* of the bytes of a part, for each that ends a line */

static unsigned cost_of(const struct guest *g, char c)
{
	if (c != '\n')
		return 1;
	return *g->config->count_at ? CONSOLE_PART : LINE_COST;
}

uint64_t console_guest_write(struct guest *g, const char *text, uint64_t bytes, unsigned *budget)
{
	uint64_t n = 0;

	spin_lock(&g->console_lock);
	bool room = console_guest_room(g);
	if (!room) {
		__atomic_store_n(&g->console.waiting, true, __ATOMIC_SEQ_CST);
		room = console_guest_room(g);
	}
	while (room && n < bytes && *budget) {
		char c = ((const volatile char *)text)[n++];

		console_guest_put(g, c);
		*budget -= MIN(*budget, cost_of(g, c));
	}
	spin_unlock(&g->console_lock);
	if (bytes)
		console_guest_send(g);
	return n;
}

void console_guest_prompt(struct guest *g)
{
	spin_lock(&g->console_lock);
	if (g->line_used != g->line_shown || g->line_kept != g->line_shown) {
		g->line[g->line_used] = 0;
		if (append_line(g, ENTRY_PROMPT))
			g->line_shown = g->line_kept = g->line_used;
	}
	spin_unlock(&g->console_lock);
	console_guest_send(g);
}

void console_guest_flush(struct guest *g)
{
	spin_lock(&g->console_lock);
	if (g->line_used)
		end_line(g);
	spin_unlock(&g->console_lock);
}
