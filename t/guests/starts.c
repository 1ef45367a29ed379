// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many vCPUs started at once (unbounded work). A start loaded its root in the same stay as
 * everything else, and starts that wait until their vCPUs have a share of the core again were all
 * handled in one stay: 56 000 instructions for seven of them.
 * Attack: seven vCPUs of one core use up their shares and stop. Then all are started at once, and
 * at once again, each on its own root; there are more roots than shadows. Each leaves an LDT
 * behind.
 * Expected: a vCPU begins once for each accepted start, and sees what its own root maps. Interrupts
 * are taken between two starts and within one. Runs with `vcpus = 8`.
 */
#include "roots.h"

#define VCPUS	8
#define STACK	4096
#define ROUNDS	60
#define WORK	100000 /* iterations: more than a share of 2 % */
#define ENTRIES 1024

static char stack[VCPUS][STACK] __attribute__((aligned(16)));
static struct veneer_vcpu_page page[VCPUS] __attribute__((aligned(4096)));
static uint64_t descriptors[ENTRIES] __attribute__((aligned(4096)));
static volatile unsigned came, wrong;

static void stop(void)
{
	for (;;)
		veneer_hypercall(VENEER_HC_VCPU_STOP, 0, 0, 0);
}

static void use_up_share(void)
{
	for (unsigned i = 0; i < WORK; i++)
		__asm__ volatile("");
}

/* Checks by what its tables map that it runs on its own root. */
static void secondary(uint64_t which)
{
	if (!runs_on_root(which))
		wrong++;
	__atomic_add_fetch(&came, 1, __ATOMIC_SEQ_CST);
	veneer_hypercall(VENEER_HC_SET_LDT, (uint64_t)descriptors, ENTRIES, 0);
	if (which % 8)
		use_up_share();
	stop();
}

static int64_t start(uint64_t id, unsigned which)
{
	return start_on_root(id, which, secondary, stack[id] + STACK, &page[id]);
}

/* VCPU_STOPPED also reports a vCPU that has yet to begin, so this counts first. */
static void wait_for_all(unsigned taken)
{
	while (came < taken)
		veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
	for (uint64_t id = 1; id < VCPUS; id++)
		while (veneer_hypercall(VENEER_HC_VCPU_STOPPED, id, 0, 0) == 0)
			veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
}

/* Retries until the start is accepted. */
static void start_surely(uint64_t id, unsigned which)
{
	int64_t r;

	while ((r = start(id, which)) == -16)
		veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
	expect(r == 0, "a start is accepted");
}

/* Starts all, then all again, though some may not have stopped yet. Returns how many starts were
 * accepted. */
static unsigned start_all(unsigned which)
{
	unsigned taken = VCPUS - 1;

	for (uint64_t id = 1; id < VCPUS; id++)
		start_surely(id, (which + (unsigned)id) % ROOTS);
	for (uint64_t id = 1; id < VCPUS; id++) {
		int64_t r = start(id, (which + (unsigned)id * 7) % ROOTS);

		expect(r == 0 || r == -16, "a second start is accepted or refused with -EBUSY");
		taken += r == 0;
	}
	return taken;
}

int guest_main(const struct veneer_start_info *info)
{
	unsigned taken = 0;

	if (info->vcpus != VCPUS) {
		say("wants vcpus = 8\n");
		return 1;
	}
	make_roots();
	say("going\n");
	for (unsigned round = 0; round < ROUNDS; round++) {
		taken += start_all(round * 11);
		wait_for_all(taken);
	}
	expect(!wrong, "each vCPU runs on its own root");
	expect(came == taken, "each accepted start has begun once");
	say("%d starts\n", came);
	return 0;
}
