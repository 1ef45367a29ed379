// SPDX-License-Identifier: GPL-2.0-or-later
/* The Linux rows: guest/osbench.c in one kernel, native, under Veneer's engines, and under Xen PV
 * as a peer. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "configuration.h"

/* without SMAP, which Xen's dom0 does not support, and PKU, which makes signals very slow in an
 * emulator */
#define CPU	 "max,-smap,-pku"
#define TEXT_(x) #x
#define TEXT(x)	 TEXT_(x)

static const struct configuration configurations[] = {
	{ "native", "none", "native", QEMU },  { "ring pv", "ring", "pv", QEMU },
	{ "svm pv", "svm", "pv", QEMU },       { "Xen pv", "xen-pv", "pv", QEMU },
	{ "native", "none", "native", BOCHS }, { "ring pv", "ring", "pv", BOCHS },
	{ "vmx pv", "vmx", "pv", BOCHS },      { "native", "none", "native", HARDWARE },
	{ "ring pv", "ring", "pv", HARDWARE }, { "VT pv", "auto", "pv", HARDWARE },
};

void linux_init(struct results *r)
{
	r->guest = "linux";
	r->configuration = configurations;
	r->configurations = sizeof(configurations) / sizeof(configurations[0]);
}

static int missing(const char *path, const char *how)
{
	if (!access(path, R_OK))
		return 0;
	fprintf(stderr, "veneer: %s: not there: %s\n", path, how);
	return -1;
}

static int native_setup(bool grub, struct setup *s)
{
	*s = (struct setup){ .kernel = library_path(grub ? "linux/bzImage" : "linux/vmlinux"),
			     .initrd = library_path("linux/osbench.cpio.gz"),
			     .append = "console=ttyS0 quiet norandmaps panic=-1",
			     .memory = TEXT(GUEST_MEMORY_MIB),
			     .cpu = CPU };
	return missing(s->kernel, "make linux builds it");
}

int linux_setup(const struct results *r, unsigned config, bool grub, struct setup *s)
{
	if (is_native(r, config))
		return native_setup(grub, s);
	*s = (struct setup){ .memory = "640", .cpu = CPU };
	snprintf(s->conf, sizeof(s->conf),
		 "[machine]\nmitigations = %s\n[guest linux]\nimage = linux/vmlinux\nmodule = "
		 "linux/osbench.cpio.gz\n"
		 "memory = %uM\ncmdline = console=hvc0 quiet norandmaps\nengine = %s\ncount-at = "
		 "osbench\n",
		 configuration_mitigations(&r->configuration[config]), GUEST_MEMORY_MIB,
		 r->configuration[config].engine);
	return 0;
}

static int measure(struct results *r, unsigned config, bool quiet)
{
	struct setup s;

	return linux_setup(r, config, r->configuration[config].machine == BOCHS, &s)
		       ? -1
		       : run_configuration(r, config, &s, quiet);
}

static int measure_xen(struct results *r, unsigned config, bool quiet)
{
	char modules[8192 + 64];
	const struct setup s = { .kernel = library_path("xen.elf"),
				 .initrd = modules,
				 .append = "console=com1 com1=115200,8n1 dom0_mem=" TEXT(
					 GUEST_MEMORY_MIB) "M dom0_max_vcpus=1 noreboot",
				 .memory = "768",
				 .cpu = CPU,
				 .uncounted = true };

	snprintf(modules, sizeof(modules), "%s console=hvc0 quiet norandmaps,%s",
		 library_path("linux/vmlinux"), library_path("linux/osbench.cpio.gz"));
	return missing(s.kernel, "make bench PEERS=1 installs it")
		       ? -1
		       : run_configuration(r, config, &s, quiet);
}

int linux_measure(struct results *r, enum machine_kind machine, bool peers, bool quiet)
{
	for (unsigned i = 0; i < r->configurations; i++) {
		bool peer = !strcmp(r->configuration[i].engine, "xen-pv");

		if (r->configuration[i].machine != machine || (peer && !peers))
			continue;
		if (peer ? measure_xen(r, i, quiet) : measure(r, i, quiet))
			return -1;
	}
	return 0;
}
