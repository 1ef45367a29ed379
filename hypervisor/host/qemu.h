/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define QEMU_ARGUMENTS 48

struct qemu {
	const char *accel;  /* tcg or kvm */
	const char *cpu;    /* or NULL: the best there is */
	const char *memory; /* MiB */
	const char *cpus;
	const char *kernel;
	const char *initrd, *append; /* or NULL */
	bool one_thread;	     /* of tcg, for all processors */
	bool icount;		     /* one instruction is one nanosecond, repeatable */
	const char *gdb[3];	     /* TCP ports at which COM2 to COM4 are, or NULL */
	const char *plugin, *stay;   /* plugins and their arguments, or NULL */
};

/* Fills argv, NULL at its end; the serial line is the process's stdin and stdout. */
void qemu_arguments(const struct qemu *q, const char *argv[QEMU_ARGUMENTS]);

/* A -plugin option: the file, and out=, with commas in their names doubled as QEMU wants them.
 * Returns its length, which is at least size if it does not fit. */
size_t qemu_plugin(char *option, size_t size, const char *file, const char *out);

/* Names its package if it is missing. Returns 0 if it is not, or -1 with a line on stderr. */
int qemu_missing(void);
