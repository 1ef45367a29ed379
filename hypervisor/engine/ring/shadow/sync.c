// SPDX-License-Identifier: GPL-2.0-or-later
/* Roots, and bringing shadows up to date. See shadow.h. */
#include "engine/ring/shadow/shadow.h"

#include "arch/acpi.h"
#include "kernel/gate.h"

static bool sync_table(struct mmu *m, unsigned page, struct mmu_flush *f);

/* One entry of a mirrored table, which is not 0. */
static inline void sync_entry(struct mmu *m, uint64_t *entry, uint64_t key, unsigned index,
			      int level)
{
	uint64_t e = guest_entry(&guest_table(m, key & PTE_ADDR)[index]);

	if (!shadow_is_table(*entry, level)) {
		*entry = level == 1 || (level == 2 && (e & PTE_PS)) ? shadow_leaf(m, e, level) : 0;
		return;
	}
	const struct shadow *below = &m->shadow[shadow_linked(m, *entry)];
	if ((e & PTE_P) && !(e & (PTE_PS | PTE_RESERVED)) &&
	    below->key == ((e & PTE_ADDR) | (unsigned)(level - 1)))
		*entry = (*entry & ~RIGHTS) | (e & RIGHTS);
	else
		shadow_clear_entry(m, entry, level);
}

/* An entry, and the page below it, or MMU_NO_ROOT. In the kernel's half of a mirrored root that is
 * the table that all roots link to, even if this one does not yet. Inline: for one page level is a
 * constant. */
static inline __attribute__((always_inline)) unsigned sync_step(struct mmu *m, unsigned page,
								unsigned index, int level)
{
	uint64_t *entry = &shadow_table(m, page)[index], key = m->shadow[page].key;

	if (*entry) {
		if (key)
			sync_entry(m, entry, key, index, level);
		else if (!shadow_is_table(*entry, level))
			*entry = 0;
	}
	if (level == 4 && index >= KERNEL_SLOTS && key)
		return m->kernel[index - KERNEL_SLOTS] - 1u;
	return shadow_is_table(*entry, level) ? shadow_linked(m, *entry) : MMU_NO_ROOT;
}

/* The entries of a last table, up to that of an address. False: the part is over. */
static bool sync_leaves(struct mmu *m, unsigned page, struct mmu_flush *f, uint64_t last)
{
	const struct shadow *s = &m->shadow[page];
	const uint64_t *from = guest_table(m, s->key & PTE_ADDR);
	unsigned i = shadow_next_used(s->used, pt_index(f->at, 1)), end = pt_index(last, 1);
	uint64_t *table = shadow_table(m, page);

	for (; i <= end; i = shadow_next_used(s->used, i + 1)) {
		if (!table[i])
			continue;
		if (m->budget <= 0) {
			f->at = ALIGN_DOWN(f->at, LARGE_SIZE) | i * PAGE_SIZE;
			return false;
		}
		m->budget -= ENTRY_COST;
		table[i] = s->key ? shadow_leaf(m, guest_entry(&from[i]), 1) : 0;
	}
	f->at = last + 1;
	return true;
}

/* The entries of any other, and the tables below. */
static bool sync_links(struct mmu *m, unsigned page, struct mmu_flush *f, uint64_t last)
{
	const struct shadow *s = &m->shadow[page];
	int level = s->kind;
	uint64_t span = pt_span(level), base = ALIGN_DOWN(f->at, span * PT_ENTRIES);
	uint64_t used = s->used | (level == 4 && s->key ? m->kernel_used : 0);
	unsigned first = pt_index(f->at, level), end = pt_index(last, level), below;

	for (unsigned i = shadow_next_used(used, first); i <= end;
	     i = shadow_next_used(used, i + 1)) {
		if (i != first)
			f->at = base + i * span;
		if (m->budget <= 0)
			return false;
		m->budget -= LINK_COST;
		below = level == 4 && i == GATE_SLOT ? MMU_NO_ROOT : sync_step(m, page, i, level);
		if (below != MMU_NO_ROOT && !sync_table(m, below, f))
			return false;
	}
	f->at = last + 1;
	return true;
}

