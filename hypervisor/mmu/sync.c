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
	uint64_t e = guest_entry(&from[index]);

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
 * what all roots link to: those that do not link to it yet take it as it is. */
static unsigned sync_step(struct mmu *m, unsigned page, unsigned index)
{
	uint64_t *entry = &shadow_table(m, page)[index];
	int level = m->shadow[page].kind;

	if (*entry && m->shadow[page].key)
		sync_entry(m, page, level, index);
	else if (!shadow_is_table(*entry, level))
		*entry = 0;
	if (level == 4 && index >= KERNEL_SLOTS && m->shadow[page].key)
		return m->kernel[index - KERNEL_SLOTS] - 1u;
	return shadow_is_table(*entry, level) ? shadow_linked(m, *entry) : MMU_NO_ROOT;
}

void shadow_sync(struct mmu *m, unsigned page, uint64_t first, uint64_t last, uint64_t since)
{
	int level = m->shadow[page].kind;
	unsigned from = pt_index(first, level), to = pt_index(last, level);
	bool whole = !first && last == ~0ull && level < 4;

	/* tables may be linked many times, even to themselves: once is enough */
	if (whole && m->shadow[page].time >= since)
		return;
	for (unsigned i = from; i <= to; i++) {
		if (level < 4 && !(m->shadow[page].used >> i / GROUP & 1)) {
			i |= GROUP - 1;
			continue;
		}
		unsigned below = level == 4 && i == GATE_SLOT ? MMU_NO_ROOT : sync_step(m, page, i);

		if (below != MMU_NO_ROOT)
			shadow_sync(m, below, i == from ? first : 0, i == to ? last : ~0ull, since);
	}
	if (whole)
		m->shadow[page].time = since;
}

/* The same for one page, which most flushes are. */
static void sync_page(struct mmu *m, unsigned page, gva_t va)
{
	for (int level = 4; level > 0 && page != MMU_NO_ROOT; level--)
		page = sync_step(m, page, pt_index(va.v, level));
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
	uint64_t since = ++view->mmu->clock;
	if ((va.v ^ last) < PAGE_SIZE && pt_index(va.v, 4) != GATE_SLOT)
		sync_page(view->mmu, view->root, va);
	else
		shadow_sync(view->mmu, view->root, va.v, last, since);
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
	if (!m->shadow[view->root].key)
		shadow_give_back(m, view->root);
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
		while ((page = shadow_take(m, 4, key)) == MMU_NO_ROOT)
			shadow_make_room(m);
		shadow_table(m, page)[GATE_SLOT] = view->gate_pdpt | PTE_P | PTE_W | PTE_A;
	}
	m->shadow[page].time = ++m->clock;
	view->root = page;
	if (flush)
		shadow_sync(m, page, 0, USER_LAST, m->clock);
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
		if (shadow_root_in_use(m, page))
			shadow_empty(m, page);
		else
			shadow_give_back(m, page);
	}
	shadow_unlock(m);
}
