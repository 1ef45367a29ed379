/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs one configuration of a comparison, from the start of its machine to the end. */
#pragma once

#include "results.h"

/* What to start: a veneer.conf for the hypervisor, with paths relative to the library's directory;
 * or, if that is empty, a program on the bare machine. */
struct setup {
	char conf[512];
	const char *kernel, *initrd, *append;
	const char *memory; /* MiB */
	const char *cpu;    /* of QEMU, or NULL */
	bool uncounted;	    /* count no events: it runs another hypervisor */
};

/* Fills *s for a configuration; grub: GRUB loads it, which needs a bzImage of Linux. Returns 0, or
 * -1 with a line on stderr. */
int rtos_setup(const struct results *r, unsigned config, bool grub, struct setup *s);
int linux_setup(const struct results *r, unsigned config, bool grub, struct setup *s);

/* The value of `mitigations` in its veneer.conf. WAY_MEASURES forces on the measures that the most
 * vulnerable processor needs. */
#define WAY_MEASURES "pv measures"
const char *configuration_mitigations(const struct configuration *w);

/* Writes the bundle for a veneer.conf to a file. Returns 0, or -1 with a line on stderr. */
int configuration_bundle(const char *conf, const char *path);

/* 0, or -1 with a line on stderr. */
int run_configuration(struct results *r, unsigned config, const struct setup *s, bool quiet);

/* rtos.c and linux.c: measure all their configurations on that machine; peers: including peers. */
int rtos_measure(struct results *r, enum machine_kind machine, bool peers, bool quiet);
int linux_measure(struct results *r, enum machine_kind machine, bool peers, bool quiet);
void rtos_init(struct results *r);
void linux_init(struct results *r);

#define GUEST_MEMORY_MIB 512 /* of Linux */
