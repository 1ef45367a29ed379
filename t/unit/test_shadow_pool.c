// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pool of shadow pages at its limits: more links to one page than 16 bits can count, wrong
 * counts, as if caused by a bug, and the maximum number of vCPUs with the minimum of memory. The
 * processor's walk of the shadows must always end in the guest's memory, and every fault must be
 * resolved.
 */
#include <unistd.h>

#include "engine/ring/shadow/shadow.h"
#include "kernel/gate.h"
#include "load_root.h"
#include "tap.h"

#define MEMORY_AT MIB(4)
#define MEMORY	  MIB(4)
#define VCPUS	  8
#define PAGES_AT  MIB(8)
#define POOL_AT	  MIB(10)
#define HOST	  MIB(16)

#define P	  (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)

char *host_memory;
static struct guest_memory memory;
static struct mmu m;
static struct shadow shadow[MMU_POOL_MAX];
static struct mmu_view view[VCPUS];

static void begin(unsigned pool_pages)
{
	memset(host_memory, 0, HOST);
	guest_memory_init(&memory, MPA(MEMORY_AT), MEMORY, MPA(PAGES_AT), VCPUS * PAGE_SIZE);
	m = (struct mmu){ 0 };
	mmu_init(&m, &memory, MPA(POOL_AT), pool_pages, shadow);
	empty_pool(&m);
	for (unsigned i = 0; i < VCPUS; i++) {
		view[i] = (struct mmu_view){ .cpu = i, .gate_pdpt = MIB(15) + i * PAGE_SIZE };
		mmu_attach(&m, &view[i]);
	}
}

static void load(unsigned vcpu, uint64_t root_page)
{
	const struct paging p = { .mode = PAGING_64,
				  .root = GPA(root_page * PAGE_SIZE),
				  .write_protect = true,
				  .no_execute = true };

	load_root(&view[vcpu], &p, false);
}

static uint64_t *table(uint64_t page)
{
	return (uint64_t *)(host_memory + MEMORY_AT + page * PAGE_SIZE);
}

static uint64_t link_to(uint64_t page)
{
	return page * PAGE_SIZE | P;
}

static bool is_guests(uint64_t pa)
{
	return pa - MEMORY_AT < MEMORY || pa - PAGES_AT < VCPUS * PAGE_SIZE;
}

/* Translates va like the processor: returns a machine address, or 0 for a fault. An address outside
 * the guest's memory is returned too, since that is the bug to find. */
static uint64_t translate(unsigned vcpu, uint64_t va)
{
	uint64_t at = mmu_root(&view[vcpu]).v;

	for (int level = 4; level; level--) {
		if (at - POOL_AT >= m.pool_pages * PAGE_SIZE)
			return at;
		uint64_t e = ((uint64_t *)direct(MPA(at)))[pt_index(va, level)];

		if (!(e & PTE_P))
			return 0;
		at = e & PTE_ADDR;
		if (level == 2 && (e & PTE_PS))
			return at + (va & (LARGE_SIZE - 1) & PAGE_MASK);
	}
	return at;
}

static uint64_t touch(unsigned vcpu, uint64_t va)
{
	for (unsigned tries = 0; tries < 3; tries++) {
		uint64_t pa = translate(vcpu, va);
		unsigned error = PF_WRITE | PF_USER;

		if (pa)
			return pa;
		switch (mmu_fault(&view[vcpu], GVA(va), &error)) {
		case MMU_AGAIN: tries--; break;
		case MMU_FILLED: break;
		default: return 0;
		}
	}
	return 0;
}

static const char *wrong_with_it(void)
{
	struct table_report r;

	return mmu_check(&m, &r) ? "nothing" : r.what;
}

static bool is_sound(void)
{
	const char *what = wrong_with_it();

	if (strcmp(what, "nothing"))
		printf("# %s\n", what);
	return !strcmp(what, "nothing");
}

/* Guest pages: the root, its level-3 table, a table that all entries of all level-2 tables name,
 * data, two more tables, and from 16 on the level-2 tables. */
enum { ROOT, LEVEL3, TABLE, DATA, OTHER2, OTHER1, LEVEL2 = 16 };
#define DATA_PA	    (MEMORY_AT + DATA * PAGE_SIZE)
#define VA(i, k, n) ((uint64_t)(i) << 30 | (uint64_t)(k) << 21 | (uint64_t)(n) << 12)

static void make_links(unsigned links)
{
	begin(256);
	table(ROOT)[0] = link_to(LEVEL3);
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		table(TABLE)[i] = link_to(DATA);
	for (unsigned i = 0; i * PT_ENTRIES < links; i++) {
		table(LEVEL3)[i] = link_to(LEVEL2 + i);
		for (unsigned k = 0; k < PT_ENTRIES; k++)
			table(LEVEL2 + i)[k] = link_to(TABLE);
	}
	load(0, ROOT);
	for (unsigned n = 0; n < links; n++)
		touch(0, VA(n / PT_ENTRIES, n % PT_ENTRIES, 5));
}

