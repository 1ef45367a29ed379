/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --gdb GUEST=PORT: a serial port of the machine for the guest's gdb stub, as a TCP port of this
 * host. */
#pragma once

#include "load/config.h"

#define GDB_PORTS 3 /* COM2 to COM4 */

struct gdb_options {
	struct gdb_option {
		char guest[NAME_MAX];
		const char *port; /* of TCP */
		unsigned com;	  /* 1 for COM2, and so on */
	} option[GDB_PORTS];
	unsigned options;
};

/* Adds "GUEST=PORT". 0, or -1 with a line on stderr. */
int gdb_add(struct gdb_options *o, const char *arg);

/* Gives each guest named a serial port: that of its section, or a free one, which is added to the
 * text (which may be replaced). Returns 0, or -1 with a line on stderr. */
int gdb_assign(struct gdb_options *o, const struct config *c, char **text, size_t *bytes);

/* The TCP port behind COM2 + n, or NULL. */
const char *gdb_port(const struct gdb_options *o, unsigned n);
