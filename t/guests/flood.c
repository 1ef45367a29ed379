// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Event flooding. A vCPU on one core sends events as fast as it can to a second vCPU on another
 * core, which halts, is woken and halts again. Each event would interrupt whatever runs on that
 * core.
 * Expected: the neighbour on that core is interrupted no more often than the second vCPU's share
 * allows. Runs with `vcpus = 2`, one on each core.
 */
#include "guest.h"

#define SENDS 300000

static char stack[4096] __attribute__((aligned(16)));
static struct veneer_vcpu_page page __attribute__((aligned(4096)));
static volatile unsigned woken;

static void sister(uint64_t unused)
{
	(void)unused;
	for (;;) {
		veneer_hypercall(VENEER_HC_HALT, 0, 0, 0);
		page.irq_mask = VENEER_IRQ_MASKED;
		__atomic_exchange_n(&page.events, 0, __ATOMIC_SEQ_CST);
		woken++;
	}
}

int guest_main(const struct veneer_start_info *info)
{
	struct veneer_vcpu_start start = {
		.rip = (uint64_t)sister,
		.rsp = (uint64_t)stack + sizeof(stack) - 8,
		.root = (uint64_t)veneer_root(),
		.vcpu_page = (uint64_t)&page,
	};

	unsigned sends = rounds_or(info, SENDS);

	expect(info->vcpus == 2, "vcpus = 2");
	expect_is(veneer_hypercall(VENEER_HC_VCPU_START, 1, (uint64_t)&start, 0), 0,
		  "the second vCPU starts");
	for (unsigned i = 0; i < sends; i++)
		veneer_hypercall(VENEER_HC_EVENT_SEND, 1, 8 + i % 56, 0);
	say("%d sent, woken %d times\n", sends, woken);
	expect(woken > 0, "events arrive");
	return 0;
}