/* Removes the last link and creates two more tables. Returns how many of the remaining links lead
 * somewhere else. */
static unsigned escapes(unsigned links)
{
	uint64_t last = VA((links - 1) / PT_ENTRIES, (links - 1) % PT_ENTRIES, 5);
	unsigned out = 0;

	table(LEVEL2 + pt_index(last, 3))[pt_index(last, 2)] = 0;
	mmu_flush(&view[0], GVA(last), PAGE_SIZE);
	table(LEVEL3)[400] = link_to(OTHER2);
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		table(OTHER2)[i] = link_to(OTHER1);
	table(OTHER1)[0] = link_to(DATA);
	for (unsigned i = 0; i < PT_ENTRIES; i += 8)
		touch(0, VA(400, i, 0));
	for (unsigned n = 0; n < links - 1; n += 97)
		for (unsigned i = 0; i < PT_ENTRIES; i++) {
			uint64_t pa = translate(0, VA(n / PT_ENTRIES, n % PT_ENTRIES, i));

			out += pa && !is_guests(pa);
		}
	return out;
}

static void many_links(void)
{
	make_links(65537);
	ok(is_sound(), "65537 entries lead to one page, and its count says so");
	unsigned out = escapes(65537);
	ok(!out, "with one of them gone the others lead to the guest's memory (%u do not)", out);
	ok(touch(0, VA(0, 0, 5)) == DATA_PA && is_sound(),
	   "the other links lead where the tables say");
}

/* The same after a bug has lost all links but one; then the pool runs out repeatedly, with more and
 * fewer tables of each level, so that pages change their use. */
static void lost_count(void)
{
	unsigned out, changed = 0;

	make_links(600);
	unsigned page = shadow_find(&m, TABLE * PAGE_SIZE | 1);
	shadow[page].links = 1;
	out = escapes(600);
	ok(!out, "a page that is given back too early stays a table of its level");
	ok(!strcmp(wrong_with_it(), "a link to a page that is given back") ||
		   !strcmp(wrong_with_it(), "a count of links that is wrong"),
	   "the check finds a page that is freed too early");
	for (unsigned round = 0; round < 40; round++) {
		unsigned before = shadow[page].kind, tables = round % 2 ? 300 : 20;

		for (unsigned i = 0; i < 300; i++) /* level-2 tables, or level-1 tables */
			table(LEVEL3)[100 + i] = link_to(600 + i % tables);
		for (unsigned i = 0; i < 300; i++)
			for (unsigned k = 0; k < PT_ENTRIES; k++)
				table(600 + i)[k] = link_to(600 + (i + k) % 300);
		mmu_flush(&view[0], GVA(0), ~0ull);
		for (unsigned i = 0; i < 300; i++)
			touch(0, VA(100 + i, rnd() % PT_ENTRIES, rnd() % PT_ENTRIES));
		changed += shadow[page].kind != before;
		for (unsigned n = 0; n < 599; n++)
			for (unsigned i = 0; i < PT_ENTRIES; i += 7) {
				uint64_t pa = translate(0, VA(n / PT_ENTRIES, n % PT_ENTRIES, i));

				out += pa && !is_guests(pa);
			}
	}
	ok(!out && changed, "a page changes its level only when nothing links to it");
}

/* Removes all links to a page except the last one in the pool, and returns that; NULL if there is
 * none. */
static uint64_t *last_link(unsigned page)
{
	uint64_t *last = NULL;

	for (unsigned i = 0; i < m.pool_pages; i++)
		for (unsigned k = 0; shadow[i].kind == 2 && k < PT_ENTRIES; k++) {
			uint64_t *entry = &shadow_table(&m, i)[k];

			if (!*entry || shadow_linked(&m, *entry) != page)
				continue;
			if (last)
				*last = 0;
			last = entry;
		}
	return last;
}

static unsigned scan(void)
{
	unsigned parts = 0;

	for (m.scanned = false; !m.scanned; parts++) {
		m.budget = 20;
		shadow_make_room(&m);
	}
	return parts;
}

/* A page that is free although one link to it was forgotten, and the scan that would reuse it at
 * another level. */
static void forgotten_link(void)
{
	make_links(600);
	unsigned page = shadow_find(&m, TABLE * PAGE_SIZE | 1);

	shadow[page].links = 1;
	table(LEVEL2)[0] = 0;
	mmu_flush(&view[0], GVA(0), PAGE_SIZE);
	uint64_t *link = last_link(page);
	unsigned parts = scan();
	ok(link && shadow[page].state == SHADOW_FREE && shadow[page].kind == 1,
	   "a free page that a link leads to keeps its kind (%u parts)", parts);
	if (link)
		*link = 0;
	scan();
	ok(shadow[page].state == SHADOW_FREE && shadow[page].kind == SHADOW_ANY,
	   "a free page without links loses its kind");
}

