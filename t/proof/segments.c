// SPDX-License-Identifier: GPL-2.0-or-later
/* Which descriptors a guest may have: guest/descriptor.c. */
#define VENEER_HOST
#include "proof.h"

#include "guest/descriptor.c"

char *host_memory;

PROOF(ring_descriptor, "a descriptor made fit for ring 1 is none, or code or data of DPL 1 to 3, "
		       "marked accessed, and not 64-bit code for a legacy guest: all 2^64")
{
	uint64_t d = any_u64();
	bool allow64 = any_u8() & 1;
	uint64_t fit1 = fit(d, 1, allow64);

	prove(!fit1 || ((fit1 & DESC_S) && desc_dpl(fit1) >= 1 && (fit1 & DESC_ACCESSED)));
	prove(allow64 || !(fit1 & DESC_CODE) || !(fit1 & DESC_L));
	/* the other bits are the guest's */
	prove(!fit1 || !((fit1 ^ d) & ~(DESC_ACCESSED | DESC_DPL(1) | DESC_L)));
	prove(!!fit1 == !!(d & DESC_S));
	possible(fit1 && (fit1 & DESC_CODE) && allow64 && (fit1 & DESC_L));
}

PROOF(hvm_descriptor, "a descriptor of a PV guest in a virtual machine is none, or code or data, "
		      "marked accessed: all 2^64")
{
	uint64_t d = any_u64(), kept = fit(d, 0, true);

	prove(!kept || ((kept & DESC_S) && (kept & DESC_ACCESSED)));
	prove(!kept || kept == (d | DESC_ACCESSED));
	possible(kept);
}

PROOF(set_descriptor, "a descriptor that a PV guest sets goes to its page of the GDT, and not to "
		      "entry 0, in both engines: every selector, every descriptor")
{
	uint64_t selector = any_u64(), d = any_u64();
	uint64_t *but_0 = any_memory(SEL_GUEST_MAX - 8, 8);

	struct engine engine = { .kernel_ring = any_u8() & 1 };
	struct regs r = { .rdi = selector, .rsi = d };
	/* so that a write to entry 0 is out of bounds */
	struct vcpu v = { .engine = &engine, .pv_gdt = but_0 - 1 };
	int64_t err = descriptor_hypercall(&v, &r);

	prove(!err == (selector && selector < SEL_GUEST_MAX && !(selector & 7)));
	possible(!err && selector == SEL_GUEST_MAX - 8);
}
