// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The monitor: what follows Ctrl-A on the console. Ctrl-A h prints the list; a digit chooses the
 * guest that gets the input; ':' takes a command line, for people and for scripts. There are guests
 * whenever the console takes input.
 */
#include "console/monitor.h"
#include "guest/guest.h"
#include "guest/sched.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "lib/string.h"

#define CTRL_A 1

static enum { TYPING, COMMAND_KEY, COMMAND_LINE } state;
static unsigned chosen; /* guest that gets the input */
static char line[80];
static unsigned line_used;

static const char *state_name(const struct guest *g)
{
	static const char *const names[] = { "running", "waiting", "stopped" };

	return g->vcpu->paused ? "paused" : names[g->vcpu->state];
}

static void print_guest(const struct guest *g)
{
	console_print_list(
		g->id + 1 < guest_count, "%c%u %-16s %-8s core %u, %lu MiB, %s, ran %lu ms",
		chosen == g->id ? '*' : ' ', g->id + 1, g->config->name, state_name(g),
		g->vcpu->cpu->id, g->mmu.memory_bytes >> 20, preparation_names[g->prepare],
		ns_from_tsc(sched_ran(g->vcpu)) / 1000000);
}

static void command_list(struct guest *g)
{
	(void)g;
	for (unsigned i = 0; i < guest_count; i++)
		print_guest(&guests[i]);
}

/* The words are for scripts. Under ring a guest has no tables before it begins, nor while its
 * memory is made ready. */
static void command_check(struct guest *g)
{
	bool ended = __atomic_load_n(&g->ended, __ATOMIC_ACQUIRE);
	struct table_report r;

	if (!g->engine->check(g, &r))
		console_print("check %s: BROKEN: %s, page %u, level %u, index %u", g->config->name,
			      r.what, r.page, r.level, r.index);
	else if (r.tables)
		console_print("check %s: good, %u tables, %u leaves%s", g->config->name, r.tables,
			      r.leaves, ended ? ", as they were when it ended" : "");
	else
		console_print("check %s: no tables: %s", g->config->name,
			      ended		    ? "it has ended"
			      : guest_is_running(g) ? "it has not begun"
						    : "it is being loaded");
}

/* An order takes back the one before it that says otherwise, if that has not been seen to. */
static void order(struct vcpu *v, uint32_t request, uint32_t instead_of)
{
	__atomic_and_fetch(&v->requests, ~instead_of, __ATOMIC_RELAXED);
	vcpu_request(v, request);
}

static void order_all(struct guest *g, uint32_t request, uint32_t instead_of)
{
	for (unsigned i = 0; i < g->vcpus; i++)
		order(&g->vcpu[i], request, instead_of);
}

/* An order to a guest that has ended would be kept for its next life. One whose reset is on its way
 * has not. */
static bool has_ended(const struct guest *g)
{
	uint32_t orders = __atomic_load_n(&g->vcpu->requests, __ATOMIC_ACQUIRE);
	bool ended = __atomic_load_n(&g->ended, __ATOMIC_ACQUIRE) && !(orders & REQUEST_RESET);

	if (ended)
		console_print("%s has ended: reset starts it again", g->config->name);
	return ended;
}

/* What is so already, or ordered and not yet seen to, would be answered with silence. */
static void pause(struct guest *g, bool paused)
{
	uint32_t orders = __atomic_load_n(&g->vcpu->requests, __ATOMIC_ACQUIRE);
	uint32_t wanted = paused ? REQUEST_PAUSE : REQUEST_RESUME;

	if (has_ended(g))
		return;
	if (g->vcpu->paused == paused || (orders & wanted))
		console_print("%s is %s", g->config->name,
			      paused ? "paused already" : "not paused");
	order_all(g, wanted, (REQUEST_PAUSE | REQUEST_RESUME) & ~wanted);
}

static void command_pause(struct guest *g)
{
	pause(g, true);
}

static void command_resume(struct guest *g)
{
	pause(g, false);
}

static void command_reset(struct guest *g)
{
	order_all(g, REQUEST_RESUME, REQUEST_PAUSE);
	order(g->vcpu, REQUEST_RESET, REQUEST_STOP);
}

static void command_stop(struct guest *g)
{
	if (!has_ended(g))
		order(g->vcpu, REQUEST_STOP, REQUEST_RESET);
}

static bool has_screen(const struct guest *g)
{
	if (!g->board)
		console_print("%s has no screen", g->config->name);
	return g->board;
}

static char printable(char c)
{
	return c >= ' ' && c < 0x7f ? c : c == 0 ? ' ' : '#';
}

