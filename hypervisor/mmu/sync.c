// SPDX-License-Identifier: GPL-2.0-or-later
/* Roots, and bringing shadows up to date. See shadow.h. */
#include "mmu/shadow.h"

#include "ring/gate.h"
#include "x86/acpi.h"

/* One entry of a mirrored table. */
static void sync_entry(struct mmu *m, unsigned page, int level, unsigned index)
{
	uint64_t *entry = &shadow_table(m, page)[index];
	const uint64_t *from = guest_table(m, m->shadow[page].key & PTE_ADDR);
	uint64_t e = *(volatile const uint64_t *)&from[index];

	if (!shadow_is_table(*entry, level)) {
		*entry = level == 1 || (e & PTE_PS) ? shadow_leaf(m, e, level) : 0;
		return;
	}
	const struct shadow *below = &m->shadow[shadow_linked(m, *entry)];
	if ((e & PTE_P) && !(e & (PTE_PS | PTE_RESERVED)) &&
	    below->key == ((e & PTE_ADDR) | (unsigned)(level - 1)))
		*entry = (*entry & ~RIGHTS) | (e & RIGHTS);
	else
		shadow_clear_entry(m, entry, level);
}

void shadow_sync(struct mmu *m, unsigned page, int level, uint64_t first, uint64_t last)
{
	unsigned from = pt_index(first, level), to = pt_index(last, level);
	uint64_t *table = shadow_table(m, page);

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
		else if (!shadow_is_table(table[i], level))
			table[i] = 0;
		if (shadow_is_table(table[i], level))
			shadow_sync(m, shadow_linked(m, table[i]), level - 1, i == from ? first : 0,
				    i == to ? last : ~0ull);
	}
}

/* The same for one page, which most flushes are. */
static void sync_page(struct mmu *m, unsigned page, gva_t va)
{
#pragma GCC unroll 4
	for (int level = 4; level > 0; level--) {
		unsigned index = pt_index(va.v, level);
		uint64_t *entry = &shadow_table(m, page)[index];

		if (!*entry)
			return;
		if (m->shadow[page].key)
			sync_entry(m, page, level, index);
		else if (!shadow_is_table(*entry, level))
			*entry = 0;
		if (!shadow_is_table(*entry, level))
			return;
		page = shadow_linked(m, *entry);
	}
}

void mmu_flush(struct mmu_view *view, gva_t va, uint64_t bytes)
{
	uint64_t last = va.v + bytes - 1;

	if (!bytes)
		return;
	if (last < va.v)
		last = ~0ull;
	shadow_lock(view->mmu);
	shadow_changed(view->mmu);
	view->mmu->sync++;
	if ((va.v ^ last) < PAGE_SIZE && pt_index(va.v, 4) != GATE_SLOT)
		sync_page(view->mmu, view->root, va);
	else
		shadow_sync(view->mmu, view->root, 4, va.v, last);
	shadow_unlock(view->mmu);
}

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
		shadow_give_back(m, view->root, 4);
	view->root = MMU_NO_ROOT;
}

void mmu_load_root(struct mmu_view *view, const struct paging *p, bool flush)
{
	struct mmu *m = view->mmu;
	uint64_t key = mirrored(p) ? p->root.v | 4 | KEY_CPU(view->cpu) : 0;

	shadow_lock(m);
	shadow_changed(m);
	view->paging = *p;
	release_root(view);
	unsigned page = key ? shadow_find(m, key) : MMU_NO_ROOT;
	if (page == MMU_NO_ROOT) {
		flush = false;
		while ((page = shadow_take(m, key)) == MMU_NO_ROOT && shadow_drop_oldest_root(m))
			;
		if (page == MMU_NO_ROOT) { /* other vCPUs hold everything */
			shadow_empty_all(m, MMU_NO_ROOT);
			page = shadow_take(m, key);
		}
		shadow_table(m, page)[GATE_SLOT] = view->gate_pdpt | PTE_P | PTE_W | PTE_A;
	}
	m->shadow[page].links++;
	m->shadow[page].stamp = ++m->stamp;
	view->root = page;
	m->sync++;
	if (flush)
		shadow_sync(m, page, 4, 0, USER_LAST);
	shadow_unlock(m);
}

void mmu_unload(struct mmu_view *view)
{
	shadow_lock(view->mmu);
	release_root(view);
	shadow_unlock(view->mmu);
}

mpa_t mmu_root(const struct mmu_view *view)
{
	return MPA(shadow_link(view->mmu, view->root));
}

void mmu_drop_root(struct mmu *m, gpa_t root)
{
	shadow_lock(m);
	shadow_changed(m);
	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
		unsigned page = shadow_find(m, root.v | 4 | KEY_CPU(cpu));

		if (page == MMU_NO_ROOT)
			continue;
		if (m->shadow[page].links)
			shadow_empty(m, page, 4);
		else
			shadow_give_back(m, page, 4);
	}
	shadow_unlock(m);
}
