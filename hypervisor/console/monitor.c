// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The monitor: commands after Ctrl-A on the console. Ctrl-A h lists them; a digit selects the guest
 * that gets the input; ':' begins a command line, for people and scripts. Console input is only
 * enabled once there are guests.
 */
#include "console/monitor.h"
#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "lib/string.h"

#define CTRL_A 1

static enum { TYPING, COMMAND_KEY, COMMAND_LINE } state;
static unsigned chosen; /* guest that gets the input */
static char line[80];
static unsigned line_used;

/* A guest's state is that of its busiest vCPU. */
static const char *state_name(const struct guest *g)
{
	static const char *const names[] = { "running", "waiting", "stopped" };
	enum vcpu_state state = VCPU_STOPPED;

	for (unsigned i = 0; i < g->vcpus; i++)
		state = MIN(state, g->vcpu[i].state);
	return __atomic_load_n(&g->ended, __ATOMIC_ACQUIRE) ? "ended"
	       : g->vcpu->paused			    ? "paused"
							    : names[state];
}

static void command_list(void)
{
	char cores[GUEST_CORES];

	for (const struct guest *g = guests; g < &guests[guest_count]; g++)
		console_print_list(
			g->id + 1 < guest_count, "%c%u %-16s %-8s core %s, %lu MiB, %s, ran %lu ms",
			chosen == g->id ? '*' : ' ', g->id + 1, g->config->name, state_name(g),
			guest_cores(g, cores), ram_bytes(&g->memory) >> 20,
			preparation_names[g->image.prepare], ns_from_tsc(guest_ran(g)) / 1000000);
}

/* Scripts parse this output. Under ring a guest has no tables before it begins or while it is
 * loaded. */
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

/* A command cancels an earlier opposite one that is still pending. */
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

/* A request to a guest that has ended would stay pending until a restart. A guest with a pending
 * reset counts as running. */
static bool has_ended(const struct guest *g)
{
	uint32_t orders = __atomic_load_n(&g->vcpu->requests, __ATOMIC_ACQUIRE);
	bool ended = __atomic_load_n(&g->ended, __ATOMIC_ACQUIRE) && !(orders & REQUEST_RESET);

	if (ended)
		console_print("%s has ended: reset starts it again", g->config->name);
	return ended;
}

/* Answer even if nothing changes, because the state is as requested or will be. */
static void command_pause(struct guest *g, bool paused)
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

static void command_screen(struct guest *g, bool cells)
{
	if (g->board)
		g->board->print_screen(g, cells);
	else
		console_print("%s has no screen", g->config->name);
}

static void command_input(struct guest *g)
{
	chosen = g->id;
	console_print("input goes to %s", g->config->name);
}

static void command_help(void);

static const struct command {
	char key;
	const char *name, *help;
	/* exactly one is set: for a guest; for a guest, with `how`; for the machine */
	void (*run)(struct guest *g);
	void (*run_either)(struct guest *g, bool how);
	void (*run_machine)(void);
	bool how;
} commands[] = {
	{ 'h', "help", "this list", .run_machine = command_help },
	{ 'l', "list", "the guests", .run_machine = command_list },
	{ 'p', "pause", "pause the guest", .run_either = command_pause, .how = true },
	{ 'r', "resume", "continue the guest", .run_either = command_pause, .how = false },
	{ 'R', "reset", "start it again from its image", .run = command_reset },
	{ 'k', "stop", "end the guest", .run = command_stop },
	{ 's', "stats", "time, exits by reason, worst wait", .run = machine_guest_stats },
	{ 'x', "check", "check that its page tables map only its own memory",
	  .run = command_check },
	{ 'v', "screen", "its text screen", .run_either = command_screen, .how = false },
	{ 'c', "cells", "its text screen with attributes, for programs",
	  .run_either = command_screen, .how = true },
	{ 'i', "input", "direct input to it (or Ctrl-A and its number)", .run = command_input },
	{ 't', "tables", "check the hypervisor's own page tables",
	  .run_machine = cpus_check_tables },
	{ 'q', "off", "stop the machine", .run_machine = machine_off },
};

static void command_help(void)
{
	console_print_list(
		true, "Ctrl-A key, for the guest that has the input; or Ctrl-A : command guest");
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		console_print_list(true, "  %c  %-8s %s", commands[i].key, commands[i].name,
				   commands[i].help);
	console_print_list(false, "  1 to 8     input to that guest; Ctrl-A Ctrl-A sends a Ctrl-A");
}

/* Runs the command with that key or name on the guest (NULL: the one that has the input). False: no
 * such command. */
static bool run_command(char key, const char *name, struct guest *g)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];
		struct guest *to = g ? g : &guests[chosen];

		if (c->key != key && strcmp(c->name, name))
			continue;
		if (c->run)
			c->run(to);
		else if (c->run_either)
			c->run_either(to, c->how);
		else if (g)
			console_print("%s takes no guest name", c->name);
		else
			c->run_machine();
		return true;
	}
	return false;
}

static void run_line(void)
{
	while (line_used && line[line_used - 1] == ' ')
		line[--line_used] = 0;
	char *name = strchr(line, ' ');
	while (name && *name == ' ')
		*name++ = 0;
	struct guest *g = name ? guest_find(name) : NULL;

	if (name && !g)
		console_print("no guest \"%s\"", name);
	else if (!run_command(0, line, g))
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
	} else if (!run_command((char)byte, "", NULL)) {
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
