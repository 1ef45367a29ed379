/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the console is shown. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct output {
	FILE *log; /* or NULL */
	const char *log_name;
	bool quiet;
	bool failed; /* a write has failed, and was reported on stderr */
};

void output_line(struct output *o, const char *line);
void output_bytes(struct output *o, const char *bytes, size_t n);
