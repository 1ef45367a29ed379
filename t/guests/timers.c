// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts charged to the wrong vCPU. Each of eight vCPUs has a timer of 50 us, the shortest
 * period that is accepted, on the core of a neighbour with a share of 50 %. A timer interrupt, with
 * the exit and the switch of registers, was charged to whoever ran: the neighbour lost three
 * quarters of its work.
 * Expected: it is charged to the vCPU that the timer belongs to. A vCPU that has used up its share
 * waits for its next turn, and its timers with it. Runs with `vcpus = 8`, `share = 5`.
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
