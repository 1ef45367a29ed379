// SPDX-License-Identifier: GPL-2.0-or-later
#include "output.h"

void output_line(const struct output *o, const char *line)
{
	if (o->log) {
		fprintf(o->log, "%s\n", line);
		fflush(o->log);
	}
	if (!o->quiet)
		puts(line);
	fflush(stdout);
}