/* The rest of the flush as far as the table reaches. False: the part is over. */
static bool sync_table(struct mmu *m, unsigned page, struct mmu_flush *f)
{
	struct shadow *s = &m->shadow[page];
	int level = s->kind;
	uint64_t span = pt_span(level), table_last = f->at | (span * PT_ENTRIES - 1);
	uint64_t last = MIN(f->last, table_last);
	bool from_start = !(f->at & (span * PT_ENTRIES - 1));

	m->budget -= from_start ? TABLE_COST : 0;
	/* tables may be linked many times, even to themselves: once is enough */
	if (from_start && last == table_last && level < 4 && s->time >= f->since) {
		f->at = last + 1;
		return true;
	}
	if (from_start)
		f->whole[level] = page + 1;
	else if (f->whole[level] != page + 1)
		f->whole[level] = 0;
	if (!(level == 1 ? sync_leaves(m, page, f, last) : sync_links(m, page, f, last)))
		return false;
	if (last == table_last && f->whole[level] == page + 1 && level < 4)
		s->time = MAX(s->time, f->since);
	return true;
}

/* The update may use half of the remaining budget, and emptying the rest, so that each attempt
 * makes progress. An update cannot be continued later: that would need a link that flushes follow
 * and the processor does not. The price of emptying is one fault for every eight pages, once. */
bool shadow_renew(struct mmu *m, unsigned page)
{
	int rest = MAX(m->budget, 0) / 2;
	struct mmu_flush f = {
		.last = pt_span(m->shadow[page].kind) * PT_ENTRIES - 1,
		.since = ++m->clock,
	};

	m->budget -= rest;
	bool done = sync_table(m, page, &f);
	m->budget += rest;
	return done || shadow_empty(m, page);
}

/* The same for one page, which most flushes are. */
static void sync_page(struct mmu *m, unsigned page, gva_t va)
{
#pragma GCC unroll 4
	for (int level = 4; level > 0; level--) {
		page = sync_step(m, page, pt_index(va.v, level), level);
		if (page == MMU_NO_ROOT)
			return;
	}
}

/* In a flush, addresses are 48 bits wide, so that the two halves follow each other. */
#define ADDRESS_MASK ((1ull << 48) - 1)

void mmu_flush_begin(struct mmu_view *view, struct mmu_flush *f, gva_t va, uint64_t bytes)
{
	uint64_t last = va.v + bytes - 1;

	*f = (struct mmu_flush){
		.at = va.v & ADDRESS_MASK,
		.last = (last < va.v ? ~0ull : last) & ADDRESS_MASK,
	};
	shadow_lock(view->mmu);
	shadow_changed(view->mmu);
	f->since = ++view->mmu->clock;
	shadow_unlock(view->mmu);
}

bool mmu_flush_part(struct mmu_view *view, struct mmu_flush *f)
{
	shadow_lock(view->mmu);
	bool done = f->at > f->last || sync_table(view->mmu, view->root, f);
	shadow_unlock(view->mmu);
	return done;
}

void mmu_flush(struct mmu_view *view, gva_t va, uint64_t bytes)
{
	struct mmu *m = view->mmu;
	struct mmu_flush f;

	if (!bytes)
		return;
	if (bytes <= PAGE_SIZE - (va.v & ~PAGE_MASK) && pt_index(va.v, 4) != GATE_SLOT) {
		shadow_lock(m);
		shadow_changed(m);
		if (m->tables)
			tables_flush(m, view->root, va);
		else
			sync_page(m, view->root, va);
		shadow_unlock(m);
		return;
	}
	mmu_flush_begin(view, &f, va, bytes);
	while (!mmu_flush_part(view, &f))
		;
}

static void release_root(struct mmu_view *view)
{
	struct mmu *m = view->mmu;

	if (view->root == MMU_NO_ROOT)
		return;
	if (!m->shadow[view->root].key)
		shadow_give_back(m, view->root);
	view->root = MMU_NO_ROOT;
	view->guest.lookup = NULL;
}

