// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Breakpoints that would fire in ring 0 (XSA-40 and similar). The gate runs with the guest's debug
 * registers armed. An instruction breakpoint on the hypervisor's code after the gate hung the core:
 * #DB returned to the same instruction for ever. A data breakpoint on what the NMI handler writes
 * ended NMI blocking inside that handler, and the next NMI overwrote its stack.
 * Attack: watch every page of the gate area, of the direct map's first 2 GiB, and every 16 bytes of
 * the image, also from just below and above. If an address is accepted, arm it and make a
 * hypercall.
 * Expected: all of these are refused, and the guest's own breakpoints work, with or without NMIs.
 */
#include "guest.h"

#define PAGE	    4096ull
#define DIRECT_MAP  0xffff808000000000
#define IMAGE	    0xffffffff80000000
#define ROUNDS	    1000
#define STORM	    20000 /* while the test sends NMIs */

#define DR7_EXECUTE 0x1u
#define DR7_WRITE_8 (1u | 1u << 16 | 2u << 18)
#define DR7_WRITE_1 (1u | 1u << 16)

static unsigned refused, accepted;

static int64_t debug_register(unsigned n, uint64_t value)
{
	return veneer_hypercall(VENEER_HC_SET_DEBUGREG, n, value, 0);
}

static void watch(uint64_t at)
{
	static const uint32_t dr7[] = { DR7_EXECUTE, DR7_WRITE_8 };

	if (debug_register(0, at)) {
		refused++;
		return;
	}
	accepted++;
	for (unsigned i = 0; i < 2; i++) {
		debug_register(7, dr7[i]);
		veneer_hypercall(VENEER_HC_VERSION, 0, 0, 0);
		debug_register(7, 0);
	}
}

static void hypervisors(void)
{
	for (uint64_t at = VENEER_GATE_BASE; at < VENEER_GATE_BASE + 0x400000; at += PAGE)
		for (unsigned i = 0; i < 4; i++)
			watch(at + i * 1023);
	for (uint64_t at = DIRECT_MAP; at < DIRECT_MAP + (2ull << 30); at += 0x200000)
		watch(at + 0x1008);
	for (uint64_t at = IMAGE + 0x100000; at < IMAGE + 0x160000; at += 16)
		watch(at);
	watch(IMAGE - 1); /* eight bytes from here extend into it */
	watch(DIRECT_MAP + 0x18000000000);
	watch(IMAGE + 0x1000000 + 7);
	watch(IMAGE - 0x40000000); /* stacks */
	expect(!accepted, "no address of the hypervisor can be watched");
	say("%d places refused\n", refused);
}

static volatile uint64_t variable;

static void write_variable(void *arg)
{
	(void)arg;
	variable = 1;
}

static void own(void)
{
	expect(debug_register(0, (uint64_t)write_variable) == 0, "an own address is accepted");
	debug_register(7, DR7_EXECUTE);
	expect_is(attempt(write_variable, NULL), 1, "the breakpoint fires in the kernel");
	expect_is(attempt_user(write_variable, NULL), 1, "the breakpoint fires in ring 3");
	debug_register(0, (uint64_t)&variable);
	debug_register(7, DR7_WRITE_8);
	expect_is(attempt(write_variable, NULL), 1, "the watchpoint fires in the kernel");
	expect_is(attempt_user(write_variable, NULL), 1, "the watchpoint fires in ring 3");
}

/* Armed at every entry and exit, and hit in every round. */
static void storm(unsigned rounds)
{
	unsigned hits = 0;

	debug_register(1, (uint64_t)write_variable);
	debug_register(7, DR7_WRITE_1 | DR7_EXECUTE << 2);
	for (unsigned i = 0; i < rounds; i++) {
		hits += (i % 2 ? attempt : attempt_user)(write_variable, NULL) == 1;
		hits += veneer_hypercall(VENEER_HC_VERSION, 0, 0, 0) < 0;
	}
	debug_register(7, 0);
	expect(hits == rounds, "every hit is seen");
	say("%d hits\n", hits);
}

int guest_main(const struct veneer_start_info *info)
{
	hypervisors();
	own();
	storm(*info->cmdline ? STORM : ROUNDS);
	return 0;
}
