// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DR6 of another guest (similar to XSA-308). Its bits stay set until software clears them.
 * Attack: a copy in a virtual machine sets them all, again and again. A copy under the ring engine
 * on the same core single-steps and reads DR6.
 * Expected: DR6 reports a single step, and nothing else.
 */
#include "guest.h"

#define DR6_ALL	 0xe00fu
#define DR6_STEP 0x4000u
#define ROUNDS	 400
#define NS	 1000000

static void step(void *arg)
{
	(void)arg;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" ::: "cc");
}

static void wait(uint64_t ns)
{
	for (uint64_t end = veneer_clock_ns() + ns; veneer_clock_ns() < end;)
		;
}

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	for (unsigned i = 0; i < ROUNDS && !failures; i++) {
		if (in_ring1()) {
			expect_is(attempt(step, NULL), 1, "a single step");
			expect((veneer_hypercall(VENEER_HC_GET_DEBUGREG, 6, 0, 0) & DR6_ALL) ==
				       DR6_STEP,
			       "DR6 shows only a single step");
		} else {
			__asm__ volatile("movq %0, %%dr6" ::"r"(0xffff0ff0ul | DR6_ALL));
		}
		wait(NS);
	}
	return 0;
}
