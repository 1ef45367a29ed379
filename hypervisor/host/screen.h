/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's text screen, as the monitor's "cells" command sends it, and as a picture. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SCREEN_ROWS    25
#define SCREEN_COLUMNS 80

struct screen {
	uint16_t cell[SCREEN_ROWS][SCREEN_COLUMNS]; /* character, attribute */
	unsigned rows;				    /* received so far */
};

/* Its text alone, as the monitor's "screen" command sends it. */
struct text_screen {
	char row[SCREEN_ROWS][SCREEN_COLUMNS + 1]; /* each with a newline behind it */
	unsigned rows;
};

/* Parses "GUEST: cells NN HEX" or "GUEST: screen NN |TEXT|", as the hypervisor prints them; true if
 * it was one of them. */
bool screen_take(struct screen *s, const char *guest, const char *said);
bool text_screen_take(struct text_screen *s, const char *guest, const char *said);

/* All rows in one string. */
const char *text_screen_string(const struct text_screen *s);

/* Draws it with the 16-pixel font of GRUB (unicode.pf2). 0, or -1 with a line on stderr. */
int screen_png(const struct screen *s, const char *path);
