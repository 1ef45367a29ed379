// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Several vCPUs against each other (XSA-188, and races of page tables).
 * Attack: start vCPUs that are running or do not exist, with invalid entries, roots and pages;
 * start and stop vCPUs repeatedly; send events to all of them; change and flush page tables on one
 * vCPU while others walk them and shadows run out.
 * Expected: each call fails or succeeds, and after its own flush a vCPU sees what the tables say.
 * Runs with `vcpus = 4`.
 */
#include "guest.h"

#define STACK 4096
#define P     0x67

static char stack[8][STACK] __attribute__((aligned(16)));
static struct veneer_vcpu_page page[8] __attribute__((aligned(4096)));
static uint64_t root[4][512] __attribute__((aligned(4096)));
static uint64_t level3[512] __attribute__((aligned(4096))),
	level2[512] __attribute__((aligned(4096)));
static uint64_t level1[512][512] __attribute__((aligned(4096)));
static uint64_t data[2][512] __attribute__((aligned(4096)));

static volatile unsigned running, stop, rounds[4], wrong;

#define AREA 0x8000000000ull

static int64_t start(uint64_t id, void (*fn)(uint64_t), uint64_t arg, const uint64_t *table)
{
	struct veneer_vcpu_start s = {
		.rip = (uint64_t)fn,
		.rsp = (uint64_t)stack[id & 7] + STACK - 8,
		.rdi = arg,
		.root = (uint64_t)table,
		.vcpu_page = (uint64_t)&page[id & 7],
	};

	return veneer_hypercall(VENEER_HC_VCPU_START, id, (uint64_t)&s, 0);
}

static void wait_stopped(uint64_t id)
{
	while (veneer_hypercall(VENEER_HC_VCPU_STOPPED, id, 0, 0) == 0)
		veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
}

static void ends_at_once(uint64_t id)
{
	(void)id;
	__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
	for (;;)
		veneer_hypercall(VENEER_HC_VCPU_STOP, 0, 0, 0);
}

static void arguments(const struct veneer_start_info *info)
{
	struct veneer_vcpu_start s = { .rip = (uint64_t)ends_at_once,
				       .root = (uint64_t)root[0],
				       .vcpu_page = (uint64_t)&page[1] };
	const uint64_t bad[] = { 1, info->memory, ~0ull & ~4095ull, 1ull << 47, VENEER_GATE_BASE };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct veneer_vcpu_start t = s;

		t.root = bad[i];
		expect_is(veneer_hypercall(VENEER_HC_VCPU_START, 1, (uint64_t)&t, 0), -22,
			  "an invalid root is refused");
		t = s;
		t.vcpu_page = bad[i];
		expect_is(veneer_hypercall(VENEER_HC_VCPU_START, 1, (uint64_t)&t, 0), -22,
			  "an invalid vCPU page is refused");
		expect_is(veneer_hypercall(VENEER_HC_VCPU_PAGE, bad[i], 0, 0), -22,
			  "VCPU_PAGE refuses an invalid page");
	}
	s.rip = 1ull << 47;
	expect_is(veneer_hypercall(VENEER_HC_VCPU_START, 1, (uint64_t)&s, 0), -22,
		  "an invalid entry point is refused");
	expect_is(veneer_hypercall(VENEER_HC_VCPU_START, 1, VENEER_GATE_BASE, 0), -14,
		  "an invalid description is refused");
	expect(start(0, ends_at_once, 0, root[0]) == -16, "a running vCPU cannot be started");
	expect(start(4, ends_at_once, 0, root[0]) == -22 &&
		       start(~0ull, ends_at_once, 0, root[0]) == -22,
	       "vCPUs that do not exist cannot be started");
	expect(veneer_hypercall(VENEER_HC_EVENT_SEND, 4, 9, 0) == -22 &&
		       veneer_hypercall(VENEER_HC_EVENT_SEND, 1, 64, 0) == -22 &&
		       veneer_hypercall(VENEER_HC_VCPU_STOPPED, 4, 0, 0) == -22,
	       "events to vCPUs that do not exist are refused");
}

