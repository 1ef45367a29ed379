// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The shadow tables: filling, bringing up to date, dropping, checking. See mmu.h.
 *
 * Pages are named by their index in the pool. A free page is all zero, which is why each keeps note
 * of the groups of eight entries that were ever set.
 */
#include "abi/veneer.h"
#include "core/string.h"
#include "mmu/memory.h"
#include "mmu/mmu.h"
#include "ring/gate.h"
#include "x86/acpi.h"
#include "x86/cpu.h"
#include "x86/paging.h"

/* Entries of a private tree above the leaf: everything is allowed. */
#define TABLE_BITS (PTE_P | PTE_W | PTE_U | PTE_A)
#define RIGHTS	   (PTE_W | PTE_U | PTE_NX)

/* In a mirrored table: the guest's entry is not present either. A fault on it names the reserved
 * bit, and the gate hands it to the guest without asking. */
#define NOT_PRESENT  (PTE_P | 1ull << 51)

#define GROUP	     8 /* entries with one bit in shadow.used: a cache line */
#define KEY_LEVEL    7
#define KEY_CPU(cpu) ((uint64_t)(cpu) << 3)

static void lock(struct mmu *m)
{
	while (__atomic_test_and_set(&m->lock, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void unlock(struct mmu *m)
{
	__atomic_clear(&m->lock, __ATOMIC_RELEASE);
}

static uint64_t *table_of(const struct mmu *m, unsigned page)
{
	return direct(MPA(m->pool.v + page * PAGE_SIZE));
}

static uint64_t link_to(const struct mmu *m, unsigned page)
{
	return m->pool.v + page * PAGE_SIZE;
}

static unsigned linked_page(const struct mmu *m, uint64_t entry)
{
	return (unsigned)(((entry & PTE_ADDR) - m->pool.v) >> PAGE_SHIFT);
}

static bool is_table(uint64_t entry, int level)
{
	return (entry & PTE_P) && level > 1 && !(entry & PTE_PS);
}

static void set(struct mmu *m, unsigned page, unsigned index, uint64_t entry)
{
	table_of(m, page)[index] = entry;
	m->shadow[page].used |= 1ull << index / GROUP;
}

bool mmu_can_mark;

void mmu_init(struct mmu *m, mpa_t pool, unsigned pool_pages, struct shadow *shadow)
{
	m->pool = pool;
	m->pool_pages = m->pool_free = pool_pages;
	m->shadow = shadow;
	m->resting = 0;
	m->lent = 0;
	m->not_present = mmu_can_mark ? NOT_PRESENT : 0;
	memset(m->bucket, 0, sizeof(m->bucket));
	memset(shadow, 0, pool_pages * sizeof(*shadow));
	for (unsigned i = 0; i < pool_pages; i++)
		shadow[i].next = (uint16_t)(i + 1 < pool_pages ? i + 2 : 0);
	m->free = 1;
}

/* --- finding, taking and giving back pages --- */

static uint16_t *bucket(struct mmu *m, uint64_t key)
{
	return &m->bucket[(key >> PAGE_SHIFT ^ key) % MMU_BUCKETS];
}

static unsigned find(struct mmu *m, uint64_t key)
{
	unsigned at = *bucket(m, key);

	while (at && m->shadow[at - 1].key != key)
		at = m->shadow[at - 1].next;
	return at ? at - 1 : MMU_NO_ROOT;
}

static void remove_key(struct mmu *m, unsigned page)
{
	uint16_t *at = bucket(m, m->shadow[page].key);

	while (*at != page + 1)
		at = &m->shadow[*at - 1].next;
	*at = m->shadow[page].next;
	m->shadow[page].key = 0;
}

/* Others may be walking what rests: once they have left the guest, they are not. */
static void end_rest(struct mmu *m)
{
	if (!m->resting)
		return;
	m->quiesce(m);
	while (m->resting) {
		struct shadow *s = &m->shadow[m->resting - 1];
		uint16_t next = s->next;

		s->next = m->free;
		m->free = m->resting;
		m->resting = next;
		m->pool_free++;
	}
}

/* A private page, or the new shadow of a guest's table; MMU_NO_ROOT when the pool is empty. */
static unsigned take(struct mmu *m, uint64_t key)
{
	if (!m->free)
		end_rest(m);
	if (!m->free)
		return MMU_NO_ROOT;
	unsigned page = m->free - 1u;
	struct shadow *s = &m->shadow[page];

	m->free = s->next;
	m->pool_free--;
	s->key = key;
	s->links = 0;
	if (key) {
		s->next = *bucket(m, key);
		*bucket(m, key) = (uint16_t)(page + 1);
	}
	return page;
}

static void give_back(struct mmu *m, unsigned page, int level);

/* What was remembered of translations no longer holds. */
static void changed(struct mmu *m)
{
	__atomic_store_n(&m->changes, m->changes + 1, __ATOMIC_RELEASE);
}

static void clear_entry(struct mmu *m, uint64_t *entry, int level)
{
	uint64_t old = *entry;

	*entry = 0;
	if (is_table(old, level)) {
		unsigned below = linked_page(m, old);

		if (!--m->shadow[below].links)
			give_back(m, below, level - 1);
	}
}

static void empty(struct mmu *m, unsigned page, int level)
{
	uint64_t *table = table_of(m, page), used = m->shadow[page].used;

	for (; used; used &= used - 1) {
		unsigned first = (unsigned)__builtin_ctzll(used) * GROUP;

		if (level == 1)
			memset(&table[first], 0, GROUP * sizeof(*table));
		else
			for (unsigned i = first; i < first + GROUP; i++)
				if (table[i] && !(level == 4 && i == GATE_SLOT))
					clear_entry(m, &table[i], level);
	}
	m->shadow[page].used = 0;
}

static void give_back(struct mmu *m, unsigned page, int level)
{
	struct shadow *s = &m->shadow[page];

	empty(m, page, level);
	if (level == 4)
		table_of(m, page)[GATE_SLOT] = 0;
	if (s->key)
		remove_key(m, page);
	m->drops++;
	if (m->quiesce) {
		s->next = m->resting;
		m->resting = (uint16_t)(page + 1);
	} else {
		s->next = m->free;
		m->free = (uint16_t)(page + 1);
		m->pool_free++;
	}
}

/* A root that no view uses has no links. False: there is none left to drop. */
static bool drop_oldest_root(struct mmu *m)
{
	unsigned victim = MMU_NO_ROOT;

	changed(m);

	for (unsigned i = 0; i < m->pool_pages; i++) {
		const struct shadow *s = &m->shadow[i];

		if ((s->key & KEY_LEVEL) == 4 && !s->links &&
		    (victim == MMU_NO_ROOT || s->stamp < m->shadow[victim].stamp))
			victim = i;
	}
	if (victim == MMU_NO_ROOT)
		return false;
	give_back(m, victim, 4);
	return true;
}

/* Roots in use stay, as they stand in CR3s, but are emptied. Only they have links from nowhere. */
static void empty_all(struct mmu *m, unsigned mine)
{
	for (unsigned i = 0; i < m->pool_pages; i++)
		if ((m->shadow[i].key & KEY_LEVEL) == 4 || i == mine)
			empty(m, i, 4);
}

/* --- roots --- */

static bool mirrored(const struct paging *p)
{
	return p->mode == PAGING_64 && p->write_protect && p->no_execute;
}

static void release_root(struct mmu_view *view)
{
	struct mmu *m = view->mmu;

	if (view->root == MMU_NO_ROOT)
		return;
	struct shadow *s = &m->shadow[view->root];
	s->links--;
	if (!s->key)
		give_back(m, view->root, 4);
	view->root = MMU_NO_ROOT;
}

static void sync_range(struct mmu *m, unsigned page, int level, uint64_t first, uint64_t last);

#define USER_LAST 0x00007fffffffffffull

void mmu_load_root(struct mmu_view *view, const struct paging *p, bool flush)
{
	struct mmu *m = view->mmu;
	uint64_t key = mirrored(p) ? p->root.v | 4 | KEY_CPU(view->cpu) : 0;

	lock(m);
	changed(m);
	view->paging = *p;
	release_root(view);
	unsigned page = key ? find(m, key) : MMU_NO_ROOT;
	if (page == MMU_NO_ROOT) {
		flush = false;
		while ((page = take(m, key)) == MMU_NO_ROOT && drop_oldest_root(m))
			;
		if (page == MMU_NO_ROOT) { /* other vCPUs hold everything */
			empty_all(m, MMU_NO_ROOT);
			page = take(m, key);
		}
		table_of(m, page)[GATE_SLOT] = view->gate_pdpt | PTE_P | PTE_W | PTE_A;
	}
	m->shadow[page].links++;
	m->shadow[page].stamp = ++m->stamp;
	view->root = page;
	m->sync++;
	if (flush)
		sync_range(m, page, 4, 0, USER_LAST);
	unlock(m);
}

void mmu_unload(struct mmu_view *view)
{
	lock(view->mmu);
	release_root(view);
	unlock(view->mmu);
}

mpa_t mmu_root(const struct mmu_view *view)
{
	return MPA(link_to(view->mmu, view->root));
}

void mmu_drop_root(struct mmu *m, gpa_t root)
{
	lock(m);
	changed(m);
	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
		unsigned page = find(m, root.v | 4 | KEY_CPU(cpu));

		if (page == MMU_NO_ROOT)
			continue;
		if (m->shadow[page].links)
			empty(m, page, 4);
		else
			give_back(m, page, 4);
	}
	unlock(m);
}

/* --- pages for others --- */

void *mmu_take_page(struct mmu *m)
{
	unsigned page = MMU_NO_ROOT;

	lock(m);
	if (m->lent < m->pool_pages / 4)
		while ((page = take(m, 0)) == MMU_NO_ROOT && drop_oldest_root(m))
			;
	m->lent += page != MMU_NO_ROOT;
	unlock(m);
	return page == MMU_NO_ROOT ? NULL : table_of(m, page);
}

void mmu_give_page(struct mmu *m, void *page)
{
	lock(m);
	unsigned at = linked_page(m, direct_mpa(page).v);
	m->shadow[at].used = ~0ull;
	m->lent--;
	give_back(m, at, 1);
	unlock(m);
}

/* --- bringing up to date --- */

/* The leaf that a guest's entry allows without setting bits in it: 0 if a fault must see to it. */
static uint64_t leaf_for(const struct mmu *m, uint64_t e, int level)
{
	uint64_t leaf = PTE_P | PTE_A | (e & (PTE_U | PTE_NX));

	if (!(e & PTE_P) && level == 1)
		return m->not_present;
	if ((e & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || (e & PTE_RESERVED))
		return 0;
	if ((e & PTE_W) && (e & PTE_D))
		leaf |= PTE_W | PTE_D;
	if (level == 1) {
		mpa_t frame = mmu_frame(m, GPA(e & PTE_ADDR));

		return frame.v ? leaf | frame.v : 0;
	}
	uint64_t start = e & PTE_ADDR & ~(LARGE_SIZE - 1);
	if ((e & PTE_ADDR & (LARGE_SIZE - 1) & ~0x1000ull) || start + LARGE_SIZE > m->memory_bytes)
		return 0;
	return leaf | PTE_PS | (m->memory.v + start);
}

/* A guest's table; what is mirrored was found to be RAM when its shadow was made. */
static uint64_t *table_memory(const struct mmu *m, uint64_t gpa)
{
	return direct(MPA(m->memory.v + gpa));
}

/* One entry of a mirrored table. */
static void sync_entry(struct mmu *m, unsigned page, int level, unsigned index)
{
	uint64_t *entry = &table_of(m, page)[index];
	const uint64_t *from = table_memory(m, m->shadow[page].key & PTE_ADDR);
	uint64_t e = *(volatile const uint64_t *)&from[index];

	if (!is_table(*entry, level)) {
		*entry = level == 1 || (e & PTE_PS) ? leaf_for(m, e, level) : 0;
		return;
	}
	const struct shadow *below = &m->shadow[linked_page(m, *entry)];
	if ((e & PTE_P) && !(e & (PTE_PS | PTE_RESERVED)) &&
	    below->key == ((e & PTE_ADDR) | (unsigned)(level - 1)))
		*entry = (*entry & ~RIGHTS) | (e & RIGHTS);
	else
		clear_entry(m, entry, level);
}

/* The entries for [first, last] of a table, of which only the bits below its span count. */
static void sync_range(struct mmu *m, unsigned page, int level, uint64_t first, uint64_t last)
{
	unsigned from = pt_index(first, level), to = pt_index(last, level);
	uint64_t *table = table_of(m, page);

	/* tables may be linked many times, even to themselves: once is enough */
	if (!first && last == ~0ull && level < 4) {
		if (m->shadow[page].synced == m->sync)
			return;
		m->shadow[page].synced = m->sync;
	}
	for (unsigned i = from; i <= to; i++) {
		if (!(m->shadow[page].used >> i / GROUP & 1)) {
			i |= GROUP - 1;
			continue;
		}
		if (!table[i] || (level == 4 && i == GATE_SLOT))
			continue;
		if (m->shadow[page].key)
			sync_entry(m, page, level, i);
		else if (!is_table(table[i], level))
			table[i] = 0;
		if (is_table(table[i], level))
			sync_range(m, linked_page(m, table[i]), level - 1, i == from ? first : 0,
				   i == to ? last : ~0ull);
	}
}

void mmu_flush(struct mmu_view *view, gva_t va, uint64_t bytes)
{
	uint64_t last = va.v + bytes - 1;

	if (!bytes)
		return;
	if (last < va.v)
		last = ~0ull;
	lock(view->mmu);
	changed(view->mmu);
	view->mmu->sync++;
	sync_range(view->mmu, view->root, 4, va.v, last);
	unlock(view->mmu);
}

/* --- filling --- */

/* The page that an entry above the leaf links to, made or replaced; MMU_NO_ROOT: no room. */
static unsigned descend(struct mmu *m, unsigned page, gva_t va, int level, uint64_t key,
			uint64_t bits)
{
	unsigned index = pt_index(va.v, level), below;
	uint64_t *entry = &table_of(m, page)[index];

	if (is_table(*entry, level)) {
		below = linked_page(m, *entry);
		if (m->shadow[below].key == key) {
			*entry = link_to(m, below) | bits;
			return below;
		}
	}
	if (*entry)
		clear_entry(m, entry, level);
	below = key ? find(m, key) : MMU_NO_ROOT;
	bool known = below != MMU_NO_ROOT;
	if (!known)
		below = take(m, key);
	if (below == MMU_NO_ROOT)
		return MMU_NO_ROOT;
	m->shadow[below].links++;
	set(m, page, index, link_to(m, below) | bits);
	/* it may have been the table of another, without the flushes that this root saw */
	m->sync++;
	if (known && va.v <= USER_LAST)
		sync_range(m, below, level - 1, 0, ~0ull);
	return below;
}

/* Neighbours in the same cache line of the guest's table come along. */
static void fill_neighbours(struct mmu *m, unsigned page, unsigned index)
{
	unsigned first = index & ~(GROUP - 1u);
	uint64_t *to = &table_of(m, page)[first], mark = m->not_present;
	uint64_t *from = table_memory(m, m->shadow[page].key & PTE_ADDR) + first;

	for (unsigned i = 0; i < GROUP; i++) {
		uint64_t e = *(volatile uint64_t *)&from[i], was = to[i];

		if (!(e & PTE_P)) {
			if (!was)
				to[i] = mark;
			continue;
		}
		if (was && was != mark)
			continue;
		uint64_t leaf = leaf_for(m, e | PTE_A, 1);
		to[i] = (e & PTE_A) || mmu_set_bits(&from[i], e, PTE_A) ? leaf : 0;
	}
}

/* Where va's leaf at a level belongs: the tables above are made as the walk found them. */
static unsigned path(struct mmu_view *view, gva_t va, int leaf_level, const struct translation *t)
{
	struct mmu *m = view->mmu;
	bool mirror = m->shadow[view->root].key;
	unsigned page = view->root;

	for (int level = 4; level > leaf_level && page != MMU_NO_ROOT; level--) {
		uint64_t e = t->entry[level], key = 0, bits = TABLE_BITS;

		/* below a large page that must be split there is no table to mirror */
		if (mirror && !(e & PTE_PS)) {
			key = (e & PTE_ADDR) | (unsigned)(level - 1);
			bits = PTE_P | PTE_A | (e & RIGHTS);
		}
		page = descend(m, page, va, level, key, bits);
	}
	return page;
}

static void install(struct mmu_view *view, gva_t va, int level, uint64_t leaf,
		    const struct translation *t)
{
	struct mmu *m = view->mmu;
	unsigned page, index = pt_index(va.v, level);

	changed(m);
	while ((page = path(view, va, level, t)) == MMU_NO_ROOT)
		if (!drop_oldest_root(m))
			empty_all(m, view->root);
	uint64_t *entry = &table_of(m, page)[index];
	if (is_table(*entry, level))
		clear_entry(m, entry, level);
	set(m, page, index, leaf);
	m->fills++;
	if (level == 1 && m->shadow[page].key)
		fill_neighbours(m, page, index);
}

static bool in_window(const struct mmu *m, gva_t va)
{
	return va.v - m->window < m->window_bytes;
}

/* Pages 0 and 1 are the vCPU page, for the kernel; the rest is code and tables, read-only. */
static enum mmu_result window_fault(struct mmu_view *view, gva_t va, unsigned error)
{
	static const struct translation none;
	struct mmu *m = view->mmu;
	uint64_t page = (va.v & PAGE_MASK) - m->window;

	if (page >= VENEER_WINDOW_STUBS) {
		if (error & (PF_PRESENT | PF_WRITE))
			return MMU_WINDOW;
		install(view, va, 1,
			(m->window_memory.v + page - VENEER_WINDOW_STUBS) | PTE_P | PTE_U | PTE_A,
			&none);
		return MMU_FILLED;
	}
	if (error & (PF_USER | PF_FETCH | PF_PRESENT))
		return MMU_WINDOW;
	if (page == VENEER_WINDOW_UNMASK && m->window_armed)
		return error & PF_WRITE ? MMU_UNMASK : MMU_WINDOW;
	install(view, va, 1, m->vcpu_pages.v | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX, &none);
	return MMU_FILLED;
}

/* A 2 MiB leaf is possible where the guest's page is that large and all of it is RAM. */
static bool can_be_large(const struct mmu *m, gva_t va, const struct translation *t)
{
	uint64_t va_start = ALIGN_DOWN(va.v, LARGE_SIZE), start = ALIGN_DOWN(t->gpa.v, LARGE_SIZE);

	return t->size >= LARGE_SIZE && start + LARGE_SIZE <= m->memory_bytes &&
	       !(m->memory.v & (LARGE_SIZE - 1)) &&
	       !(m->window_bytes && va_start + LARGE_SIZE > m->window &&
		 va_start < m->window + m->window_bytes);
}

/* The rights of a leaf: all of them in a private tree, its own entry's in a mirrored one. */
static uint64_t leaf_rights(const struct mmu_view *view, const struct translation *t, int level,
			    unsigned access)
{
	bool mirror = view->mmu->shadow[view->root].key;
	uint64_t own = t->entry[level], leaf = PTE_P | PTE_A;

	if (mirror) {
		leaf |= own & (PTE_U | PTE_NX);
		return (own & PTE_W) && t->dirty ? leaf | PTE_W | PTE_D : leaf;
	}
	if (t->user)
		leaf |= PTE_U;
	if (t->no_execute)
		leaf |= PTE_NX;
	if (t->writable && t->dirty)
		leaf |= PTE_W | PTE_D;
	else if ((access & PF_WRITE) && !t->writable) /* CR0.WP clear: for the kernel alone */
		leaf = PTE_P | PTE_A | PTE_W | PTE_D | (leaf & PTE_NX);
	return leaf;
}

/* The mirrored table of level 1 that va's entry is in, and the rights that those above leave it;
 * NULL if the shadow does not reach that far. */
static uint64_t *last_table(const struct mmu_view *view, gva_t va, unsigned *page, uint64_t *rights)
{
	const struct mmu *m = view->mmu;
	uint64_t all = ~0ull, any = 0, e = 0;

	*page = view->root;
#pragma GCC unroll 3
	for (int level = 4; level > 1; level--) {
		e = table_of(m, *page)[pt_index(va.v, level)];
		if ((e & (PTE_P | PTE_PS)) != PTE_P)
			return NULL;
		all &= e;
		any |= e;
		*page = linked_page(m, e);
	}
	*rights = (all & (PTE_W | PTE_U)) | (any & PTE_NX);
	return m->shadow[*page].key ? table_of(m, *page) : NULL;
}

static bool allows(uint64_t rights, unsigned access)
{
	return !((access & PF_WRITE) && !(rights & PTE_W)) &&
	       !((access & PF_USER) && !(rights & PTE_U)) &&
	       !((access & PF_FETCH) && (rights & PTE_NX));
}

/* The common case: all tables above have shadows, so only the last entry must be read. Shadows may
 * lag as a TLB may, and what they forbid is asked again in full. False: do it the long way. */
static bool fault_in_last_table(struct mmu_view *view, gva_t va, unsigned access,
				enum mmu_result *result, unsigned *error)
{
	struct mmu *m = view->mmu;
	unsigned page, index = pt_index(va.v, 1);
	uint64_t rights, *table = last_table(view, va, &page, &rights);

	if (!table || !allows(rights, access))
		return false;
	uint64_t *from = table_memory(m, m->shadow[page].key & PTE_ADDR) + index;
	uint64_t e = *(volatile uint64_t *)from, bits = PTE_A | (access & PF_WRITE ? PTE_D : 0);

	if (!(e & PTE_P)) {
		set(m, page, index, m->not_present);
		fill_neighbours(m, page, index);
		*error = access;
		*result = MMU_GUEST_FAULT;
		return true;
	}
	if (e & PTE_RESERVED)
		return false;
	if (!allows(e, access)) {
		*error = access | PF_PRESENT;
		*result = MMU_GUEST_FAULT;
		return true;
	}
	uint64_t leaf = leaf_for(m, e | bits, 1);
	if (!leaf)
		return false;
	if ((e & bits) != bits && !mmu_set_bits(from, e, bits))
		return false;
	set(m, page, index, leaf);
	fill_neighbours(m, page, index);
	m->fills++;
	*result = MMU_FILLED;
	return true;
}

enum mmu_result mmu_fault(struct mmu_view *view, gva_t va, unsigned *error)
{
	unsigned access = *error & (PF_WRITE | PF_USER | PF_FETCH);
	struct mmu *m = view->mmu;
	enum mmu_result result = MMU_FILLED;
	struct translation t;

	if (!canonical(va.v) || pt_index(va.v, 4) == GATE_SLOT)
		return MMU_GUEST_FAULT;
	if (m->shadow[view->root].key) {
		lock(m);
		bool done = fault_in_last_table(view, va, access, &result, error);
		unlock(m);
		if (done)
			return result;
	}
	if (m->window_bytes && in_window(m, va)) {
		lock(m);
		result = window_fault(view, va, *error);
		unlock(m);
		return result;
	}
	if (mmu_walk(m, &view->paging, va, access, &t, error))
		return MMU_GUEST_FAULT;
	mpa_t frame = mmu_frame(m, t.gpa);
	if (!frame.v)
		return MMU_NO_MEMORY;
	lock(m);
	int own = t.size >= LARGE_SIZE ? 2 : 1; /* where the guest has its leaf */
	uint64_t rights = leaf_rights(view, &t, own, access);
	if (can_be_large(m, va, &t))
		install(view, va, 2, ALIGN_DOWN(frame.v, LARGE_SIZE) | rights | PTE_PS, &t);
	else
		install(view, va, 1, frame.v | rights, &t);
	unlock(m);
	return result;
}

/* --- copies --- */

/* The frame behind va as a shadow that reaches it says, like a TLB; v == 0: ask the tables. */
static mpa_t shadowed(const struct mmu_view *view, gva_t va, unsigned access)
{
	const struct mmu *m = view->mmu;
	unsigned page = view->root;

	for (int level = 4; level > 0; level--) {
		uint64_t e = table_of(m, page)[pt_index(va.v, level)];

		if (!(e & PTE_P) || e == NOT_PRESENT || !allows(e, access))
			break;
		if (level == 2 && (e & PTE_PS))
			return MPA((e & PTE_ADDR & ~(LARGE_SIZE - 1)) |
				   (va.v & (LARGE_SIZE - 1) & PAGE_MASK));
		if (level == 1)
			return MPA(e & PTE_ADDR);
		page = linked_page(m, e);
	}
	return MPA(0);
}

/* One page of a copy: the frame behind va, by the window's rules or the guest's tables. */
static char *page_for(struct mmu_view *view, gva_t va, unsigned access, struct mmu_failure *f)
{
	struct mmu *m = view->mmu;
	struct translation t;

	f->va = va;
	f->error = access;
	if (m->window_bytes && in_window(m, va)) {
		uint64_t page = (va.v & PAGE_MASK) - m->window;
		mpa_t at = page < VENEER_WINDOW_STUBS
				   ? m->vcpu_pages
				   : MPA(m->window_memory.v + page - VENEER_WINDOW_STUBS);

		return access & (PF_WRITE | PF_USER) ? NULL : (char *)direct(at);
	}
	if (!canonical(va.v) || pt_index(va.v, 4) == GATE_SLOT)
		return NULL;
	if (view->root != MMU_NO_ROOT && m->shadow[view->root].key) {
		lock(m);
		mpa_t at = shadowed(view, va, access);
		unlock(m);
		if (at.v)
			return direct(at);
	}
	if (mmu_walk(m, &view->paging, va, access, &t, &f->error))
		return NULL;
	mpa_t frame = mmu_frame(m, t.gpa);
	return frame.v ? direct(frame) : NULL;
}

void *mmu_kernel_stack(struct mmu_view *view, gva_t va, uint64_t bytes)
{
	uint32_t changes = __atomic_load_n(&view->mmu->changes, __ATOMIC_ACQUIRE);
	uint64_t in_page = va.v & ~PAGE_MASK;
	struct mmu_failure ignored;

	if (in_page + bytes > PAGE_SIZE)
		return NULL;
	if (view->written_page != (va.v & PAGE_MASK) || view->written_changes != changes ||
	    !view->written_at) {
		view->written_at = page_for(view, va, PF_WRITE, &ignored);
		view->written_page = va.v & PAGE_MASK;
		view->written_changes = changes;
	}
	return view->written_at ? view->written_at + in_page : NULL;
}

static int copy(struct mmu_view *view, gva_t va, char *buffer, uint64_t bytes, unsigned access,
		struct mmu_failure *f)
{
	struct mmu_failure ignored;

	while (bytes) {
		uint64_t in_page = va.v & ~PAGE_MASK, n = MIN(bytes, PAGE_SIZE - in_page);
		char *page = page_for(view, va, access, f ? f : &ignored);

		if (!page)
			return -EFAULT;
		if (access & PF_WRITE)
			memcpy(page + in_page, buffer, n);
		else
			memcpy(buffer, page + in_page, n);
		va.v += n;
		if (view->paging.mode != PAGING_64)
			va.v &= 0xffffffff;
		buffer += n;
		bytes -= n;
	}
	return 0;
}

int mmu_read(struct mmu_view *view, gva_t va, void *to, uint64_t bytes, unsigned access,
	     struct mmu_failure *f)
{
	return copy(view, va, to, bytes, access & (PF_USER | PF_FETCH), f);
}

int mmu_write(struct mmu_view *view, gva_t va, const void *from, uint64_t bytes, unsigned access,
	      struct mmu_failure *f)
{
	return copy(view, va, (char *)from, bytes, (access & PF_USER) | PF_WRITE, f);
}

/* --- checking --- */

static bool owns(const struct mmu *m, uint64_t frame, uint64_t bytes)
{
	uint64_t window_pages =
		m->window_bytes > VENEER_WINDOW_STUBS ? m->window_bytes - VENEER_WINDOW_STUBS : 0;

	return (frame - m->memory.v < m->memory_bytes &&
		bytes <= m->memory_bytes - (frame - m->memory.v)) ||
	       frame - m->vcpu_pages.v < m->vcpu_pages_bytes ||
	       frame - m->window_memory.v < window_pages;
}

static int check_table(const struct mmu *m, unsigned page, int level, uint64_t gate_pdpt)
{
	const uint64_t *table = table_of(m, page);
	int leaves = 0;

	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		uint64_t e = table[i];

		if (level == 4 && i == GATE_SLOT) {
			if ((e & PTE_ADDR) != gate_pdpt)
				return -EFAULT;
			continue;
		}
		if (!(e & PTE_P) || (level == 1 && e == NOT_PRESENT)) {
			if (e && e != NOT_PRESENT)
				return -EFAULT;
			continue;
		}
		if (!(m->shadow[page].used >> i / GROUP & 1))
			return -EFAULT;
		if (!is_table(e, level)) {
			bool stubs = (e & PTE_ADDR) - m->window_memory.v < m->window_bytes;

			if (!owns(m, e & PTE_ADDR, pt_span(level)) || (stubs && (e & PTE_W)))
				return -EFAULT;
			leaves++;
			continue;
		}
		unsigned below = linked_page(m, e);
		if (below >= m->pool_pages || !m->shadow[below].links)
			return -EFAULT;
		uint64_t key = m->shadow[below].key;
		if (key && (key & KEY_LEVEL) != (unsigned)(level - 1))
			return -EFAULT;
		int n = check_table(m, below, level - 1, gate_pdpt);
		if (n < 0)
			return n;
		leaves += n;
	}
	return leaves;
}

int mmu_check(const struct mmu *m, uint64_t gate_pdpt)
{
	int leaves = 0;

	for (unsigned i = 0; i < m->pool_pages; i++) {
		bool root = (m->shadow[i].key & KEY_LEVEL) == 4;

		/* a private root is the page with a link and the gate area */
		if (!root && (m->shadow[i].key || !m->shadow[i].links ||
			      (table_of(m, i)[GATE_SLOT] & PTE_ADDR) != gate_pdpt))
			continue;
		int n = check_table(m, i, 4, gate_pdpt);
		if (n < 0)
			return n;
		leaves += n;
	}
	return leaves;
}
