// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A tree of page tables that is linked into another root (XSA-280 and similar). A shadow that was
 * found again was updated with everything below it before it was linked, with interrupts masked: 14
 * million instructions for 500 tables of 512 pages.
 * Attack: such a tree, as large as the pool allows, used under one root, then under another, under
 * the first again, and in the kernel's half. Pages change in between.
 * Expected: the neighbour's timer stays on time, no stay is longer than one part of work, and each
 * root reads what the tables say. Needs 512 MiB.
 */
#include "guest.h"

#define P      0x67 /* present, writable, user, accessed, dirty */
#define TABLES 500
#define ROUNDS 6
#define USER   0x8000000000ull
#define KERNEL 0xffff960000000000ull

static uint64_t root[2][512] __attribute__((aligned(4096)));
static uint64_t level3[512] __attribute__((aligned(4096)));
static uint64_t level2[512] __attribute__((aligned(4096)));
static uint64_t table[TABLES][512] __attribute__((aligned(4096)));
static uint64_t data[2][512] __attribute__((aligned(4096)));

static uint64_t read_at(uint64_t va)
{
	return *(volatile uint64_t *)va;
}

static void load(unsigned r)
{
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)root[r] | VENEER_ROOT_FLUSH, 0, 0);
}

static bool is_second(uint64_t i, uint64_t k, unsigned round)
{
	return (i + k) % 7 == round % 7;
}

static void make_tables(unsigned round)
{
	for (uint64_t i = 0; i < TABLES; i++)
		for (uint64_t k = 0; k < 512; k++)
			table[i][k] = (uint64_t)data[is_second(i, k, round)] | P;
}

/* Reads every eighth page, since a fault fills the entries beside it too. */
static void use_all(uint64_t at, unsigned round)
{
	for (uint64_t i = 0; i < TABLES; i++)
		for (uint64_t k = round; k < 512; k += 8)
			expect(read_at(at | i << 21 | k << 12) == is_second(i, k, round),
			       "a page is what the tables say");
}

/* Turns the tables into roots, whose shadows then use up the pages. Otherwise the longest stay
 * would be the operator's check, which looks at every entry while the neighbour runs. */
static void use_up(void)
{
	for (unsigned i = 0; i < TABLES; i++) {
		level2[i] = 0;
		for (unsigned k = 0; k < 512; k++)
			table[i][k] = k ? 0 : veneer_root()[0];
	}
	for (unsigned i = 0; i < TABLES; i++)
		veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)table[i] | VENEER_ROOT_FLUSH, 0,
				 0);
}

int guest_main(const struct veneer_start_info *info)
{
	if (info->memory < 512 << 20) {
		say("wants 512 MiB\n");
		return 1;
	}
	for (unsigned r = 0; r < 2; r++) {
		root[r][0] = veneer_root()[0];
		root[r][1] = root[r][300] = (uint64_t)level3 | P;
	}
	level3[0] = (uint64_t)level2 | P;
	for (unsigned i = 0; i < TABLES; i++)
		level2[i] = (uint64_t)table[i] | P;
	data[1][0] = 1;
	for (unsigned round = 0; round < ROUNDS && !failures; round++) {
		make_tables(round);
		load(round % 2);
		use_all(round % 3 == 2 ? KERNEL : USER, round);
		veneer_hypercall(VENEER_HC_MMU_FLUSH, KERNEL, 1ull << 39, 0);
	}
	veneer_hypercall(VENEER_HC_MMU_DROP_ROOT, (uint64_t)root[0], 0, 0);
	use_up();
	say("%d trees were used again\n", ROUNDS);
	return 0;
}