/* Retries while a second start is still in progress. */
static void start_surely(uint64_t id, void (*fn)(uint64_t))
{
	int64_t r;

	while ((r = start(id, fn, id, root[id])) == -16)
		veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
	expect(r == 0, "a start is accepted");
}

static void start_and_stop(void)
{
	for (unsigned n = 0; n < 200; n++) {
		running = 0;
		for (unsigned id = 1; id < 4; id++)
			start_surely(id, ends_at_once);
		for (unsigned id = 1; id < 4; id++) {
			int64_t again = start(id, ends_at_once, id, root[id]);

			expect(again == 0 || again == -16,
			       "a second start is accepted or refused with -EBUSY");
			veneer_hypercall(VENEER_HC_EVENT_SEND, id, 9, 0);
		}
		while (running < 3)
			veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
		for (unsigned id = 1; id < 4; id++)
			wait_stopped(id);
	}
}

/* Reads all over the area while vCPU 0 changes the tables; each read must find one of two pages. */
static void reader(uint64_t id)
{
	uint64_t n = id;

	__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
	while (!stop) {
		n = n * 6364136223846793005 + 1442695040888963407;
		uint64_t va = AREA | (n >> 20 & 0x3ff000), got = *(volatile uint64_t *)va;

		if (got != 0x11111111 && got != 0x22222222)
			wrong++;
		if ((n >> 50) % 64 == 0)
			veneer_hypercall(VENEER_HC_MMU_FLUSH, AREA, 1 << 22, 0);
		if ((n >> 40) % 512 == 0)
			veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT,
					 (uint64_t)root[id] | VENEER_ROOT_FLUSH, 0, 0);
		rounds[id]++;
	}
	ends_at_once(id);
}

static void changing_tables(void)
{
	for (unsigned i = 0; i < 512; i++) {
		level2[i] = (uint64_t)level1[i & 1] | P;
		level1[0][i] = level1[1][i] = (uint64_t)data[i & 1] | P;
	}
	data[0][0] = 0x11111111;
	data[1][0] = 0x22222222;
	level3[0] = (uint64_t)level2 | P;
	stop = running = 0;
	for (unsigned id = 1; id < 4; id++)
		start_surely(id, reader);
	while (running < 3)
		veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)root[0] | VENEER_ROOT_FLUSH, 0, 0);
	for (unsigned n = 0; n < 4000; n++) {
		unsigned k = n * 7 % 512, table = n % 512;

		/* change a page, then a table, then touch an address that needs a new shadow */
		((volatile uint64_t *)level1[0])[k] = (uint64_t)data[n & 1] | P;
		for (unsigned i = 0; i < 512; i += 64)
			level1[table][i] = (uint64_t)data[n >> 1 & 1] | P;
		((volatile uint64_t *)level2)[n % 2] = (uint64_t)level1[n >> 2 & 1] | P;
		veneer_hypercall(VENEER_HC_MMU_FLUSH, AREA, 1 << 22, 0);
		(void)*(volatile uint64_t *)(AREA | (uint64_t)(n % 512) << 21);
		for (unsigned id = 1; id < 4; id++)
			veneer_hypercall(VENEER_HC_EVENT_SEND, id, n % 64, 0);
		if (n % 64 == 0)
			veneer_hypercall(VENEER_HC_MMU_DROP_ROOT, (uint64_t)root[1 + n / 64 % 3], 0,
					 0);
	}
	stop = 1;
	for (unsigned id = 1; id < 4; id++)
		wait_stopped(id);
	expect(!wrong, "readers see one page or the other, nothing else");
	expect(rounds[1] && rounds[2] && rounds[3], "all readers have run");
}

int guest_main(const struct veneer_start_info *info)
{
	const uint64_t *own = veneer_root();

	if (info->vcpus != 4) {
		say("wants vcpus = 4\n");
		return 1;
	}
	for (unsigned r = 0; r < 4; r++) {
		for (unsigned i = 0; i < 512; i++)
			root[r][i] = own[i];
		root[r][1] = (uint64_t)level3 | P;
	}
	arguments(info);
	start_and_stop();
	changing_tables();
	return 0;
}
