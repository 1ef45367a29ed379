// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shadow resources (XSA-280 and similar).
 * Attack: more page tables than there are shadows, tables that link to themselves at every level,
 * many full flushes in a row.
 * Expected: the neighbour's timer stays on time, and the guest's own memory reads as its tables
 * say.
 */
#include "guest.h"

#define P 0x67 /* present, writable, user, accessed, dirty */

static uint64_t *spare; /* unused memory, for tables */
static uint64_t first_gpa, pages;
static uint64_t saved_root;

static uint64_t *table_at(uint64_t i)
{
	return spare + i * 512;
}

static uint64_t gpa_of(uint64_t i)
{
	return first_gpa + i * 4096;
}

static uint64_t root(void)
{
	uint64_t cr3;

	/* the root that pvlib loaded; its slot 0 maps this code */
	cr3 = saved_root;
	return cr3;
}

/* Makes a root with our own slot 0 and the given slot 1. It may be the one that is loaded. */
static void make_root(uint64_t at, uint64_t slot1)
{
	const uint64_t *own = (const uint64_t *)root();
	uint64_t *t = table_at(at);

	t[0] = own[0];
	for (unsigned i = 2; i < 512; i++)
		t[i] = i == 256 ? t[i] : 0; /* the hypervisor's */
	t[1] = slot1;
}

static uint64_t peek(uint64_t va)
{
	return *(volatile uint64_t *)va;
}

/* Tables 1 to 3: each entry of each links to the next table, and those of the last to a page, so
 * there are 2^27 paths. */
static void fan_out(void)
{
	for (unsigned level = 1; level < 4; level++)
		for (unsigned i = 0; i < 512; i++)
			table_at(level)[i] = gpa_of(level + 1) | P;
	table_at(4)[0] = 0x1234567;
	make_root(0, gpa_of(1) | P);
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, gpa_of(0), 0, 0);
	for (unsigned i = 0; i < 3000; i++) {
		uint64_t va = 0x8000000000 | (uint64_t)(i * 2654435761u) << 7;

		expect(peek(va & ~0xfffull) == 0x1234567, "every path leads to the page");
		if (i % 100 == 0)
			veneer_hypercall(VENEER_HC_MMU_FLUSH, 0, ~0ull, 0);
	}
	for (unsigned i = 0; i < 200; i++)
		veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, gpa_of(0) | VENEER_ROOT_FLUSH, 0, 0);
}

/* A table that is its own child at every level. */
static void self_map(void)
{
	make_root(0, gpa_of(1) | P);
	for (unsigned i = 0; i < 512; i++)
		table_at(1)[i] = gpa_of(1) | P;
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, gpa_of(0) | VENEER_ROOT_FLUSH, 0, 0);
	for (unsigned i = 0; i < 512; i++)
		expect(peek(0x8000000000 | (uint64_t)i << 30) == (gpa_of(1) | P),
		       "a table that maps itself reads as itself");
	for (unsigned i = 0; i < 200; i++)
		veneer_hypercall(VENEER_HC_MMU_FLUSH, 0, ~0ull, 0);
}

/* Hundreds of distinct tables, so that the pool runs out again and again. */
static void exhaust(void)
{
	uint64_t n = pages < 1200 ? pages - 8 : 1192;

	make_root(0, gpa_of(1) | P);
	for (unsigned i = 0; i < 512; i++)
		table_at(1)[i] = table_at(2)[i] = 0;
	table_at(1)[0] = gpa_of(2) | P;
	for (uint64_t i = 0; i < n && i < 512; i++) {
		table_at(2)[i] = gpa_of(3 + i) | P;
		for (unsigned k = 0; k < 512; k++)
			table_at(3 + i)[k] = gpa_of(3 + i) | P;
	}
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, gpa_of(0) | VENEER_ROOT_FLUSH, 0, 0);
	for (unsigned round = 0; round < 20; round++)
		for (uint64_t i = 0; i < n && i < 512; i++)
			expect(peek(0x8000000000 | i << 21) == (gpa_of(3 + i) | P),
			       "when shadows run out, memory still reads as the tables say");
}

/* Many roots, none of which is ever dropped. */
static void many_roots(void)
{
	for (uint64_t i = 0; i < 800 && i < pages - 8; i++) {
		make_root(i, 0);
		veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, gpa_of(i) | VENEER_ROOT_FLUSH, 0, 0);
	}
}

int guest_main(const struct veneer_start_info *info)
{
	first_gpa = (info->reserved_end + 0x200000) & ~0xfffull;
	spare = (uint64_t *)first_gpa; /* pvlib maps memory where it is */
	pages = (info->memory - first_gpa) >> 12;
	saved_root = (uint64_t)veneer_root();
	fan_out();
	self_map();
	exhaust();
	many_roots();
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, root() | VENEER_ROOT_FLUSH, 0, 0);
	return 0;
}
