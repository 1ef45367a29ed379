// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prompts that are taken back (work without a bound; a forged line). What the console shows of an
 * unfinished line it takes back byte by byte, three bytes for each.
 * Tried: prompts as long as a line can be, each taken back up to its first byte and shown anew;
 * lines of nothing; prompts that have no room. Must happen: no stay above the goal, and no line
 * that begins otherwise than with this guest's name.
 */
#include "guest.h"

#define LINE 238

static char text[LINE];

static void fill(char c, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		text[i] = c;
	veneer_console_write(text, n);
}

static void event(void)
{
}

static void prompt(void)
{
	veneer_timer_set(veneer_clock_ns() + 20000, 0);
	veneer_halt();
}

static void take_back(void)
{
	for (unsigned i = 0; i < 40; i++) {
		fill((char)('a' + i % 26), LINE);
		prompt();
		fill('\b', LINE);
		fill((char)('z' - i % 26), LINE);
		prompt();
		fill('\b', LINE);
		fill('\b', LINE);
	}
}

static void empty_lines(void)
{
	for (unsigned i = 0; i < 100; i++)
		fill('\n', LINE);
}

static void both(void)
{
	for (unsigned i = 0; i < 300; i++) {
		fill('v', 63);
		prompt();
		fill('\b', 3);
		fill('\n', i % 64);
	}
}

/* `t`, `e` or `b` alone, or all three. */
int guest_main(const struct veneer_start_info *info)
{
	char c = info->cmdline[0];

	veneer_on_event(VENEER_EVENT_TIMER, event);
	say("going\n");
	if (!c || c == 't')
		take_back();
	if (!c || c == 'e')
		empty_lines();
	if (!c || c == 'b')
		both();
	say("well\n");
	return 0;
}
