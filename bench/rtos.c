// SPDX-License-Identifier: GPL-2.0-or-later
/* The RTOS rows: rtos-pv/app/bench.c on each machine, in each preparation, on each engine. */
#include <stdlib.h>
#include <string.h>

#include "kvm.h"
#include "machine.h"
#include "configuration.h"

static const struct configuration configurations[] = {
	{ "native", "none", "native", QEMU },
	{ "ring stock", "ring", "stock", QEMU },
	{ "ring rewritten", "ring", "rewritten", QEMU },
	{ "ring pv", "ring", "pv", QEMU },
	{ "pv, measures", "ring", WAY_MEASURES, QEMU },
	{ "svm", "svm", "stock", QEMU },
	{ "svm pv", "svm", "pv", QEMU },
	{ "KVM", "kvm", "stock", QEMU },
	{ "native", "none", "native", BOCHS },
	{ "ring rewritten", "ring", "rewritten", BOCHS },
	{ "ring pv", "ring", "pv", BOCHS },
	{ "vmx", "vmx", "stock", BOCHS },
	{ "vmx pv", "vmx", "pv", BOCHS },
	{ "native", "none", "native", HARDWARE },
	{ "ring stock", "ring", "stock", HARDWARE },
	{ "ring rewritten", "ring", "rewritten", HARDWARE },
	{ "ring pv", "ring", "pv", HARDWARE },
	{ "VT", "auto", "stock", HARDWARE },
	{ "VT pv", "auto", "pv", HARDWARE },
};

void rtos_init(struct results *r)
{
	r->guest = "rtos";
	r->configuration = configurations;
	r->configurations = sizeof(configurations) / sizeof(configurations[0]);
}

static bool is_pv(const struct configuration *w)
{
	return !strncmp(w->prep, "pv", 2);
}

static const char *image_of(const struct configuration *w)
{
	return is_pv(w)			       ? "rtos-pv.elf"
	       : !strcmp(w->prep, "rewritten") ? "rtos-rewritten.elf"
					       : "rtos-pc.elf";
}

/* Only unmodified guests outside ring 1 have a local APIC; for PV guests, events take its place. */
static const char *cmdline_of(const struct configuration *w)
{
	return strcmp(w->engine, "ring") || is_pv(w) ? "bench apic" : "bench";
}

int rtos_setup(const struct results *r, unsigned config, bool grub, struct setup *s)
{
	(void)grub; /* GRUB and QEMU load it the same way */
	const struct configuration *w = &r->configuration[config];

	*s = (struct setup){ .memory = "64", .append = cmdline_of(w) };
	if (is_native(r, config))
		s->kernel = library_path(image_of(w));
	else
		snprintf(s->conf, sizeof(s->conf),
			 "[machine]\nmitigations = %s\n"
			 "[guest rtos]\nimage = %s\ncmdline = %s\nmemory = 16M\nengine = %s\n"
			 "count-at = BENCH\n",
			 configuration_mitigations(w), image_of(w), cmdline_of(w), w->engine);
	return 0;
}

static int measure(struct results *r, unsigned config, bool quiet)
{
	struct setup s;

	return rtos_setup(r, config, false, &s) ? -1 : run_configuration(r, config, &s, quiet);
}

int rtos_measure(struct results *r, enum machine_kind machine, bool peers, bool quiet)
{
	for (unsigned i = 0; i < r->configurations; i++) {
		bool peer = !strcmp(r->configuration[i].engine, "kvm");

		if (r->configuration[i].machine != machine || (peer && !peers))
			continue;
		if (peer ? kvm_measure(r, i, quiet) : measure(r, i, quiet))
			return -1;
	}
	return 0;
}
