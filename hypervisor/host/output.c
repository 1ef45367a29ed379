// SPDX-License-Identifier: GPL-2.0-or-later
#include "output.h"

#include <errno.h>
#include <string.h>

static void put(struct output *o, FILE *f, const char *name, const char *bytes, size_t n)
{
	if (fwrite(bytes, 1, n, f) == n && !fflush(f))
		return;
	if (!o->failed)
		fprintf(stderr, "veneer: %s: %s\n", name, strerror(errno));
	o->failed = true;
}

void output_bytes(struct output *o, const char *bytes, size_t n)
{
	if (o->log)
		put(o, o->log, o->log_name, bytes, n);
	if (!o->quiet)
		put(o, stdout, "standard output", bytes, n);
}

void output_line(struct output *o, const char *line)
{
	output_bytes(o, line, strlen(line));
	output_bytes(o, "\n", 1);
}
