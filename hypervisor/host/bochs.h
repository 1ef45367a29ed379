/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts Bochs, which is used for VT-x if the processor has none. */
#pragma once

#include "machine.h"

struct bochs {
	const char *memory; /* MiB */
	const char *cpus;
	const char *kernel;  /* Multiboot 2, or 1 where there is no bundle */
	const char *gdb[3];  /* TCP ports at which COM2 to COM4 are, or NULL */
	const char *bundle;  /* or NULL */
	const char *cmdline; /* of a kernel without a bundle */
	const char *initrd;  /* then the kernel is Linux's bzImage; or NULL */
};

/* Names missing packages. Returns 0 if there are none, or -1 with a line on stderr. */
int bochs_missing(void);

/* Makes a GRUB ISO of kernel and bundle in a directory of its own, and starts Bochs with it.
 * Returns 0, or -1 with a line on stderr. */
int bochs_start(const struct bochs *b, struct machine *m);
/* Whether Bochs can emulate such a machine; if not, prints a line on stderr. */
bool bochs_has(const char *cpus, const char *memory);
/* When the machine has ended: removes the directory. */
void bochs_clean(void);
