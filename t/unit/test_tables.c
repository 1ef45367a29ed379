// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The check of the hypervisor's own page tables (kernel/tables.c): it accepts correct tables, and
 * finds each planted error at its place.
 */
#include "arch/paging.h"
#include "kernel/gate.h"
#include "kernel/memory.h"
#include "kernel/tables.h"
#include "tap.h"

#define RO   (PTE_P | PTE_A | PTE_NX)
#define CODE (PTE_P | PTE_A)
#define DATA (PTE_P | PTE_A | PTE_W | PTE_NX)
#define LINK (PTE_P | PTE_A | PTE_W)

/* Frame numbers of the tables; the frames that they map are only numbers. */
enum { ROOT = 1, DIRECT_PDPT, DIRECT_PD, DIRECT_PT, IMAGE_PDPT, IMAGE_PD, IMAGE_PT, PAGES };
#define TEXT  0x100 /* frames */
#define CONST 0x104
#define BSS   0x106
#define STACK (IMAGE_BASE + 0x10c000) /* the top; two pages and a guard page */

char *host_memory;

static uint64_t *table(unsigned page)
{
	return (uint64_t *)(host_memory + page * PAGE_SIZE);
}

static uint64_t link_to(unsigned page)
{
	return page * PAGE_SIZE | LINK;
}

/* Builds tables like the hypervisor's: direct map and image, with small pages for the first 2 MiB
 * of the direct map. */
static void build(void)
{
	memset(host_memory, 0, PAGES * PAGE_SIZE);
	table(ROOT)[DIRECT_MAP_SLOT] = link_to(DIRECT_PDPT);
	table(ROOT)[511] = link_to(IMAGE_PDPT);
	table(DIRECT_PDPT)[0] = link_to(DIRECT_PD);
	table(DIRECT_PD)[0] = link_to(DIRECT_PT);
	for (unsigned i = 1; i < 512; i++)
		table(DIRECT_PD)[i] = i * LARGE_SIZE | DATA | PTE_PS;
	for (unsigned i = 0; i < 512; i++)
		table(DIRECT_PT)[i] = i * PAGE_SIZE | (i >= TEXT && i < BSS ? RO : DATA);
	table(IMAGE_PDPT)[510] = link_to(IMAGE_PD);
	table(IMAGE_PD)[0] = link_to(IMAGE_PT);
	for (unsigned i = TEXT; i < BSS + 6; i++)
		table(IMAGE_PT)[i] = i * PAGE_SIZE | (i < CONST ? CODE : i < BSS ? RO : DATA);
	table(IMAGE_PT)[(STACK >> PAGE_SHIFT & 511) - 3] = 0;
}

static struct tables_check c;

static bool good(void)
{
	c = (struct tables_check){ 0 };
	tables_find_code(&c, MPA(ROOT * PAGE_SIZE), 4, 0);
	return tables_check(&c, MPA(ROOT * PAGE_SIZE), 4, 0);
}

static void finds(unsigned page, unsigned index, uint64_t entry, uint64_t va, const char *what)
{
	build();
	table(page)[index] = entry;
	bool found = !good() && c.va == va;
	ok(found, "found: %s (at %lx: %s)", what, c.va, c.why ? c.why : "nothing");
}

int main(void)
{
	if (posix_memalign((void **)&host_memory, PAGE_SIZE, PAGES * PAGE_SIZE))
		return 1;
	build();
	ok(good() && c.leaves == 511 + 512 + 11 && c.runs == 1, "tables as they should be");

	finds(IMAGE_PT, TEXT, TEXT * PAGE_SIZE | CODE | PTE_W, IMAGE_BASE + TEXT * PAGE_SIZE,
	      "text that can be written");
	finds(IMAGE_PT, BSS, BSS * PAGE_SIZE | LINK, DIRECT_MAP + BSS * PAGE_SIZE,
	      "data that can be executed, and written at another address");
	finds(IMAGE_PT, BSS, 0x40000000 | LINK, IMAGE_BASE + BSS * PAGE_SIZE,
	      "a page that can be written and executed");
	finds(DIRECT_PT, TEXT + 1, (TEXT + 1) * PAGE_SIZE | DATA,
	      DIRECT_MAP + (TEXT + 1) * PAGE_SIZE, "text that can be written in the direct map");
	finds(DIRECT_PD, 0, DATA | PTE_PS, DIRECT_MAP, "the same by a large page");
	finds(DIRECT_PD, 7, 7 * LARGE_SIZE | LINK | PTE_PS, DIRECT_MAP + 7 * LARGE_SIZE,
	      "a large page that can be executed");

	build();
	table(ROOT)[511] |= PTE_U;
	table(IMAGE_PDPT)[510] |= PTE_U;
	table(IMAGE_PD)[0] |= PTE_U;
	ok(good(), "user bits above a supervisor page have no effect");
	table(IMAGE_PT)[CONST] |= PTE_U;
	bool found = !good() && c.va == IMAGE_BASE + CONST * PAGE_SIZE;
	ok(found, "found: a page for ring 3");
	build();
	table(IMAGE_PD)[0] |= PTE_NX;
	ok(good() && !c.runs, "a table that is not executable makes what is below not executable");

	build();
	ok(tables_stack_is_guarded(MPA(ROOT * PAGE_SIZE), STACK, 2 * PAGE_SIZE), "a stack");
	ok(!tables_stack_is_guarded(MPA(ROOT * PAGE_SIZE), STACK, PAGE_SIZE),
	   "found: a stack with a page below");
	ok(!tables_stack_is_guarded(MPA(ROOT * PAGE_SIZE), STACK, 3 * PAGE_SIZE),
	   "found: a stack with a hole");
	table(IMAGE_PT)[(STACK >> PAGE_SHIFT & 511) - 1] &= ~PTE_NX;
	ok(!tables_stack_is_guarded(MPA(ROOT * PAGE_SIZE), STACK, 2 * PAGE_SIZE),
	   "found: a stack that can be executed");
	free(host_memory);
	return done_testing();
}
