// SPDX-License-Identifier: GPL-2.0-or-later
/* Page faults: fills shadows, and tells faults that are the guest's own. See shadow.h. */
#include "engine/ring/shadow/shadow.h"

#include "kernel/gate.h"

/* The shadow of a guest's table, to be linked, in a root's slot if slot is not 0. If it exists, it
 * is updated first: it may have missed flushes while it belonged elsewhere, or while this root did
 * not link to it. */
static unsigned known_or_new(struct mmu *m, int level, uint64_t key, unsigned slot)
{
	unsigned page = key ? shadow_find(m, key) : MMU_NO_ROOT;
	bool kernel = key && slot >= KERNEL_SLOTS;

	if (kernel) {
		if (page != MMU_NO_ROOT && m->retiring != slot &&
		    m->kernel[slot - KERNEL_SLOTS] == page + 1)
			return page; /* it has seen all flushes */
		if (!shadow_retire_kernel(m, slot))
			return MMU_NO_ROOT;
		page = shadow_find(m, key);
	}
	/* perhaps only a dropped root links to it: then a new one is cheaper */
	while (page != MMU_NO_ROOT && m->dying && m->budget > MMU_PART / 2) {
		shadow_reap(m);
		page = shadow_find(m, key);
	}
	if (page == MMU_NO_ROOT)
		page = shadow_take(m, (enum shadow_kind)level, key);
	else if (!shadow_renew(m, page))
		return MMU_NO_ROOT;
	if (kernel && page != MMU_NO_ROOT)
		shadow_set_kernel(m, slot, page);
	return page;
}

/* Makes an entry that links to no table link to that one. */
static void link_table(struct mmu *m, unsigned page, unsigned index, unsigned below, uint64_t bits)
{
	m->shadow[below].links++;
	shadow_set(m, page, index, shadow_link(m, below) | bits);
}

/* The page that an entry above the leaf links to, made or replaced; MMU_NO_ROOT: there is no room,
 * or the budget is spent. */
static unsigned descend(struct mmu *m, unsigned page, gva_t va, int level, uint64_t key,
			uint64_t bits)
{
	unsigned index = pt_index(va.v, level), below;
	uint64_t *entry = &shadow_table(m, page)[index];

	if (shadow_is_table(*entry, level)) {
		below = shadow_linked(m, *entry);
		if (m->shadow[below].key == key) {
			*entry = shadow_link(m, below) | bits;
			return below;
		}
	}
	if (*entry)
		shadow_clear_entry(m, entry, level);
	below = m->tables ? tables_known_or_new(m, page, level - 1, key)
			  : known_or_new(m, level - 1, key, level == 4 ? index : 0);
	if (below == MMU_NO_ROOT)
		return MMU_NO_ROOT;
	link_table(m, page, index, below, bits);
	return below;
}

/* Fills the neighbours in the same cache line of the guest's table too. */
static void fill_neighbours(struct mmu *m, unsigned page, unsigned index)
{
	unsigned first = index & ~(GROUP - 1u);
	uint64_t *to = &shadow_table(m, page)[first], mark = m->not_present;
	uint64_t *from = guest_table(m, m->shadow[page].key & PTE_ADDR) + first;

	for (unsigned i = 0; i < GROUP; i++) {
		uint64_t e = guest_entry(&from[i]), was = to[i];

		if (!(e & PTE_P)) {
			if (!was)
				to[i] = mark;
			continue;
		}
		if (was && was != mark)
			continue;
		uint64_t leaf = shadow_leaf(m, e | PTE_A, 1);
		to[i] = (e & PTE_A) || guest_set_bits(&from[i], 8, e, PTE_A) ? leaf : 0;
	}
}

#define AHEAD 4 /* groups */

/* The guest has no page there. The next ones are probably missing too, and are marked as well: then
 * only the first fault of a run goes to the hypervisor before the guest handles it. */
static void mark_ahead(struct mmu *m, unsigned page, unsigned index)
{
	unsigned first = index & ~(GROUP - 1u), end = MIN(first + AHEAD * GROUP, PT_ENTRIES);
	const uint64_t *from = guest_table(m, m->shadow[page].key & PTE_ADDR);
	uint64_t *to = shadow_table(m, page), mark = m->not_present;

	for (unsigned i = first; i < end; i++)
		if (!to[i] && !(guest_entry(&from[i]) & PTE_P))
			to[i] = mark;
	m->shadow[page].used |= ((1ull << AHEAD) - 1) << first / GROUP;
}

