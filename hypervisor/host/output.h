/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the console's lines are shown. */
#ifndef HOST_OUTPUT_H
#define HOST_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

struct output {
	FILE *log; /* or NULL */
	bool quiet;
};

void output_line(const struct output *o, const char *line);

#endif