/* guest_view.lookup while a mirrored root is loaded: translates by the shadows, like a TLB. */
HOT_FRAME static uint64_t shadow_lookup(const struct guest_view *guest, gva_t va, unsigned access)
{
	const struct mmu_view *view = container_of(guest, const struct mmu_view, guest);
	uint64_t all = ~0ull, any = 0, frame = 0;
	struct mmu *m = view->mmu;
	unsigned page = view->root;

	shadow_lock(m);
#pragma GCC unroll 4
	for (int level = 4; level > 0; level--) {
		uint64_t e = shadow_table(m, page)[pt_index(va.v, level)];

		if (!(e & PTE_P) || e == NOT_PRESENT)
			break;
		all &= e;
		any |= e;
		if (!shadow_is_table(e, level)) {
			frame = e + (va.v & (pt_span(level) - 1) & PAGE_MASK);
			break;
		}
		page = shadow_linked(m, e);
	}
	shadow_unlock(m);
	return shadow_allows((all & (PTE_W | PTE_U)) | (any & PTE_NX), access) ? frame : 0;
}

HOT_FRAME void *mmu_kernel_stack(struct mmu_view *view, gva_t va, uint64_t bytes)
{
	uint64_t changes = __atomic_load_n(&view->mmu->changes, __ATOMIC_ACQUIRE);
	uint64_t in_page = va.v & ~PAGE_MASK;

	if (in_page + bytes > PAGE_SIZE)
		return NULL;
	if (view->written_page != va.v - in_page || view->written_changes != changes) {
		char *at = guest_page(&view->guest, va, PF_WRITE);

		if (!at)
			return NULL;
		view->written_at = at;
		view->written_page = va.v - in_page;
		view->written_changes = changes;
	}
	return view->written_at + in_page;
}

static enum mmu_root use_root(struct mmu_view *view, uint64_t key)
{
	struct mmu *m = view->mmu;
	unsigned page = key ? shadow_find(m, key) : MMU_NO_ROOT;
	bool kept = page != MMU_NO_ROOT;

	if (!kept) {
		while ((page = shadow_take(m, 4, key)) == MMU_NO_ROOT) {
			if (m->budget <= 0)
				return MMU_ROOT_AGAIN;
			shadow_make_room(m);
		}
		shadow_table(m, page)[GATE_SLOT] = view->gate_pdpt | PTE_P | PTE_W | PTE_A;
	}
	m->shadow[page].time = ++m->clock;
	view->root = page;
	view->guest.lookup = key ? shadow_lookup : NULL;
	return kept ? MMU_ROOT_KEPT : MMU_ROOT_EMPTY;
}

enum mmu_root mmu_load_root(struct mmu_view *view, const struct paging *p)
{
	bool mirrored = p->mode == PAGING_64 && p->write_protect && p->no_execute;
	struct mmu *m = view->mmu;
	enum mmu_root r = MMU_ROOT_AGAIN;

	shadow_lock(m);
	shadow_changed(m);
	view->guest.paging = *p;
	release_root(view);
	if (!m->tables)
		r = use_root(view, mirrored ? p->root.v | 4 | KEY_CPU(view->cpu) : 0);
	else if (tables_load(m, view))
		r = use_root(view, tables_root(m, view));
	if (m->tables && r != MMU_ROOT_AGAIN && m->shadow[view->root].key)
		tables_use(m, view);
	shadow_unlock(m);
	return r;
}

void mmu_unload(struct mmu_view *view)
{
	shadow_lock(view->mmu);
	release_root(view);
	shadow_unlock(view->mmu);
}

bool mmu_drop_root(struct mmu *m, gpa_t root)
{
	bool done = true;

	shadow_lock(m);
	shadow_changed(m);
	for (unsigned cpu = 0; cpu < CPUS_MAX && done; cpu++) {
		unsigned page = shadow_find(m, root.v | 4 | KEY_CPU(cpu));

		if (page == MMU_NO_ROOT)
			continue;
		if (shadow_root_in_use(m, page))
			done = shadow_empty(m, page);
		else
			shadow_give_back(m, page);
	}
	shadow_unlock(m);
	return done;
}
