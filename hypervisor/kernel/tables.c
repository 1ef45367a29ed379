// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/tables.h"

#include "arch/paging.h"
#include "kernel/memory.h"

/* Combined rights of an entry and those above: writable and user if all allow it, executable if
 * none forbids it. */
static uint64_t rights_below(uint64_t above, uint64_t e)
{
	return (above & e & (PTE_W | PTE_U)) | ((above | e) & PTE_NX);
}

#define ALL_RIGHTS (PTE_W | PTE_U)

typedef bool leaf_fn(struct tables_check *c, uint64_t va, uint64_t frame, uint64_t bytes,
		     uint64_t rights);

static bool walk(struct tables_check *c, mpa_t table, int level, uint64_t va, uint64_t above,
		 leaf_fn *fn)
{
	const volatile uint64_t *entry = direct(table);

	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		uint64_t e = entry[i], at = va + i * pt_span(level);

		if (!(e & PTE_P))
			continue;
		if (level == 4 && i >= PT_ENTRIES / 2)
			at |= 0xffff000000000000;
		uint64_t rights = rights_below(above, e);
		bool good = level == 1 || (e & PTE_PS)
				    ? fn(c, at, e & PTE_ADDR, pt_span(level), rights)
				    : walk(c, MPA(e & PTE_ADDR), level - 1, at, rights, fn);
		if (!good)
			return false;
	}
	return true;
}

static bool wrong(struct tables_check *c, uint64_t va, const char *why)
{
	c->va = va;
	c->why = why;
	return false;
}

static bool find_code(struct tables_check *c, uint64_t va, uint64_t frame, uint64_t bytes,
		      uint64_t rights)
{
	if (rights & PTE_NX)
		return true;
	for (unsigned i = 0; i < c->runs; i++)
		if (frame >= c->run[i].start && frame <= c->run[i].end) {
			c->run[i].end = MAX(c->run[i].end, frame + bytes);
			return true;
		}
	if (c->runs == TABLES_RUNS)
		return wrong(c, va, "executable, and should not be");
	c->run[c->runs].start = frame;
	c->run[c->runs++].end = frame + bytes;
	return true;
}

static bool check_leaf(struct tables_check *c, uint64_t va, uint64_t frame, uint64_t bytes,
		       uint64_t rights)
{
	c->leaves++;
	if (rights & PTE_U)
		return wrong(c, va, "open to ring 3");
	if (!(rights & PTE_W))
		return true;
	if (!(rights & PTE_NX))
		return wrong(c, va, "writable and executable");
	for (unsigned i = 0; i < c->runs; i++)
		if (frame < c->run[i].end && frame + bytes > c->run[i].start)
			return wrong(c, va, "writable, and executable at another address");
	return true;
}

void tables_find_code(struct tables_check *c, mpa_t table, int level, uint64_t va)
{
	walk(c, table, level, va, ALL_RIGHTS, find_code);
}

bool tables_check(struct tables_check *c, mpa_t table, int level, uint64_t va)
{
	return !c->why && walk(c, table, level, va, ALL_RIGHTS, check_leaf);
}

/* The entry that maps va's page, with combined rights; 0: none. */
static uint64_t lookup(mpa_t root, uint64_t va)
{
	uint64_t rights = ALL_RIGHTS;

	for (int level = 4; level > 0; level--) {
		uint64_t e = ((uint64_t *)direct(root))[pt_index(va, level)];

		if (!(e & PTE_P))
			return 0;
		rights = rights_below(rights, e);
		if (level == 1 || (e & PTE_PS))
			return (e & PTE_ADDR) | rights | PTE_P;
		root = MPA(e & PTE_ADDR);
	}
	return 0;
}

bool tables_stack_is_guarded(mpa_t root, uint64_t top, uint64_t bytes)
{
	for (uint64_t at = top - bytes; at < top; at += PAGE_SIZE)
		if ((lookup(root, at) & (PTE_P | PTE_W | PTE_U | PTE_NX)) !=
		    (PTE_P | PTE_W | PTE_NX))
			return false;
	return !lookup(root, top - bytes - PAGE_SIZE);
}
