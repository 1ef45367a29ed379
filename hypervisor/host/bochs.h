/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one place that knows how Bochs is started: the machine for VT-x where the processor has none.
 */
#ifndef HOST_BOCHS_H
#define HOST_BOCHS_H

#include "machine.h"

struct bochs {
	const char *memory; /* MiB */
	const char *cpus;
	const char *kernel;  /* Multiboot 2, or 1 where there is no bundle */
	const char *bundle;  /* or NULL */
	const char *cmdline; /* of a kernel without a bundle */
	const char *initrd;  /* then the kernel is Linux's bzImage; or NULL */
};

/* What it needs is not there: -1, with a line on stderr; else 0. */
int bochs_missing(void);

/* Installs what is missing (as root, from Debian's packages), makes a GRUB ISO of kernel and bundle
 * in a directory of its own, and starts Bochs with it. 0, or -1 with a line on stderr. */
int bochs_start(const struct bochs *b, struct machine *m);
/* Whether it can be such a machine; else a line on stderr. */
bool bochs_has(const char *cpus, const char *memory);
/* When the machine has ended: removes the directory. */
void bochs_clean(void);

#endif
