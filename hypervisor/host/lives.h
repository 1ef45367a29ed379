/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the console has shown of each guest: whether it was started, has ended, has printed. */
#pragma once

#include <stdbool.h>

#include "load/config.h"

struct life {
	const char *name;
	bool started, ended, printed;
	bool pc;	/* it may have a screen, whose text is no output on the console */
	char said[128]; /* the hypervisor's last line about it, after the one that it starts */
};

struct lives {
	struct life guest[GUESTS_MAX];
	unsigned guests;
};

/* Of the guests of a configuration, before the machine starts. */
void lives_begin(struct lives *l, const struct config *c);

/* A line of the console; a guest's may be unfinished. running: the guests run, so that the
 * hypervisor starts no other. */
void lives_take(struct lives *l, const char *line, bool running);

bool lives_started(const struct lives *l, const char *guest);
bool lives_ended(const struct lives *l, const char *guest);

/* Prints a line on stderr for each guest that has printed nothing, with its state. */
void lives_report_silent(const struct lives *l);
