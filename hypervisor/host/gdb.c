// SPDX-License-Identifier: GPL-2.0-or-later
#include "gdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static int complain(const char *arg, const char *why)
{
	fprintf(stderr, "veneer: --gdb %s: %s\n", arg, why);
	return -1;
}

int gdb_add(struct gdb_options *o, const char *arg)
{
	const char *equals = strchr(arg, '=');
	struct gdb_option *g = &o->option[o->options];

	if (o->options == GDB_PORTS)
		return complain(arg, "at most three guests can have a debugger");
	if (!equals || equals == arg || (size_t)(equals - arg) >= sizeof(g->guest))
		return complain(arg, "want the name of a guest, = and a TCP port");
	if (!option_number("--gdb", equals + 1, 1, 65535))
		return -1;
	memcpy(g->guest, arg, (size_t)(equals - arg));
	g->port = equals + 1;
	o->options++;
	return 0;
}

const char *gdb_port(const struct gdb_options *o, unsigned n)
{
	for (unsigned i = 0; i < o->options; i++)
		if (o->option[i].com == n + 1)
			return o->option[i].port;
	return NULL;
}

static const struct guest_config *find(const struct config *c, const char *name)
{
	for (unsigned i = 0; i < c->guests; i++)
		if (!strcmp(c->guest[i].name, name))
			return &c->guest[i];
	return NULL;
}

/* The first port that no guest has; there are as many as options. */
static unsigned choose(const struct gdb_options *o, const struct config *c)
{
	for (unsigned com = 1; com <= GDB_PORTS; com++) {
		bool used = gdb_port(o, com - 1);

		for (unsigned i = 0; i < c->guests; i++)
			used |= c->guest[i].gdb == com;
		if (!used)
			return com;
	}
	return 0;
}

/* Adds a line behind the one that opens the guest's section, which is at that line. */
static int add_key(char **text, size_t *bytes, unsigned line, unsigned com)
{
	char *to = malloc(*bytes + 16);
	size_t at = 0, n;

	if (!to)
		return -1;
	for (; line && at < *bytes; at++)
		line -= (*text)[at] == '\n';
	memcpy(to, *text, at);
	n = at + (size_t)sprintf(to + at, "gdb = com%u\n", com + 1);
	memcpy(to + n, *text + at, *bytes - at);
	*bytes += n - at;
	free(*text);
	*text = to;
	return 0;
}

int gdb_assign(struct gdb_options *o, const struct config *c, char **text, size_t *bytes)
{
	unsigned added[GDB_PORTS], lines = 0;

	for (unsigned i = 0; i < o->options; i++) {
		struct gdb_option *g = &o->option[i];
		const struct guest_config *guest = find(c, g->guest);

		if (!guest)
			return complain(g->guest, "the configuration has no such guest");
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(o->option[j].guest, g->guest) ||
			    !strcmp(o->option[j].port, g->port))
				return complain(g->guest, "guest or port is given twice");
		g->com = guest->gdb ? guest->gdb : choose(o, c);
		if (!g->com)
			return complain(g->guest, "no serial port is left for it");
		unsigned above = 0; /* lines that were added above it */
		for (unsigned j = 0; j < lines; j++)
			above += added[j] < guest->line;
		if (!guest->gdb && add_key(text, bytes, guest->line + above, g->com))
			return complain(g->guest, "out of memory");
		if (!guest->gdb)
			added[lines++] = guest->line;
	}
	return 0;
}
