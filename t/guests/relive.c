// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Repeated reports across starts of a vCPU.
 * Attack: a vCPU makes the hypervisor report RDPMC, stops, and is started again by another, 1 000
 * times, to flood the console with the hypervisor's lines.
 * Expected: only a few are printed until the guest restarts, whatever its vCPUs do.
 */
#include "roots.h"

#define STARTS 1000

static char stack[4096] __attribute__((aligned(16)));
static struct veneer_vcpu_page page __attribute__((aligned(4096)));
static volatile unsigned faults, starts;

/* The #GP handler. RDPMC is not skipped, so each fault enters here again. */
static void gp(void)
{
	if (++faults % 5)
		__asm__ volatile("rdpmc" ::"c"(0) : "eax", "edx");
	starts++;
	for (;;)
		veneer_hypercall(VENEER_HC_VCPU_STOP, 0, 0, 0);
}

static void secondary(uint64_t root)
{
	static struct veneer_handlers h;

	expect(runs_on_root(root), "the second vCPU has its root");
	h.exception[13] = (uint64_t)gp;
	veneer_hypercall(VENEER_HC_SET_HANDLERS, (uint64_t)&h, 0, 0);
	gp();
}

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	make_roots();
	for (unsigned i = 0; i < STARTS; i++) {
		while (start_on_root(1, 1, secondary, stack + sizeof(stack), &page) == -16)
			veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
		while (starts <= i)
			veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
	}
	say("%d starts\n", (int)starts);
	return 0;
}
