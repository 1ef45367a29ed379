// SPDX-License-Identifier: GPL-2.0-or-later
/* Page tables that are invalid, that change during a walk, or that are too many. */
#include "pv.h"

#define PTE_P	 0x001ull
#define PTE_PS	 0x080ull
#define PTE_ADDR 0x000ffffffffff000ull
#define USUAL	 0x067ull /* present, writable, user, accessed, dirty */

static uint64_t frame(struct random *r)
{
	switch (below(r, 64)) {
	case 0: return info->memory + 4096ull * below(r, 16); /* vCPU pages, and beyond */
	case 1: return edge(r) & PTE_ADDR;
	case 2: return random64(r) & PTE_ADDR;
	case 3: return info->memory - 4096ull * (1 + below(r, 4));
	case 4: return (uint64_t)roots[below(r, VCPUS)][below(r, ROOTS)];
	case 5: return VCPU_PAGES + 4096ull * below(r, 2 * VCPUS);
	case 6 ... 20: return DATA + 4096ull * below(r, DATA_PAGES);
	default: return table_at(r);
	}
}

static uint64_t entry(struct random *r)
{
	uint64_t e = frame(r) | USUAL;

	switch (below(r, 32)) {
	case 0: return 0;
	case 1: return e & ~PTE_P;
	case 2: return e | 1ull << (32 + below(r, 32)); /* reserved bits among them */
	case 3: return e ^ (about(r, 12) & ~PTE_P);
	case 4: return e | PTE_PS;
	case 5: return (e & ~0x1fffffull) | PTE_PS | USUAL;
	case 6: return random64(r);
	case 7: return e & ~(1ull << (1 + below(r, 6)));
	default: return e;
	}
}

static unsigned index(struct random *r)
{
	return one_in(r, 8) ? below(r, 512) : one_in(r, 8) ? 511 - about(r, 4) : about(r, 3);
}

/* A slot of a root, except the one that maps this code and the hypervisor's. */
static unsigned slot(struct random *r)
{
	static const uint16_t slots[] = { 1, 2, 3, 255, 258, 510 };

	return one_in(r, 16) ? 1 + below(r, 255) : slots[below(r, 6)];
}

/* Often one that recently led to memory. */
static uint64_t address(struct self *s)
{
	struct random *r = &s->random;
	uint64_t known = s->known[below(r, KNOWN)];

	if (known && one_in(r, 2))
		return known;
	uint64_t va = (uint64_t)slot(r) << 39 | (uint64_t)index(r) << 30 |
		      (uint64_t)index(r) << 21 | (uint64_t)index(r) << 12 | (below(r, 4096) & ~7u);

	return va >> 47 ? va | ~0ull << 48 : va;
}

/* An entry in the walk of an address, or any. */
static volatile uint64_t *some_entry(struct self *s)
{
	struct random *r = &s->random;
	unsigned root = one_in(r, 2) ? s->root : below(r, ROOTS);
	unsigned id = one_in(r, 2) ? s->id : below(r, info->vcpus);
	uint64_t va = address(s), table = (uint64_t)roots[id][root];

	if (one_in(r, 4))
		return (volatile uint64_t *)table_at(r) + index(r);
	if (one_in(r, 4))
		return &roots[id][root][slot(r)];
	for (unsigned level = 4, last = 1 + below(r, 3); level > last; level--) {
		uint64_t e = ((volatile uint64_t *)table)[va >> (12 + 9 * (level - 1)) & 511];

		if (!(e & PTE_P) || !is_spare(e & PTE_ADDR))
			break;
		table = e & PTE_ADDR;
		if (level - 1 == last)
			return (volatile uint64_t *)table + (va >> (12 + 9 * (last - 1)) & 511);
	}
	return (volatile uint64_t *)table_at(r) + index(r);
}

void attack_tables(struct self *s)
{
	struct random *r = &s->random;
	unsigned n = 1 + about(r, 3);

	s->attempts += n - 1;
	while (n--)
		*some_entry(s) = entry(r);
}

enum leads { LEADS_NOWHERE, LEADS_OUTSIDE, LEADS_TO_MEMORY, UNCLEAR };

/* What the tables say about an address now, in simple cases. */
static enum leads walk(const uint64_t *root, uint64_t va, uint64_t *gpa)
{
	uint64_t table = (uint64_t)root, e = 0, size;