/* The entry for va's leaf at a level: makes the tables above it as the walk found them. */
static unsigned path(struct mmu_view *view, gva_t va, int leaf_level, const struct translation *t)
{
	struct mmu *m = view->mmu;
	bool mirror = m->shadow[view->root].key;
	unsigned page = view->root;

	for (int level = 4; level > leaf_level && page != MMU_NO_ROOT; level--) {
		uint64_t e = t->entry[level], key = 0, bits = TABLE_BITS;

		if (mirror && m->tables) {
			key = tables_below(view, va, level, t, &bits);
		} else if (mirror && !(e & PTE_PS)) { /* else there is no table below */
			key = (e & PTE_ADDR) | (unsigned)(level - 1);
			bits = PTE_P | PTE_A | (e & RIGHTS);
		}
		page = descend(m, page, va, level, key, bits);
	}
	return page;
}

static enum mmu_result install(struct mmu_view *view, gva_t va, int level, uint64_t leaf,
			       unsigned access, const struct translation *t)
{
	struct mmu *m = view->mmu;
	unsigned page, index = pt_index(va.v, level);

	if (m->tables && (access & PF_WRITE) && !tables_room(m))
		return MMU_AGAIN;
	while ((page = path(view, va, level, t)) == MMU_NO_ROOT) {
		m->budget -= PATH_COST;
		if (m->budget > 0)
			shadow_make_room(m);
		if (m->budget <= 0)
			return MMU_AGAIN;
	}
	uint64_t *entry = &shadow_table(m, page)[index];
	if (shadow_is_table(*entry, level))
		shadow_clear_entry(m, entry, level);
	if (m->tables && level == 1) {
		leaf = tables_leaf(m, page, index, leaf, access & PF_WRITE);
		if (t->size > PAGE_SIZE)
			m->shadow[page].time = TABLES_PIECES;
	}
	shadow_set(m, page, index, leaf);
	if (level == 1 && m->shadow[page].key && !m->tables)
		fill_neighbours(m, page, index);
	return MMU_FILLED;
}

/* Pages 0 and 1 are the vCPU page, for the kernel; the rest is code and tables, read-only. */
static enum mmu_result window_fault(struct mmu_view *view, gva_t va, unsigned error)
{
	static const struct translation none;
	struct mmu *m = view->mmu;
	uint64_t page = (va.v & PAGE_MASK) - m->memory->window.first;
	bool stub = page >= VENEER_WINDOW_STUBS;
	bool kernel = m->memory->code; /* it alone has translated code */
	uint64_t leaf = guest_window_frame(m->memory, va) | (!stub ? PTE_NX : kernel ? 0 : PTE_U);

	if (kernel && (error & PF_USER))
		return MMU_WINDOW;
	if (error & (stub ? PF_PRESENT | PF_WRITE : PF_USER | PF_FETCH | PF_PRESENT))
		return MMU_WINDOW;
	if (page == VENEER_WINDOW_UNMASK && view->window_armed)
		return error & PF_WRITE ? MMU_UNMASK : MMU_WINDOW;
	return install(view, va, 1, leaf | PTE_A, 0, &none);
}

/* What a 2 MiB leaf would map; 0: the guest's page is not that large, or its memory is not, or the
 * patch window begins or ends there. */
static uint64_t large_frame(const struct mmu_view *view, gva_t va, const struct translation *t)
{
	const struct mmu *m = view->mmu;
	const struct patch_window *w = &m->memory->window;
	uint64_t start = ALIGN_DOWN(va.v, LARGE_SIZE);

	if (t->size < LARGE_SIZE || m->memory->code ||
	    (m->tables && view->guest.paging.mode != PAGING_OFF) ||
	    (start + LARGE_SIZE > w->first && start < w->first + w->bytes))
		return 0;
	return guest_frame(m->memory, t->gpa, LARGE_SIZE);
}

/* The entry that maps a frame: in a private tree with the rights of the whole walk, in a mirrored
 * one with those of the guest's leaf. */
