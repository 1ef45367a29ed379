// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Link counts of shadow pages. A page's count is the number of entries that link to it, in all
 * tables. Three functions change an entry that links, or create one. Each is proved to keep the
 * count of any page right, whatever the entry and the count. They run one after the other, with the
 * lock held, so the counts are right after any number of calls.
 */
#define VENEER_HOST
#include "proof.h"

#include "machine_address.h"
#include "engine/ring/shadow/fill.c"
#include "engine/ring/shadow/pool.c"
#include "engine/ring/shadow/sync.c"

#define PAGES	4
#define ENTRIES (MMU_POOL_MAX * (uint64_t)PT_ENTRIES) /* the entries of all possible tables */

void mmu_interleave(void)
{
}

/* A pool, and the page whose count is examined. */
struct pool {
	struct mmu *m;
	struct shadow *shadow;
	unsigned page;
	uint64_t others; /* how many other entries link to it */
};

static void any_pool(struct pool *p, struct mmu *m, struct shadow *shadow)
{
	m->pool = MPA((uint64_t)any_u32() << PAGE_SHIFT);
	m->pool_pages = PAGES;
	m->shadow = shadow;
	p->m = m;
	p->shadow = shadow;
	assume(p->page < PAGES && p->others < ENTRIES);
}

/* The invariant: a link names a page of the pool, and the count of the examined page is right. */
static bool counted(const struct pool *p, uint64_t entry, int level)
{
	bool link = shadow_is_table(entry, level);
	unsigned below = shadow_linked(p->m, entry);

	return (!link || below < PAGES) &&
	       p->shadow[p->page].links == p->others + (link && below == p->page);
}

/* Writes to lists, and to a page's description except for its count. */
void taken_shadow_give_back(struct mmu *m, unsigned page)
{
	struct shadow *s = &m->shadow[page];

	s->state = SHADOW_DYING;
	s->next = any_u16();
	s->key = any_u64();
	s->kernel = any_u8() & 1;
	m->dying = any_u16();
}

PROOF(clear_entry, "shadow_clear_entry keeps each page's count right, and gives it back when its "
		   "last link goes: "
		   "every entry of every level, every count, pools of 4 pages")
{
	struct mmu m;
	struct shadow shadow[PAGES];
	struct pool p;
	uint64_t entry = any_u64();
	int level = 1 + (any_u8() & 3);

	any_pool(&p, &m, shadow);
	assume(counted(&p, entry, level));
	bool was = shadow[p.page].links != p.others;
	shadow_clear_entry(&m, &entry, level);
	prove(!entry && counted(&p, entry, level));
	prove(!was || p.others || shadow[p.page].state == SHADOW_DYING);
	possible(was && p.others == ENTRIES - 1);
	possible(was && !p.others);
}

PROOF(sync_entry,
      "sync_entry keeps each page's count right, whatever the guest's table says: the same, "
      "guests of up to 16 TiB")
{
	struct mmu m;
	struct shadow shadow[PAGES];
	struct pool p;
	struct guest_memory memory;
	uint64_t entry = any_u64(), key = any_u64();
	unsigned index = any_u16();
	int level = 1 + (any_u8() & 3);

	any_pool(&p, &m, shadow);
	uint64_t bytes = (uint64_t)any_u32() << PAGE_SHIFT;
	const char *ram = any_memory(bytes, PAGE_SIZE);
	guest_memory_init(&memory, machine_address(ram), bytes, MPA(0), 0);
	m.memory = &memory;
	/* the page was RAM when the table was mirrored */
	assume((key & PTE_ADDR) < bytes && index < PT_ENTRIES);
	assume(entry && counted(&p, entry, level));
	bool was = shadow[p.page].links != p.others;
	sync_entry(&m, &entry, key, index, level);
	prove(counted(&p, entry, level));
	possible(was && entry);
	possible(was && !entry);
}

PROOF(link_table, "link_table keeps each page's count right, and links to the page that is asked "
		  "for: every one of 8 "
		  "entries that links to no table, the same")
{
	struct mmu m;
	struct shadow shadow[PAGES];
	struct pool p;
	uint64_t table[GROUP], bits = any_u64() & (PTE_P | PTE_A | RIGHTS);
	unsigned index = any_u16(), below = any_u8();
	int level = 2 + any_u8() % 3;

	any_pool(&p, &m, shadow);
	m.pool = MPA((uint64_t)table - (uint64_t)host_memory);
	assume(!(m.pool.v & ~PTE_ADDR) && m.pool.v < 1ull << 45);
	assume(index < GROUP && below < PAGES && (bits & PTE_P));
	assume(!shadow_is_table(table[index], level) && counted(&p, table[index], level));
	link_table(&m, 0, index, below, bits);
	prove(counted(&p, table[index], level));
	prove(shadow_linked(&m, table[index]) == below);
	possible(below == p.page && p.others == ENTRIES - 1);
}
