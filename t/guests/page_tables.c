// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tables (XSA-148, 167, 173, 182, 185, 286) and shadow resources (XSA-280).
 * Attack: entries that point outside the guest's memory and up to 2^52, reserved bits, tables that
 * contain themselves, hundreds of address spaces, deep fan-out, many flushes.
 * Expected: faults in the guest, or its end; it never sees memory that is not its own. Tables that
 * contain themselves come last: each write changes the tables, so sooner or later an entry may
 * point outside the guest's memory, which ends the guest.
 */
#include "guest.h"

#define P  1ull
#define W  2ull
#define PS 0x80ull

static void touch(void *at)
{
	*(volatile uint64_t *)at += 1;
}

static void *window(unsigned page)
{
	return (void *)(VENEER_WINDOW + page * 4096ull);
}

static void reserved(void)
{
	static const uint64_t bits[] = { 1ull << 51, 1ull << 50, 1ull << 45, 1ull << 44 };

	for (unsigned i = 0; i < 4; i++) {
		veneer_window_set(1, bits[i] | P | W);
		veneer_window_flush(1, 1);
		expect(attempt(touch, window(1)) == 14 && (fault_error & 8), "reserved bits fault");
	}
	veneer_window_set(1, 0);
	veneer_window_flush(1, 1);
	expect(attempt(touch, window(1)) == 14 && !(fault_error & 9), "not present faults");
	veneer_window_set(1, P);
	veneer_window_flush(1, 1);
	expect(attempt(touch, window(1)) == 14 && (fault_error & 3) == 3,
	       "read-only faults on a write");
}

static uint64_t tables[8][512] __attribute__((aligned(4096)));
static char page[4096] __attribute__((aligned(4096)));

static uint64_t *root_of_loops(void)
{
	uint64_t *root = tables[0], *old = veneer_root();

	for (unsigned i = 0; i < 512; i++)
		root[i] = old[i];
	root[100] = (uint64_t)root | P | W;	 /* contains itself */
	root[101] = (uint64_t)tables[1] | P | W; /* tables[1] contains itself at every level */
	for (unsigned i = 0; i < 512; i++)
		tables[1][i] = (uint64_t)tables[1] | P | W;
	root[102] = 0x000ffffffffff000 | P | W;
	root[103] = (uint64_t)tables[2] | P | W;
	tables[2][0] = (uint64_t)tables[3] | P | W;
	tables[3][0] = (uint64_t)page | P | W; /* a data page used as a table */
	return root;
}

static void loops(void)
{
	uint64_t *old = veneer_root(), *root = root_of_loops();

	expect_is(veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)root, 0, 0), 0,
		  "a root of loops loads");
	for (uint64_t i = 0; i < 400; i++) {
		attempt(touch, (void *)(100ull << 39 | i << 21));
		attempt(touch, (void *)(101ull << 39 | i << 30 | i << 12));
		attempt(touch, (void *)(102ull << 39 | i << 12));
		attempt(touch, (void *)(103ull << 39 | i << 12));
	}
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)old, 0, 0);
	expect_is(veneer_hypercall(VENEER_HC_MMU_DROP_ROOT, (uint64_t)old, 0, 0), -16,
		  "the loaded root is not dropped");
}

/* Many roots over one set of tables: more address spaces than there can be shadows. */
static void many_roots(const struct veneer_start_info *info)
{
	uint64_t *old = veneer_root(), at = (info->reserved_end + 0x1fffff) & ~0x1fffffull;
	unsigned made = 0;

	for (; at + 4096 <= info->memory && made < 600; at += 4096, made++) {
		uint64_t *root = (uint64_t *)at;

		for (unsigned i = 0; i < 512; i++)
			root[i] = old[i];
		veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, at, 0, 0);
		veneer_window_set(2, (uint64_t)page | P | W);
		expect_is(attempt(touch, window(2)), -1, "a page is mapped under each root");
		if (made % 3 == 0)
			veneer_hypercall(VENEER_HC_MMU_DROP_ROOT, at - 4096, 0, 0);
	}
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)old, 0, 0);
	say("%d address spaces\n", made);
}

/* Each access needs its own tables, so the pool runs out. The guest must run on. */
static void fan_out(void)
{
	uint64_t *root = tables[0], *old = veneer_root();

	for (unsigned i = 0; i < 512; i++) {
		tables[4][i] = (uint64_t)tables[5] | P | W;
		tables[5][i] = (uint64_t)tables[6] | P | W;
		tables[6][i] = (uint64_t)page | P | W;
		root[i] = i < 256 && i ? (uint64_t)tables[4] | P | W : old[i];
	}
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)root, 0, 0);
	for (uint64_t i = 1; i < 4000; i++)
		expect_is(attempt(touch, (void *)(((i % 200) + 1) << 39 | (i * 7 % 512) << 30 |
						  (i % 512) << 21)),
			  -1, "every page of the fan-out is mapped");
	for (unsigned i = 0; i < 3000; i++)
		veneer_hypercall(VENEER_HC_MMU_FLUSH, (uint64_t)i << 30,
				 i % 2 ? ~0ull : 64ull << 20, 0);
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)old, 0, 0);
}

int guest_main(const struct veneer_start_info *info)
{
	reserved();
	many_roots(info);
	fan_out();
	say("%s so far; now tables in tables\n", failures ? "NOT WELL" : "well");
	loops();
	return 0;
}
