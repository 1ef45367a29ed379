/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's text screen, as the monitor's "cells" command sends it, and as a picture. */
#ifndef HOST_SCREEN_H
#define HOST_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#define SCREEN_ROWS    25
#define SCREEN_COLUMNS 80

struct screen {
	uint16_t cell[SCREEN_ROWS][SCREEN_COLUMNS]; /* character, attribute */
	unsigned rows;				    /* received so far */
};

/* Takes "GUEST: cells NN HEX"; true when the line was one. */
bool screen_take(struct screen *s, const char *guest, const char *line);

/* Draws it with the 16-pixel font of GRUB (unicode.pf2). 0, or -1 with a line on stderr. */
int screen_png(const struct screen *s, const char *path);

#endif
