/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Horizontal bars as an embedded SVG, on a logarithmic scale if values are far apart. The page's
 * style sheet sets the colours. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* What a bar stands for; the page's style has a colour for each. */
enum bar_class { BAR_NATIVE, BAR_RING, BAR_VT, BAR_PEER, BAR_CLASSES };

struct bar {
	char label[48];
	double value; /* negative: a heading, or an empty line */
	enum bar_class class;
};

/* Style for the page. */
extern const char chart_style[];

/* Bars start at base: 1 for counts and ratios. Returns 0, or -1 if gnuplot is missing or failed. */
int chart_write(FILE *page, const struct bar *bars, unsigned n, double base, const char *unit);