/* The text screen, a line of the console for each of its 25, so that a script can read it. */
static void command_screen(struct guest *g)
{
	uint16_t cell[BOARD_COLUMNS];
	char text[BOARD_COLUMNS + 1] = "";

	if (!has_screen(g))
		return;
	for (unsigned row = 0; row < BOARD_ROWS; row++) {
		g->board->screen(g, row, cell);
		for (unsigned i = 0; i < BOARD_COLUMNS; i++)
			text[i] = printable((char)cell[i]);
		console_print("%s: screen %02u |%s|", g->config->name, row, text);
	}
}

/* The same for programs: character and attribute of each cell, in hexadecimal. */
static void command_cells(struct guest *g)
{
	uint16_t cell[BOARD_COLUMNS];
	char text[4 * BOARD_COLUMNS + 1];

	if (!has_screen(g))
		return;
	for (unsigned row = 0; row < BOARD_ROWS; row++) {
		g->board->screen(g, row, cell);
		for (unsigned i = 0; i < BOARD_COLUMNS; i++)
			format(text + 4 * i, 5, "%04x", cell[i]);
		console_print("%s: cells %02u %s", g->config->name, row, text);
	}
}

static void command_input(struct guest *g)
{
	chosen = g->id;
	console_print("input goes to %s", g->config->name);
}

static void command_tables(struct guest *g)
{
	(void)g;
	cpus_check_tables();
}

static void command_off(struct guest *g)
{
	(void)g;
	machine_off();
}

static void command_help(struct guest *g);

static const struct command {
	char key;
	const char *name;
	void (*run)(struct guest *g);
	const char *help;
} commands[] = {
	{ 'h', "help", command_help, "this list" },
	{ 'l', "list", command_list, "the guests" },
	{ 'p', "pause", command_pause, "halt the guest where it is" },
	{ 'r', "resume", command_resume, "let it go on" },
	{ 'R', "reset", command_reset, "start it again from its image" },
	{ 'k', "stop", command_stop, "end it" },
	{ 's', "stats", machine_guest_stats, "time, exits by reason, worst wait" },
	{ 'x', "check", command_check, "whether its tables lead to its own memory alone" },
	{ 'v', "screen", command_screen, "its text screen" },
	{ 'c', "cells", command_cells, "its text screen with attributes, for programs" },
	{ 'i', "input", command_input, "send what is typed to it (or Ctrl-A and its number)" },
	{ 't', "tables", command_tables, "check the hypervisor's own page tables" },
	{ 'q', "off", command_off, "stop the machine" },
};

static void command_help(struct guest *g)
{
	(void)g;
	console_print_list(
		true, "Ctrl-A key, for the guest that has the input; or Ctrl-A : command guest");
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		console_print_list(true, "  %c  %-8s %s", commands[i].key, commands[i].name,
				   commands[i].help);
	console_print_list(false, "  1 to 8     input to that guest; Ctrl-A Ctrl-A sends a Ctrl-A");
}

/* The one with that key, or with that name; false: there is none. */
static bool run_command(struct guest *g, char key, const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].key == key || !strcmp(commands[i].name, name)) {
			commands[i].run(g);
			return true;
		}
	return false;
}

static void run_line(void)
{
	while (line_used && line[line_used - 1] == ' ')
		line[--line_used] = 0;
	char *name = strchr(line, ' ');
	struct guest *g = &guests[chosen];

	if (name) {
		*name++ = 0;
		g = guest_find(name);
		if (!g) {
			console_print("no guest \"%s\"", name);
			return;
		}
	}
	if (!run_command(g, 0, line))
		console_print("no command \"%s\": Ctrl-A h lists them", line);
}

static void take_key(uint8_t byte)
{
	state = TYPING;
	if (byte == ':') {
		state = COMMAND_LINE;
		line_used = 0;
	} else if (byte == CTRL_A) {
		guest_input(&guests[chosen], byte);
	} else if (byte >= '1' && byte < '1' + guest_count) {
		command_input(&guests[byte - '1']);
	} else if (byte >= '0' && byte <= '9') {
		console_print("no guest %c: Ctrl-A l lists them", byte);
	} else if (!run_command(&guests[chosen], (char)byte, "")) {
		console_print(byte > ' ' && byte < 0x7f ? "no key \"%c\": Ctrl-A h lists them"
							: "no key 0x%02x: Ctrl-A h lists them",
			      byte);
	}
}

static void take_line_byte(uint8_t byte)
{
	if (byte == '\r' || byte == '\n') {
		line[line_used] = 0;
		state = TYPING;
		run_line();
	} else if (byte == 0x7f || byte == '\b') {
		line_used -= line_used > 0;
	} else if (line_used < sizeof(line) - 1) {
		line[line_used++] = (char)byte;
	}
}

void monitor_input(uint8_t byte)
{
	switch (state) {
	case TYPING:
		if (byte == CTRL_A)
			state = COMMAND_KEY;
		else
			guest_input(&guests[chosen], byte);
		break;
	case COMMAND_KEY: take_key(byte); break;
	case COMMAND_LINE: take_line_byte(byte); break;
	}
}
