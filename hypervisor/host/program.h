/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs: running them quietly, and naming what is missing. */
#pragma once

/* Runs argv (execvp) with its output in the file log, which is truncated; a signal that ends this
 * command ends it too. Returns its exit status, 127 if there is no such program, or -1. */
int run_quietly(const char *const argv[], const char *log);

/* A program in PATH or a file with its full path, and the Debian package that contains it. */
struct need {
	const char *file, *package;
};

/* Names missing packages. what: their purpose. Returns 0, or -1 with a line on stderr. */
int name_missing(const struct need *needs, unsigned n, const char *what);