	for (int level = 4; level > 0; level--) {
		if (table >= info->memory)
			return LEADS_OUTSIDE;
		e = ((volatile uint64_t *)table)[va >> (12 + 9 * (level - 1)) & 511];
		if (!(e & PTE_P))
			return LEADS_NOWHERE;
		size = 1ull << (12 + 9 * (level - 1));
		if (level > 1 && e & PTE_PS) {
			*gpa = (e & PTE_ADDR & ~(size - 1)) | (va & (size - 1));
			return level > 2		    ? UNCLEAR
			       : *gpa + 4096 > info->memory ? LEADS_OUTSIDE
							    : LEADS_TO_MEMORY;
		}
		table = e & PTE_ADDR;
	}
	*gpa = table | (va & 4095);
	return *gpa >= info->memory ? LEADS_OUTSIDE : LEADS_TO_MEMORY;
}

static void run_there(struct self *s, uint64_t va)
{
	struct registers g;

	random_registers(&s->random, &g);
	g.rax = 0; /* zeroes decode as ADD to memory at RAX, which then faults */
	arm(s);
	s->dirty = ~0u;
	run_code(&g, (const void *)va);
}

static void touch(struct self *s, uint64_t va)
{
	struct random *r = &s->random;
	volatile uint64_t *at = (volatile uint64_t *)va;
	uint64_t gpa = 0;
	enum leads where = walk(roots[s->id][s->root], va, &gpa);

	/* memory outside ends the guest, so rarely */
	if (where == LEADS_OUTSIDE && below(r, 4096))
		return;
	if (where == LEADS_TO_MEMORY)
		s->known[below(r, KNOWN)] = va;
	if (where == LEADS_TO_MEMORY && is_spare(gpa) && one_in(r, 4))
		*at = one_in(r, 2) ? entry(r) : edge(r);
	else if (one_in(r, 256) && is_spare(gpa))
		run_there(s, va);
	else
		found(va, *at);
}

/* The secret itself is never in a register here, or a search would find our own copy. */
void found(uint64_t va, uint64_t seen)
{
	__asm__("notq %0" : "+r"(seen));
	if (seen != ~SECRET)
		return;
	failures++;
	say("\nNOT AS IT MUST: at %p is what the neighbour knows\n", (void *)va);
}

/* Searches a page that is not ours but readable. A page that is not mapped ends the search. */
static void search(struct self *s)
{
	struct random *r = &s->random;
	uint64_t at = VENEER_GATE_BASE +
		      (one_in(r, 2) ? 0x200000 + 4096ull * below(r, 8) : 4096ull * below(r, 80));

	for (unsigned i = 0; i < 512; i++, at += 8)
		found(at, *(volatile uint64_t *)at);
}

void attack_touch(struct self *s)
{
	if (one_in(&s->random, 64))
		s->touches = 0; /* enough of that range */
	if (one_in(&s->random, 64)) {
		search(s);
		return;
	}
	if (!s->touches) {
		touch(s, address(s));
		return;
	}
	for (unsigned n = 0; s->touches && n < 4096; n++) {
		uint64_t va = s->touch;

		s->touches--;
		s->touch += s->stride;
		s->attempts++;
		touch(s, va);
	}
}

void attack_roots(struct self *s)
{
	struct random *r = &s->random;
	uint64_t at =
		(uint64_t)roots[one_in(r, 8) ? below(r, info->vcpus) : s->id][below(r, ROOTS)];

	switch (below(r, 8)) {
	case 0:
	case 1:
		s->root = below(r, ROOTS);
		s->dirty &= ~DIRTY_ROOT;
		call(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)roots[s->id][s->root] | below(r, 2), 0, 0);
		break;
	case 2:
		s->dirty |= DIRTY_ROOT;
		call(VENEER_HC_MMU_LOAD_ROOT, at | below(r, 2), 0, 0);
		break;
	case 3: call(VENEER_HC_MMU_DROP_ROOT, one_in(r, 4) ? edge(r) : at, 0, 0); break;
	case 4: call(VENEER_HC_MMU_FLUSH, 0, ~0ull, 0); break;
	case 5: call(VENEER_HC_MMU_FLUSH, edge(r), edge(r), 0); break;
	default: call(VENEER_HC_MMU_FLUSH, address(s), 4096ull << about(r, 5), 0);
	}
}

