// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One vCPU exhausts the shadow pool for the others (XSA-280 and similar). The last resort when no
 * shadow page is left did not consider the trees of vCPUs that use the identity map.
 * Attack: eight vCPUs on 4 MiB, each with an LDT of 4 096 entries, for which pages are borrowed
 * from the pool, and each touching all of the identity map. A fault that found no page then
 * searched for one for ever, with the lock held and interrupts masked.
 * Expected: SET_LDT succeeds or returns -ENOMEM; memory reads as it should; all vCPUs finish. Runs
 * with `vcpus = 8` and 4 MiB.
 */
#include "guest.h"

#define VCPUS	8
#define STACK	4096
#define ENTRIES 4096
#define ROUNDS	300

static char stack[VCPUS][STACK] __attribute__((aligned(16)));
static struct veneer_vcpu_page page[VCPUS] __attribute__((aligned(4096)));
static uint64_t descriptors[ENTRIES] __attribute__((aligned(4096)));
static uint64_t words[512] __attribute__((aligned(4096)));
static volatile unsigned wrong, lent, done;
static uint64_t end, vcpu_pages;

/* The identity map covers the vCPU pages by 4 KiB pages, and all memory by large ones. */
static void run(uint64_t id)
{
	int64_t r = veneer_hypercall(VENEER_HC_SET_LDT, (uint64_t)descriptors, ENTRIES, 0);

	if (r == 0)
		__atomic_add_fetch(&lent, 1, __ATOMIC_SEQ_CST);
	else if (r != -12)
		wrong++;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, ~0ull, 0, 0))
			wrong++;
		for (uint64_t at = 0; at < end; at += 0x1ff000)
			(void)*(volatile uint64_t *)at;
		for (unsigned k = 0; k < VCPUS; k++)
			(void)*(volatile uint64_t *)(vcpu_pages + k * 4096);
		if (*(volatile uint64_t *)&words[id] != id + 1)
			wrong++;
	}
	__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
}

static void secondary(uint64_t id)
{
	run(id);
	for (;;)
		veneer_hypercall(VENEER_HC_VCPU_STOP, 0, 0, 0);
}

int guest_main(const struct veneer_start_info *info)
{
	if (info->vcpus != VCPUS) {
		say("wants vcpus = 8\n");
		return 1;
	}
	end = info->memory;
	vcpu_pages = info->vcpu_pages;
	for (unsigned i = 0; i < ENTRIES; i++)
		descriptors[i] = 0x00cff3000000ffff; /* data for ring 3 */
	for (unsigned i = 0; i < VCPUS; i++)
		words[i] = i + 1;
	for (uint64_t id = 1; id < VCPUS; id++) {
		struct veneer_vcpu_start s = {
			.rip = (uint64_t)secondary,
			.rsp = (uint64_t)stack[id] + STACK - 8,
			.rdi = id,
			.root = (uint64_t)veneer_root(),
			.vcpu_page = (uint64_t)&page[id],
		};

		expect_is(veneer_hypercall(VENEER_HC_VCPU_START, id, (uint64_t)&s, 0), 0,
			  "a start");
	}
	run(0);
	while (done < VCPUS)
		veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
	expect(!wrong, "memory reads as it should");
	say("%d vCPUs came to their end, %d of them with a descriptor table\n", done, lent);
	return 0;
}
