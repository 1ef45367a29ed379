// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gate area as seen from ring 1, which paging treats as supervisor.
 * Attack: write to every page of the gate area, execute its data, read beyond its end, access it
 * from ring 3, map the guest's own pages over it, and fill the entry stacks with garbage before
 * calling the hypervisor.
 * Expected: only the stacks and the vCPU page can be written, and what they contain has no effect.
 * Ring 3 reaches nothing. Slot 256 stays the hypervisor's.
 */
#include "guest.h"

#define PAGE   4096ull
#define STACKS 0x201000 /* offset in the gate area */

static void write_byte(void *at)
{
	volatile char *p = at;

	*p = *p;
}

static void read_byte(void *at)
{
	(void)*(volatile char *)at;
}

static void jump(void *at)
{
	((void (*)(void))at)();
}

static bool may_be_written(uint64_t offset)
{
	return offset == STACKS || offset == 0x20000;
}

static void pages(void)
{
	unsigned written = 0, readable = 0;

	for (uint64_t offset = 0; offset < 0x400000; offset += PAGE) {
		void *at = (void *)(VENEER_GATE_BASE + offset);
		bool wrote = attempt(write_byte, at) == -1;

		expect(wrote == may_be_written(offset), "which pages can be written");
		written += wrote;
		readable += attempt(read_byte, at) == -1;
		expect_is(attempt_user(read_byte, at), 14, "ring 3 reads nothing");
		expect_is(attempt_user(write_byte, at), 14, "ring 3 writes nothing");
	}
	say("%d pages readable, %d writable\n", readable, written);
	for (uint64_t step = 0x400000; step < 1ull << 39; step <<= 1)
		expect_is(attempt(read_byte, (void *)(VENEER_GATE_BASE + step)), 14,
			  "nothing is mapped after the gate area");
	expect_is(attempt(read_byte, (void *)(VENEER_GATE_END)), 14,
		  "the direct map is not mapped");
	expect_is(attempt(read_byte, (void *)0xffffffff80109000), 14, "the image is not mapped");
	expect_is(attempt(jump, (void *)(VENEER_GATE_BASE + STACKS)), 14, "the stack is not code");
	expect_is(attempt(jump, (void *)VENEER_VCPU_PAGE), 14, "the vCPU page is not code");
	expect_is(attempt_user(jump, (void *)(VENEER_HYPERCALL_PAGE + 32)), 14,
		  "ring 3 makes no hypercall");
}

static void stacks(void)
{
	volatile uint64_t *p = (void *)(VENEER_GATE_BASE + STACKS);

	for (unsigned round = 0; round < 1000; round++) {
		for (unsigned n = 0; n < 512; n++)
			p[n] = round % 2 ? ~0ull : 0xffffffff80109000;
		expect(veneer_hypercall(VENEER_HC_VERSION, 0, 0, 0) ==
			       (VENEER_ABI_MAJOR << 16 | VENEER_ABI_MINOR),
		       "a hypercall after garbage on the entry stack");
		expect_is(veneer_hypercall(VENEER_HC_NOP, 0, 0, 0), 0,
			  "a gate hypercall after garbage on the entry stack");
		expect_is(attempt(read_byte, (void *)0x7ffffff000), 14,
			  "a fault after garbage on the entry stack");
	}
}

static uint64_t root[512] __attribute__((aligned(4096)));

/* A root whose slot 256 points to one of the guest's tables. */
static void own_slot(const struct veneer_start_info *info)
{
	uint64_t *old = veneer_root();

	(void)info;
	for (unsigned i = 0; i < 512; i++)
		root[i] = old[i];
	root[256] = old[0];
	expect_is(veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)root, 0, 0), 0,
		  "the root is accepted");
	expect_is(attempt(read_byte, (void *)(VENEER_GATE_BASE + 0x600000)), 14,
		  "slot 256 is not the guest's");
	expect(veneer_hypercall(VENEER_HC_VERSION, 0, 0, 0) > 0, "the gate is where it was");
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)old, 0, 0);
}

int guest_main(const struct veneer_start_info *info)
{
	pages();
	stacks();
	own_slot(info);
	return 0;
}
