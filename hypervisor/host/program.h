/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs: running them quietly, and installing what is missing. */
#ifndef HOST_PROGRAM_H
#define HOST_PROGRAM_H

/* Runs argv (execvp) with its output in the file log, which is truncated; a signal that ends this
 * command ends it too. Returns its exit status, 127 if there is no such program, or -1. */
int run_quietly(const char *const argv[], const char *log);

/* A file that shows that a Debian package is installed. */
struct need {
	const char *path, *package;
};

/* As root, installs missing packages; otherwise only names them. what: their purpose. Returns 0, or
 * -1 with a line on stderr. */
int install_missing(const struct need *needs, unsigned n, const char *what, const char *log);

#endif