/* --- checks that addresses read as the tables say --- */

static unsigned holder;	  /* the vCPU that the others wait for, plus one; 0: none */
static unsigned standing; /* a bit for each */

void stand_still(struct self *s)
{
	unsigned mine = 1u << s->id;

	if (__atomic_load_n(&holder, __ATOMIC_ACQUIRE) == s->id + 1) /* what it did was ended */
		__atomic_store_n(&holder, 0, __ATOMIC_RELEASE);
	while (__atomic_load_n(&holder, __ATOMIC_ACQUIRE)) {
		__atomic_or_fetch(&standing, mine, __ATOMIC_SEQ_CST);
		call(VENEER_HC_YIELD, 0, 0, 0);
	}
	__atomic_and_fetch(&standing, ~mine, __ATOMIC_SEQ_CST);
}

/* A vCPU that is stuck does not wait, so this does not wait for it for long. */
static bool hold_others(const struct self *s)
{
	unsigned none = 0;

	if (!__atomic_compare_exchange_n(&holder, &none, s->id + 1, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return false;
	for (unsigned n = 0, id = 0; n < 256; n++) {
		while (id < info->vcpus &&
		       (id == s->id || __atomic_load_n(&standing, __ATOMIC_SEQ_CST) >> id & 1 ||
			call(VENEER_HC_VCPU_STOPPED, id, 0, 0) == 1))
			id++;
		if (id == info->vcpus)
			return true;
		call(VENEER_HC_YIELD, 0, 0, 0);
	}
	return false;
}

static void is_wrong(uint64_t va, uint64_t seen, uint64_t gpa, uint64_t is)
{
	failures++;
	say("\nNOT AS IT MUST: %p reads %p, its page at %p holds %p\n", (void *)va, (void *)seen,
	    (void *)gpa, (void *)is);
}

/* After a flush, and while nobody changes the tables. If there is no page, the read does not
 * return. */
static void compare_one(const struct self *s, uint64_t va)
{
	if (s->root >= ROOTS) /* see mend() */
		return;
	uint64_t gpa = 0, again = 0, is = 0;
	const uint64_t *root = roots[s->id][s->root];
	enum leads where = walk(root, va, &gpa);
	if (where == UNCLEAR || where == LEADS_OUTSIDE)
		return;
	if (where == LEADS_TO_MEMORY && !is_spare(gpa))
		return;
	uint64_t seen = *(volatile uint64_t *)va;
	if (where == LEADS_TO_MEMORY)
		is = *(volatile uint64_t *)gpa;
	if (walk(root, va, &again) != where || gpa != again)
		return;
	if (where == LEADS_NOWHERE || seen != is)
		is_wrong(va, seen, gpa, is);
}

static void compare_known(struct self *s)
{
	uint64_t va = address(s);

	call(VENEER_HC_MMU_FLUSH, va, 4096, 0);
	compare_one(s, va);
}

/* An entry that was not present before needs no flush, even if others have used the table. */
static void compare_new(struct self *s)
{
	struct random *r = &s->random;
	uint64_t base = (address(s) & ~0ull << 39), *root = roots[s->id][s->root];
	volatile uint64_t *to = &root[base >> 39 & 511];

	*to = 0;
	call(VENEER_HC_MMU_FLUSH, 0, ~0ull, 0);
	*to = table_at(r) | USUAL;
	for (unsigned n = 0; n < 64; n++) {
		uint64_t va = base | (uint64_t)index(r) << 30 | (uint64_t)index(r) << 21 |
			      (uint64_t)index(r) << 12,
			 gpa;

		/* where nothing is mapped, the read ends the attempt */
		if (walk(root, va, &gpa) == LEADS_TO_MEMORY || one_in(r, 32))
			compare_one(s, va);
	}
}

static void compare(struct self *s)
{
	if (s->dirty & DIRTY_ROOT)
		return;
	if (info->vcpus == 1 || hold_others(s))
		for (unsigned n = info->vcpus > 1 ? 16 : 1; n--; s->attempts++)
			one_in(&s->random, 2) ? compare_known(s) : compare_new(s);
	if (info->vcpus > 1)
		stand_still(s); /* the others may continue */
}

static void fill(uint64_t table, uint64_t e, uint64_t step)
{
	for (unsigned i = 0; i < 512; i++, e += step)
		((volatile uint64_t *)table)[i] = e;
}

/* Fills a series of tables, with the same value in all entries or with ascending values. */
static uint64_t fill_tables(struct self *s, uint64_t pages)
{
	struct random *r = &s->random;
	uint64_t e = entry(r), step = one_in(r, 4) ? 4096 : 0, first = TABLES;

	if (pages > TABLE_PAGES / 2) {
		if (spare_pages <= pages)
			return 0;
		first = first_spare + 4096 * below(r, (uint32_t)(spare_pages - pages));
	} else {
		first += 4096ull * below(r, (uint32_t)(TABLE_PAGES - pages));
	}
	for (uint64_t i = 0; i < pages; i++)
		fill(first + 4096 * i, e, step);
	s->attempts += pages;
	return first;
}

/* --- changes and flushes of one vCPU during faults of the others --- */

#define RACE_SLOT 5
#define RACE_VA	  ((uint64_t)RACE_SLOT << 39)

static uint64_t race_tables[4][512] __attribute__((aligned(4096))); /* of levels 3, 2, 1, 1 */
static uint64_t race_pages[2][512] __attribute__((aligned(4096)));
static bool race_is_on;
static unsigned racers;

#define RACE_NS 100000000 /* for the whole race: a tick would end it */

static void enter_race(struct self *s)
{
	s->dirty |= DIRTY_TIMER;
	call(VENEER_HC_TIMER_SET, now_ns() + RACE_NS, 0, 0);
	roots[s->id][s->root][RACE_SLOT] = (uint64_t)race_tables[0] | USUAL;
	call(VENEER_HC_MMU_FLUSH, RACE_VA, 4096, 0);
}

/* One of the two pages is always mapped. */
void join_race(struct self *s)
{
	if (!s->id) /* what it did was ended */
		__atomic_store_n(&race_is_on, false, __ATOMIC_RELEASE);
	if (!__atomic_load_n(&race_is_on, __ATOMIC_ACQUIRE) || s->dirty & DIRTY_ROOT)
		return;
	enter_race(s);
	__atomic_add_fetch(&racers, 1, __ATOMIC_RELEASE);
	for (unsigned n = 0; n < 1 << 14 && __atomic_load_n(&race_is_on, __ATOMIC_ACQUIRE); n++) {
		(void)*(volatile uint64_t *)RACE_VA;
		call(VENEER_HC_VERSION, 0, 0, 0); /* the exit empties its TLB */
		s->attempts++;
	}
}

/* Unless an attack on the roots has interfered. */
static void look_at_race(const struct self *s)
{
	uint64_t seen = *(volatile uint64_t *)RACE_VA, e;

	e = *(volatile uint64_t *)&roots[s->id][s->root][RACE_SLOT];
	if (seen != 1 && e == ((uint64_t)race_tables[0] | USUAL))
		is_wrong(RACE_VA, seen, (uint64_t)race_pages[1], 1);
}

/* Not for long: the others may be busy or stopped. */
static void wait_for_racer(void)
{
	for (unsigned n = 0; n < 1 << 14 && !__atomic_load_n(&racers, __ATOMIC_ACQUIRE); n++)
		__asm__ volatile("pause");
}

/* After its own flush, each vCPU must see the change, at once and later, whoever filled the shadow
 * meanwhile. Two tables are linked in turn, and two pages in them. */
static void race(struct self *s)
{
	uint64_t *l3 = race_tables[0], *l2 = race_tables[1];

	if (s->id || info->vcpus < 2 || s->dirty & DIRTY_ROOT)
		return;
	for (unsigned id = 1; id < info->vcpus; id++)
		start_vcpu(s, id);
	l3[0] = (uint64_t)l2 | USUAL;
	race_pages[1][0] = 1;
	for (unsigned n = 0; n < 1024; n++, s->attempts++) {
		volatile uint64_t *l1 = race_tables[2 + n % 2];

		l1[0] = (uint64_t)race_pages[0] | USUAL;
		*(volatile uint64_t *)&l2[0] = (uint64_t)l1 | USUAL;
		if (!n) {
			enter_race(s);
			__atomic_store_n(&racers, 0, __ATOMIC_RELEASE);
			__atomic_store_n(&race_is_on, true, __ATOMIC_RELEASE);
			wait_for_racer();
		}
		call(VENEER_HC_MMU_FLUSH, RACE_VA, 4096, 0);
		for (unsigned wait = below(&s->random, 4096); wait; wait--)
			__asm__ volatile("");
		l1[0] = (uint64_t)race_pages[1] | USUAL;
		call(VENEER_HC_MMU_FLUSH, RACE_VA, 4096, 0);
		for (unsigned looks = 1 + below(&s->random, 8); looks; looks--) {
			look_at_race(s);
			call(VENEER_HC_VERSION, 0, 0, 0); /* the exit empties its TLB */
		}
	}
	__atomic_store_n(&race_is_on, false, __ATOMIC_RELEASE);
}

/* Addresses of a wide tree and beyond, in steps of a page, a table or a table of tables. A long
 * range takes many attacks, since each exception ends one. */
static void touch_row(struct self *s, uint64_t va, uint64_t count)
{
	s->stride = 4096ull << 9 * below(&s->random, 3);
	s->touch = va & ~(s->stride * 512 - 1);
	s->touches = (unsigned)count;
	attack_touch(s);
}

/* Makes a root's slot lead to a table that leads to all tables of a series. */
static void grow_tree(struct self *s)
{
	struct random *r = &s->random;
	uint64_t pages = one_in(r, 2) ? 1 + below(r, 300) : 1 + about(r, 6), va = address(s);
	uint64_t above = table_at(r), first = fill_tables(s, pages);

	if (!first)
		return;
	roots[s->id][s->root][va >> 39 & 511] = above | USUAL;
	for (uint64_t i = 0; i < pages; i++)
		((volatile uint64_t *)above)[i] = (first + 4096 * i) | USUAL;
	if (one_in(r, 2))
		call(VENEER_HC_MMU_FLUSH, 0, ~0ull, 0);
	touch_row(s, va & ~0ull << 39, one_in(r, 2) ? 512 * pages : 1u << below(r, 18));
}

/* More links to one table than 16 bits can count; then some are removed. */
static void link_many(struct self *s)
{
	struct random *r = &s->random;
	uint64_t pages = 129 + below(r, 32), va = address(s), leaf = table_at(r),
		 above = table_at(r);

	if (spare_pages <= pages)
		return;
	uint64_t first = first_spare + 4096 * below(r, (uint32_t)(spare_pages - pages));
	fill(leaf, (DATA + 4096ull * below(r, DATA_PAGES)) | USUAL, 0);
	roots[s->id][s->root][va >> 39 & 511] = above | USUAL;
	for (uint64_t i = 0; i < pages; i++) {
		fill(first + 4096 * i, leaf | USUAL, 0);
		((volatile uint64_t *)above)[i] = (first + 4096 * i) | USUAL;
	}
	s->attempts += pages;
	call(VENEER_HC_MMU_FLUSH, 0, ~0ull, 0);
	va &= ~0ull << 39;
	for (uint64_t i = 0; i < 512 * pages; i++, s->attempts++)
		(void)*(volatile uint64_t *)(va + i * 512 * 4096);
	for (unsigned n = 1 + below(r, 64); n--;)
		((volatile uint64_t *)above)[below(r, (uint32_t)pages)] = 0;
	call(VENEER_HC_MMU_FLUSH, 0, ~0ull, 0);
}

static void touch_many(struct self *s)
{
	touch_row(s, address(s), 1u << below(&s->random, 18));
}

static void many_descriptors(struct self *s)
{
	static const uint16_t counts[] = { 0, 1, 511, 512, 513, 1024, 4096, 8191, 8192, 8193 };
	struct random *r = &s->random;

	call(one_in(r, 4) ? VENEER_HC_SET_GDT : VENEER_HC_SET_LDT,
	     one_in(r, 4) ? own_address(r) : DESCRIPTORS, counts[below(r, 10)], 0);
	s->dirty |= DIRTY_TABLES;
}

void attack_bulk(struct self *s)
{
	switch (below(&s->random, 8)) {
	case 0: one_in(&s->random, 8) ? link_many(s) : grow_tree(s); break;
	case 1: touch_many(s); break;
	case 2: one_in(&s->random, 2) ? many_descriptors(s) : race(s); break;
	default: compare(s);
	}
}