/* Pages that are never freed, since more links were counted than there are. */
static void leaked(void)
{
	unsigned good = 0;

	begin(64);
	table(ROOT)[0] = link_to(LEVEL3);
	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		table(LEVEL3)[i] = link_to(LEVEL2 + i);
		table(LEVEL2 + i)[0] = link_to(TABLE);
	}
	table(TABLE)[0] = link_to(DATA);
	load(0, ROOT);
	for (unsigned i = 0; i < 400; i++) {
		good += touch(0, VA(i, 0, 0)) == DATA_PA;
		for (unsigned page = 0; i < 100 && page < m.pool_pages; page++)
			shadow[page].links +=
				shadow[page].state == SHADOW_USED && shadow[page].kind < 4;
	}
	is(good, 400, "counts that are too high lose no page for ever");
}

static void *take_page(void)
{
	bool again;
	void *page;

	do
		page = mmu_take_page(&m, &again);
	while (again);
	return page;
}

/* The maximum number of vCPUs, the minimum of memory, as many pages lent as allowed, with private
 * or mirrored trees. */
static void least_memory(bool private)
{
	void *lent[MMU_POOL_MAX];
	unsigned n = 0, wrong = 0;

	begin(MMU_POOL_MIN);
	for (unsigned i = 0; i < MEMORY / PAGE_SIZE / 4; i++)
		for (unsigned k = 0; k < PT_ENTRIES; k++)
			table(i)[k] = link_to(rnd() % (MEMORY / PAGE_SIZE / 4));
	while (n < MMU_POOL_MAX && (lent[n] = take_page()))
		memset(lent[n++], 0xff, PAGE_SIZE);
	for (unsigned i = 0; i < VCPUS; i++)
		if (private)
			load_root(&view[i], &(struct paging){ .mode = PAGING_OFF }, true);
		else
			load(i, i);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t va = private ? rnd() % (MEMORY + VCPUS * PAGE_SIZE) : rnd() >> 17;
		unsigned vcpu = rnd() % VCPUS;

		wrong += !is_guests(touch(vcpu, va));
		if (i % 64 == 0 && !private)
			load(vcpu, rnd() % 200);
		if (i % 1000 == 0)
			wrong += !is_sound();
	}
	ok(!wrong && n == MMU_POOL_MIN / MMU_LENT_SHARE,
	   "%s trees of %u vCPUs in %u pages, %u lent", private ? "private" : "mirrored", VCPUS,
	   MMU_POOL_MIN, n);
	while (n)
		mmu_give_page(&m, lent[--n]);
	for (unsigned i = 0; i < VCPUS; i++)
		mmu_unload(&view[i]);
	for (uint64_t i = 0; i < 200; i++)
		mmu_drop_root(&m, GPA(i * PAGE_SIZE));
	while (m.dying) {
		m.budget = MMU_PART;
		shadow_make_room(&m);
	}
	ok(is_sound() && m.pool_free == MMU_POOL_MIN, "all lent pages come back");
}

/* All pages return to the pool, whatever they were used for, a few at a time. */
static void reset(void)
{
	const unsigned pages = 3 * MMU_POOL_MIN + 1;
	unsigned before = 0, most = 0;
	bool again, done = false, sound = true;

	begin(pages);
	table(1)[0] = link_to(2);
	table(2)[0] = link_to(3);
	table(3)[0] = link_to(4);
	for (uint64_t i = 0; i < 512; i++)
		table(4)[i] = link_to(5);
	load(0, 1);
	touch(0, 0);
	mmu_take_page(&m, &again);
	mmu_unload(&view[0]);
	for (; !done && sound; before = m.pool_free) {
		sound = is_sound();
		done = mmu_reset_part(&m, !most);
		most = MAX(most, m.pool_free - before);
	}
	ok(sound && is_sound() && m.pool_free == pages && !m.lent, "a reset gives back all pages");
	ok(most < MMU_POOL_MIN, "a part of the reset gives back %u pages", most);
	load(0, 1);
	is(touch(0, 0), MEMORY_AT + 5 * PAGE_SIZE, "the pages can be used again");
}

int main(void)
{
	if (posix_memalign((void **)&host_memory, LARGE_SIZE, HOST))
		return 1;
	alarm(300); /* a fault may search for a page for ever */
	many_links();
	lost_count();
	forgotten_link();
	leaked();
	least_memory(true);
	least_memory(false);
	reset();
	free(host_memory);
	return done_testing();
}
