// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prompts that are erased (unbounded work; a forged line). When the console erases what it has
 * shown of an unfinished line, it writes three bytes for each byte.
 * Attack: prompts as long as a line can be, each erased up to its first byte and shown again; empty
 * lines; prompts for which there is no room.
 * Expected: no stay above the goal, and each line begins with this guest's name.
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

/* The command line is `t`, `e` or `b` for one of them, or empty for all three. */
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
