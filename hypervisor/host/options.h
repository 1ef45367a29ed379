/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of options, checked: what is wrong is said in a line on stderr, with what is allowed. */
#ifndef HOST_OPTIONS_H
#define HOST_OPTIONS_H

#include <stdbool.h>

/* A whole number from least to most; false: it is not. */
bool option_number(const char *option, const char *value, long least, long most);

/* A number that is not negative. */
bool option_real(const char *option, const char *value, double *to);

/* One of the names, which NULL ends. */
bool option_choice(const char *option, const char *value, const char *const *names);

/* Says how a command is used, in a line; its exit status. */
int option_usage(const char *command, const char *why);

#endif
