// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts on another's account. Each of eight vCPUs has a timer of 50 us, the shortest period
 * there is, on the core of a neighbour with a share of 50 %. What a timer's interrupt costs was
 * charged to whoever ran when it came, the way into the hypervisor and the change of registers with
 * it: the neighbour lost three quarters of its work. Must happen: it is charged to the vCPU whose
 * timer it is, and one that has had its share waits for its next turn, with its timers.
 * Runs with `vcpus = 8`, `share = 5`.
 */
#include "guest.h"

#define OTHERS 7
#define BEAT   50000
#define LAST   200000000ull /* ns of it */

static char stacks[OTHERS][4096] __attribute__((aligned(16)));
static struct veneer_vcpu_page pages[OTHERS] __attribute__((aligned(4096)));
static volatile unsigned woken;

static void storm(volatile struct veneer_vcpu_page *page, uint64_t end)
{
	veneer_hypercall(VENEER_HC_TIMER_SET, veneer_clock_ns() + BEAT, BEAT, 0);
	while (veneer_clock_ns() < end) {
		veneer_hypercall(VENEER_HC_HALT, 0, 0, 0);
		page->irq_mask = VENEER_IRQ_MASKED;
		__atomic_exchange_n(&page->events, 0, __ATOMIC_SEQ_CST);
		__atomic_add_fetch(&woken, 1, __ATOMIC_RELAXED);
	}
}

static void other(uint64_t id)
{
	storm(&pages[id], ~0ull);
}

int guest_main(const struct veneer_start_info *info)
{
	expect(info->vcpus == OTHERS + 1, "vcpus = 8");
	for (unsigned i = 0; i < OTHERS; i++) {
		struct veneer_vcpu_start start = {
			.rip = (uint64_t)other,
			.rsp = (uint64_t)stacks[i] + sizeof(stacks[i]) - 8,
			.rdi = i,
			.root = (uint64_t)veneer_root(),
			.vcpu_page = (uint64_t)&pages[i],
		};

		expect_is(veneer_hypercall(VENEER_HC_VCPU_START, i + 1, (uint64_t)&start, 0), 0,
			  "another vCPU");
	}
	storm(&veneer_vcpu, veneer_clock_ns() + LAST);
	expect(woken > 100, "timers fire");
	say("woken %d times\n", woken);
	return 0;
}
