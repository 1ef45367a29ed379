/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names for the addresses in the hypervisor's lines about guests: by the symbols of the guest's
 * image, or of a file of --symbols GUEST=FILE. */
#pragma once

#include "load/config.h"
#include "output.h"
#include "symbols.h"

struct explain {
	struct explain_guest {
		char name[NAME_MAX];
		const char *file; /* of an option, or NULL */
		char *image;	  /* whose symbols have not been read yet, or NULL */
		struct symbols symbols;
	} guest[GUESTS_MAX];
	unsigned guests;
};

/* Adds "GUEST=FILE". 0, or -1 with a line on stderr. */
int explain_add(struct explain *e, const char *arg);

/* Reads the symbols of options; images are read when they are wanted. Fails because of an option:
 * 0, or -1 with a line on stderr. */
int explain_read(struct explain *e, const struct config *c, const char *directory);

/* If the line of the console names an instruction of a guest, prints where that is. */
void explain_line(struct explain *e, struct output *o, const char *line);

/* Whether an option names that file. */
bool explain_reads(const struct explain *e, const char *path);
