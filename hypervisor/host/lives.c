// SPDX-License-Identifier: GPL-2.0-or-later
#include "lives.h"

#include <stdio.h>
#include <string.h>

#include "machine.h"

void lives_begin(struct lives *l, const struct config *c)
{
	*l = (struct lives){ .guests = c->guests };
	for (unsigned i = 0; i < c->guests; i++)
		l->guest[i].name = c->guest[i].name;
}

/* What follows "NAME:" of a guest in a line, or NULL. */
static const char *after_name(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(line, name, n) || line[n] != ':')
		return NULL;
	return line + n + 1 + (line[n + 1] == ' ');
}

/* "IMAGE, M MiB, core N, engine E, KIND" before it starts, "how it ended, exit code N", "reset", or
 * another event. Rows of its screen are none: the guest chooses their text. */
static void note(struct life *g, const char *said, bool running)
{
	if (!strncmp(said, "screen ", 7) || !strncmp(said, "cells ", 6))
		return;
	if (!running && strstr(said, " MiB, core ")) {
		g->started = true;
		g->pc = !strstr(said, ", pv");
		return;
	}
	if (strstr(said, ", exit code "))
		g->ended = true;
	else if (!strcmp(said, "reset"))
		g->ended = false;
	snprintf(g->said, sizeof(g->said), "%s", said);
}

void lives_take(struct lives *l, const char *line, bool running)
{
	const char *said = hypervisor_says(line), *text;

	for (struct life *g = l->guest; g < l->guest + l->guests; g++) {
		text = after_name(said ? said : line, g->name);
		if (text && said)
			note(g, text, running);
		else if (text)
			g->printed = true;
	}
}

static const struct life *find(const struct lives *l, const char *guest)
{
	for (unsigned i = 0; i < l->guests; i++)
		if (!strcmp(l->guest[i].name, guest))
			return &l->guest[i];
	return NULL;
}

bool lives_started(const struct lives *l, const char *guest)
{
	const struct life *g = find(l, guest);

	return g && g->started;
}

bool lives_ended(const struct lives *l, const char *guest)
{
	const struct life *g = find(l, guest);

	return g && g->ended;
}

void lives_report_silent(const struct lives *l)
{
	for (const struct life *g = l->guest; g < l->guest + l->guests; g++)
		if (!g->printed)
			fprintf(stderr,
				"veneer: guest \"%s\" printed nothing on the console: %s%s%s%s\n",
				g->name,
				!g->started ? "it was not started"
				: g->ended  ? "it has ended"
					    : "it was started and has not ended",
				*g->said ? ", the last event is: " : "", g->said,
				g->pc ? " (it may have a screen, see --expect-screen)" : "");
}
