// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Freeing shadow pages for a vCPU that needs one (XSA-280 and similar). A fault that found no free
 * page cleared pages that had been given back until it found one of its kind, searched all tables
 * for pages without links, dropped roots, and removed a kernel table from all of them. All of that
 * was one stay, milliseconds long with a large pool.
 * Attack: each of these at its worst, with tables that a plain hash puts into one chain.
 * Expected: no stay is longer than one part of work, and memory reads as the tables say. Needs 512
 * MiB.
 */
#include "guest.h"

#define P      0x67 /* present, writable, user, accessed, dirty */
#define TABLES 500
#define ROUNDS 4
#define VA(slot, i, k, n) \
	((uint64_t)(slot) << 39 | (uint64_t)(i) << 30 | (uint64_t)(k) << 21 | (uint64_t)(n) << 12)
#define KERNEL(slot) (0xffff000000000000ull | VA(slot, 0, 0, 0))

static uint64_t (*table)[512]; /* TABLES of the last level, as many of level 2, as many roots */
static uint64_t first3[512] __attribute__((aligned(4096)));
static uint64_t all2[512] __attribute__((aligned(4096)));
static uint64_t many3[512] __attribute__((aligned(4096)));
static uint64_t data[512] __attribute__((aligned(4096)));
static uint64_t *kernel3[2][256]; /* a megabyte apart */

static void read_at(uint64_t va)
{
	expect(*(volatile uint64_t *)va == 42, "memory reads as the tables say");
}

static uint64_t *root(unsigned n)
{
	return table[2 * TABLES + n];
}

/* The n-th root: our own slot 0, two kinds of trees in slots 1 and 2, and the kernel tables. */
static void load(unsigned n, unsigned kernel)
{
	root(n)[0] = veneer_root()[0];
	root(n)[1] = (uint64_t)first3 | P;
	root(n)[2] = (uint64_t)many3 | P;
	for (unsigned i = 257; i < 512; i++)
		root(n)[i] = (uint64_t)kernel3[kernel][i - 256] | P;
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)root(n) | VENEER_ROOT_FLUSH, 0, 0);
}

/* Full last-level tables, which are then all freed at once. */
static void many_leaves(void)
{
	load(0, 0);
	for (unsigned i = 0; i < TABLES; i++)
		for (unsigned n = 0; n < 512; n += 8)
			read_at(VA(1, 0, i, n));
	load(1, 0);
	veneer_hypercall(VENEER_HC_MMU_DROP_ROOT, (uint64_t)root(0), 0, 0);
}

/* Level-2 tables, for which freed last-level ones have the wrong kind. Each links to one table up
 * to 512 times. */
static void many_links(void)
{
	for (unsigned i = 0; i < TABLES; i++)
		for (unsigned k = 0; k < 512; k += i < 40 ? 1 : 64)
			read_at(VA(2, i, k, 0));
}

/* So many roots that the oldest are evicted, all with the same kernel tables; then some that
 * alternate between two sets. */
static void many_roots(void)
{
	for (unsigned n = 0; n < TABLES; n++) {
		load(n, 0);
		read_at(KERNEL(300));
		read_at(VA(1, 0, 0, 0));
	}
	for (unsigned n = 0; n < 4; n++) {
		load(n, n % 2);
		for (unsigned i = 257; i < 512; i++)
			read_at(KERNEL(i));
	}
	/* the loaded root loses 255 kernel tables */
	veneer_hypercall(VENEER_HC_MMU_DROP_ROOT, (uint64_t)root(2), 0, 0);
	for (unsigned i = 257; i < 512; i++)
		root(3)[i] = 0;
	veneer_hypercall(VENEER_HC_MMU_FLUSH, KERNEL(257), ~0ull, 0);
}

static void clear(uint64_t (*pages)[512], unsigned n)
{
	for (unsigned i = 0; i < n * 512; i++)
		((volatile uint64_t *)pages)[i] = 0;
}

int guest_main(const struct veneer_start_info *info)
{
	uint64_t first = (info->reserved_end + 0x400000) & ~0x1fffffull;

	if (info->memory < 512 << 20) {
		say("wants 512 MiB\n");
		return 1;
	}
	table = (void *)first;
	clear(table, 3 * TABLES);
	first += 0x800000;
	for (unsigned i = 0; i < 512; i++) {
		data[i] = 42;
		kernel3[i / 256][i % 256] =
			(uint64_t *)(first + ((uint64_t)i % 240 << 20) + i / 240 * 4096);
		clear((void *)kernel3[i / 256][i % 256], 1);
		kernel3[i / 256][i % 256][0] = (uint64_t)table[TABLES] | P;
	}
	for (unsigned i = 0; i < TABLES; i++)
		for (unsigned n = 0; n < 512; n++) {
			table[i][n] = (uint64_t)data | P;
			table[TABLES + i][n] = (uint64_t)table[0] | P;
		}
	first3[0] = (uint64_t)all2 | P;
	for (unsigned i = 0; i < TABLES; i++) {
		all2[i] = (uint64_t)table[i] | P;
		many3[i] = (uint64_t)table[TABLES + i] | P;
	}
	for (unsigned round = 0; round < ROUNDS && !failures; round++) {
		many_leaves();
		many_links();
		many_roots();
	}
	say("%d times everything was wanted at once\n", ROUNDS);
	return 0;
}
