// SPDX-License-Identifier: GPL-2.0-or-later
/* The pages of a guest's shadow pool. See shadow.h. */
#include "mmu/shadow.h"

#include "core/string.h"
#include "ring/gate.h"

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

static uint16_t *bucket(struct mmu *m, uint64_t key)
{
	return &m->bucket[(key >> PAGE_SHIFT ^ key) % MMU_BUCKETS];
}

unsigned shadow_find(struct mmu *m, uint64_t key)
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
unsigned shadow_take(struct mmu *m, uint64_t key)
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

void shadow_clear_entry(struct mmu *m, uint64_t *entry, int level)
{
	uint64_t old = *entry;

	*entry = 0;
	if (shadow_is_table(old, level)) {
		unsigned below = shadow_linked(m, old);

		if (!--m->shadow[below].links)
			shadow_give_back(m, below, level - 1);
	}
}

void shadow_empty(struct mmu *m, unsigned page, int level)
{
	uint64_t *table = shadow_table(m, page), used = m->shadow[page].used;

	for (; used; used &= used - 1) {
		unsigned first = (unsigned)__builtin_ctzll(used) * GROUP;

		if (level == 1)
			memset(&table[first], 0, GROUP * sizeof(*table));
		else
			for (unsigned i = first; i < first + GROUP; i++)
				if (table[i] && !(level == 4 && i == GATE_SLOT))
					shadow_clear_entry(m, &table[i], level);
	}
	m->shadow[page].used = 0;
}

void shadow_give_back(struct mmu *m, unsigned page, int level)
{
	struct shadow *s = &m->shadow[page];

	shadow_empty(m, page, level);
	if (level == 4)
		shadow_table(m, page)[GATE_SLOT] = 0;
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
bool shadow_drop_oldest_root(struct mmu *m)
{
	unsigned victim = MMU_NO_ROOT;

	shadow_changed(m);

	for (unsigned i = 0; i < m->pool_pages; i++) {
		const struct shadow *s = &m->shadow[i];

		if ((s->key & KEY_LEVEL) == 4 && !s->links &&
		    (victim == MMU_NO_ROOT || s->stamp < m->shadow[victim].stamp))
			victim = i;
	}
	if (victim == MMU_NO_ROOT)
		return false;
	shadow_give_back(m, victim, 4);
	return true;
}

/* Roots in use stay, as they stand in CR3s, but are emptied. Only they have links from nowhere. */
void shadow_empty_all(struct mmu *m, unsigned mine)
{
	for (unsigned i = 0; i < m->pool_pages; i++)
		if ((m->shadow[i].key & KEY_LEVEL) == 4 || i == mine)
			shadow_empty(m, i, 4);
}

void *mmu_take_page(struct mmu *m)
{
	unsigned page = MMU_NO_ROOT;

	shadow_lock(m);
	if (m->lent < m->pool_pages / 4)
		while ((page = shadow_take(m, 0)) == MMU_NO_ROOT && shadow_drop_oldest_root(m))
			;
	m->lent += page != MMU_NO_ROOT;
	shadow_unlock(m);
	return page == MMU_NO_ROOT ? NULL : shadow_table(m, page);
}

void mmu_give_page(struct mmu *m, void *page)
{
	shadow_lock(m);
	unsigned at = shadow_linked(m, direct_mpa(page).v);
	m->shadow[at].used = ~0ull;
	m->lent--;
	shadow_give_back(m, at, 1);
	shadow_unlock(m);
}