static uint64_t leaf_for(const struct mmu_view *view, gva_t va, const struct translation *t,
			 uint64_t frame, unsigned access)
{
	const struct mmu *m = view->mmu;
	bool mirror = m->shadow[view->root].key && !(m->tables && tables_beside_window(m, va));
	uint64_t own = t->entry[t->size >= LARGE_SIZE ? 2 : 1]; /* where the guest has its leaf */
	uint64_t write = frame & FRAME_WRITE, leaf = (frame & ~FRAME_WRITE) | PTE_A;

	if (mirror)
		leaf |= own & (PTE_U | PTE_NX);
	else
		leaf |= (t->user ? PTE_U : 0) | (t->no_execute ? PTE_NX : 0);
	if ((mirror && !m->tables ? own & PTE_W : t->writable) && t->dirty)
		leaf |= write;
	else if ((access & PF_WRITE) && !t->writable) /* CR0.WP clear: for the kernel alone */
		leaf = (leaf & ~PTE_U) | write;
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
		e = shadow_table(m, *page)[pt_index(va.v, level)];
		if ((e & (PTE_P | PTE_PS)) != PTE_P)
			return NULL;
		all &= e;
		any |= e;
		*page = shadow_linked(m, e);
	}
	*rights = (all & (PTE_W | PTE_U)) | (any & PTE_NX);
	return m->shadow[*page].key ? shadow_table(m, *page) : NULL;
}

/* The common case: all tables above have shadows, so only the last entry must be read. Shadows may
 * be out of date as a TLB may, so what they forbid needs the full walk. False: do that. */
static bool fault_in_last_table(struct mmu_view *view, gva_t va, unsigned access,
				enum mmu_result *result, unsigned *error)
{
	struct mmu *m = view->mmu;
	unsigned page, index = pt_index(va.v, 1);
	uint64_t rights, *table = last_table(view, va, &page, &rights);

	if (!table || !shadow_allows(rights, access))
		return false;
	uint64_t *from = guest_table(m, m->shadow[page].key & PTE_ADDR) + index;
	uint64_t e = guest_entry(from), bits = PTE_A | (access & PF_WRITE ? PTE_D : 0);

	if (!(e & PTE_P)) {
		shadow_table(m, page)[index] = 0;
		mark_ahead(m, page, index);
		*error = access;
		*result = MMU_GUEST_FAULT;
		return true;
	}
	if (e & PTE_RESERVED)
		return false;
	if (!shadow_allows(e, access)) {
		*error = access | PF_PRESENT;
		*result = MMU_GUEST_FAULT;
		return true;
	}
	uint64_t leaf = shadow_leaf(m, e | bits, 1);
	if (!frame_allows(leaf, access & PF_WRITE))
		return false;
	if (!guest_set_bits(from, 8, e, bits))
		return false;
	/* Where a page was known to be missing and is written, the guest has made that one page;
	 * else it may have made several, or all of them have been there. */
	bool one = m->not_present && table[index] == m->not_present && (access & PF_WRITE);
	shadow_set(m, page, index, leaf);
	if (!one)
		fill_neighbours(m, page, index);
	*result = MMU_FILLED;
	return true;
}

static bool is_open(const struct mmu_view *view, gva_t va)
{
	for (unsigned i = 0; i < MMU_OPEN; i++)
		if (view->open[i].page && view->open[i].va == (va.v & PAGE_MASK))
			return true;
	return false;
}

/* The tables are walked with the lock held: if the guest changes one afterwards, its flush comes
 * later too, and finds what was filled. */
HOT_FRAME static enum mmu_result fault(struct mmu_view *view, gva_t va, unsigned *error)
{
	unsigned access = *error & (PF_WRITE | PF_USER | PF_FETCH);
	struct mmu *m = view->mmu;
	enum mmu_result result;
	struct translation t;

	if (m->shadow[view->root].key && !m->tables &&
	    fault_in_last_table(view, va, access, &result, error))
		return result;
	if (guest_in_window(m->memory, va))
		return window_fault(view, va, *error);
	if (guest_walk(m->memory, &view->guest.paging, guest_linear(&view->guest, va), access, &t,
		       error))
		return MMU_GUEST_FAULT;
	uint64_t frame = guest_frame(m->memory, t.gpa, PAGE_SIZE),
		 large = large_frame(view, va, &t);
	if (!frame_allows(frame, access & PF_WRITE))
		return MMU_NO_MEMORY;
	if (guest_is_code(m->memory, t.gpa) && !is_open(view, va)) {
		if (access & PF_WRITE)
			return MMU_CODE;
		frame &= ~(uint64_t)FRAME_WRITE;
	}
	if (large)
		return install(view, va, 2, leaf_for(view, va, &t, large | PTE_PS, access), access,
			       &t);
	return install(view, va, 1, leaf_for(view, va, &t, frame, access), access, &t);
}

HOT_FRAME enum mmu_result mmu_fault(struct mmu_view *view, gva_t va, unsigned *error)
{
	if (!canonical(va.v) || pt_index(va.v, 4) == GATE_SLOT)
		return MMU_GUEST_FAULT;
	shadow_lock(view->mmu);
	enum mmu_result result = fault(view, va, error);
	shadow_unlock(view->mmu);
	return result;
}
