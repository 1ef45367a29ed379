/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs in one configuration of a comparison on its machine, from the start of the machine to its
 * end. */
#ifndef BENCH_WAY_H
#define BENCH_WAY_H

#include "results.h"

/* What to start: a veneer.conf for the hypervisor, whose paths are relative to the library's
 * directory; or, where that is empty, what runs on the bare machine. */
struct setup {
	char conf[512];
	const char *kernel, *initrd, *append;
	const char *memory; /* MiB */
	const char *cpu;    /* of QEMU, or NULL */
	bool uncounted;	    /* no events: what runs there is none of ours */
};

/* What configuration starts; grub: GRUB loads it, which wants Linux with its boot code. 0, or -1
 * with a line on stderr. */
int rtos_setup(const struct results *r, unsigned config, bool grub, struct setup *s);
int linux_setup(const struct results *r, unsigned config, bool grub, struct setup *s);

/* What its veneer.conf says of measures against speculation. With WAY_MEASURES they are forced on,
 * those that a processor wants which needs most. */
#define WAY_MEASURES "pv measures"
const char *configuration_mitigations(const struct configuration *w);

/* The bundle for a veneer.conf, as a file. 0, or -1 with a line on stderr. */
int configuration_bundle(const char *conf, const char *path);

/* 0, or -1 with a line on stderr. */
int run_configuration(struct results *r, unsigned config, const struct setup *s, bool quiet);

/* rtos.c and linux.c: all their configurations on that machine; false for peers: without them. */
int rtos_measure(struct results *r, enum machine_kind machine, bool peers, bool quiet);
int linux_measure(struct results *r, enum machine_kind machine, bool peers, bool quiet);
void rtos_init(struct results *r);
void linux_init(struct results *r);

#define GUEST_MEMORY_MIB 512 /* of Linux */

#endif
