// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm.h"

#include <unistd.h>

#include "machine.h"
#include "configuration.h"

int kvm_measure(struct results *r, unsigned config, bool quiet)
{
	const struct setup s = { .kernel = library_path("kvm/vmlinuz"),
				 .initrd = library_path("kvm/kvmrun.cpio.gz"),
				 .append = "console=ttyS0 quiet panic=-1",
				 .memory = "512",
				 .cpu = "max,-smap,-pku",
				 .uncounted = true };

	if (!access(s.kernel, R_OK) && !access(s.initrd, R_OK))
		return run_configuration(r, config, &s, quiet);
	fprintf(stderr, "veneer: %s: not there: make bench PEERS=1 makes it\n", s.initrd);
	return -1;
}
