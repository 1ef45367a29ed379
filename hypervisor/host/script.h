/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scripted user: types, watches console lines and the guests' text screens, takes pictures. Steps
 * are done in order, and only wait for something visible: nothing here looks at a clock. Keys are
 * sent in portions that the machine's UART can hold. Each portion ends with a monitor command that
 * does not exist, with a number; the monitor's answer names it, which shows that the hypervisor has
 * read the portion.
 */
#pragma once

#include <regex.h>

#include "load/config.h"
#include "machine.h"
#include "output.h"
#include "screen.h"

#define SCRIPT_STEPS 64

enum step_kind { STEP_SEND, STEP_EXPECT, STEP_EXPECT_SCREEN, STEP_SCREEN };

struct step {
	enum step_kind kind;
	char guest[NAME_MAX];
	const char *arg;
	regex_t pattern; /* of those that expect */
};

struct script {
	struct step step[SCRIPT_STEPS];
	unsigned steps;
	struct output *output;

	unsigned at; /* the step that is being done */
	enum { STEP_WAITS, STEP_CHOOSES, STEP_TYPES, STEP_LOOKS } phase;
	bool started, failed;
	const char *keys;	  /* still to be typed */
	unsigned asked, answered; /* questions to the monitor */
	size_t shown, seen;	  /* bytes of the unfinished line: shown, and older than the step */
	struct screen screen;
	struct text_screen text;
};

/* Adds "GUEST=ARGUMENT". 0, or -1 with a line on stderr. */
int script_add(struct script *s, enum step_kind kind, const char *arg);

/* Whether each step's guest is one of the configuration, and each picture can be written; else -1,
 * with a line on stderr. */
int script_check(const struct script *s, const struct config *c);

/* A whole line of the console. True: it was for the script, and is not shown. */
bool script_take(struct script *s, struct machine *m, const char *line);

/* What there is of the unfinished line. */
void script_peek(struct script *s, struct machine *m, const char *begun);

/* At the end: whether all steps were done; if not, prints a line on stderr which was not, and
 * why. */
bool script_is_done(struct script *s, const char *why);
