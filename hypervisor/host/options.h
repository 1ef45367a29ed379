/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checked values of options: an invalid one is reported in a line on stderr, with what is
 * allowed. */
#pragma once

#include <stdbool.h>

/* A whole number from least to most; false: invalid. */
bool option_number(const char *option, const char *value, long least, long most);

/* A number that is not negative. */
bool option_real(const char *option, const char *value, double *to);

/* One of the names, which NULL ends. */
bool option_choice(const char *option, const char *value, const char *const *names);

/* The name of a file. */
bool option_file(const char *option, const char *value);

/* The name of a folder. */
bool option_folder(const char *option, const char *value);

/* Prints a line on how a command is used; returns the exit status. */
int option_usage(const char *command, const char *why);
