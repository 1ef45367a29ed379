// SPDX-License-Identifier: GPL-2.0-or-later
/* The pages of a guest's shadow pool. See shadow.h. */
#include "mmu/shadow.h"

#include "core/string.h"
#include "ring/gate.h"

bool mmu_can_mark;

static void push(struct mmu *m, uint16_t *list, unsigned page, enum shadow_state state)
{
	m->shadow[page].state = state;
	m->shadow[page].next = *list;
	*list = (uint16_t)(page + 1);
}

static unsigned pop(struct mmu *m, uint16_t *list)
{
	unsigned page = *list - 1u;

	*list = m->shadow[page].next;
	return page;
}

static void push_free(struct mmu *m, unsigned page)
{
	push(m, &m->free[m->shadow[page].kind], page, SHADOW_FREE);
	m->pool_free++;
}

static void clear_lists(struct mmu *m)
{
	memset(m->bucket, 0, sizeof(m->bucket));
	memset(m->free, 0, sizeof(m->free));
	memset(m->kernel, 0, sizeof(m->kernel));
	m->kernel_used = 0;
	m->dying = m->resting = 0;
	m->pool_free = 0;
}

void mmu_init(struct mmu *m, mpa_t pool, unsigned pool_pages, struct shadow *shadow)
{
	m->pool = pool;
	m->pool_pages = pool_pages;
	m->shadow = shadow;
	m->lent = 0;
	m->cleared = true;
	m->not_present = mmu_can_mark ? NOT_PRESENT : 0;
	memset(shadow, 0, pool_pages * sizeof(*shadow));
	clear_lists(m);
	for (unsigned i = pool_pages; i-- > 0;)
		push_free(m, i);
}

void mmu_reset(struct mmu *m)
{
	shadow_lock(m);
	mmu_init(m, m->pool, m->pool_pages, m->shadow);
	m->cleared = false;
	shadow_unlock(m);
}

void mmu_attach(struct mmu *m, struct mmu_view *view)
{
	view->mmu = m;
	view->root = MMU_NO_ROOT;
	view->next = m->views;
	m->views = view;
}

static uint16_t *bucket(struct mmu *m, uint64_t key)
{
	return &m->bucket[shadow_bucket(key)];
}

unsigned shadow_find(struct mmu *m, uint64_t key)
{
	unsigned at = *bucket(m, key);

	while (at && m->shadow[at - 1].key != key)
		at = m->shadow[at - 1].next;
	return at ? at - 1 : MMU_NO_ROOT;
}

static void add_key(struct mmu *m, unsigned page, uint64_t key)
{
	m->shadow[page].key = key;
	m->shadow[page].next = *bucket(m, key);
	*bucket(m, key) = (uint16_t)(page + 1);
}

static void remove_key(struct mmu *m, unsigned page)
{
	uint16_t *at = bucket(m, m->shadow[page].key);

	while (*at != page + 1)
		at = &m->shadow[*at - 1].next;
	*at = m->shadow[page].next;
	m->shadow[page].key = 0;
}

void shadow_clear_entry(struct mmu *m, uint64_t *entry, int level)
{
	uint64_t old = *entry;

	*entry = 0;
	if (shadow_is_table(old, level)) {
		unsigned below = shadow_linked(m, old);

		if (!--m->shadow[below].links)
			shadow_give_back(m, below);
	}
}

void shadow_empty(struct mmu *m, unsigned page)
{
	uint64_t *table = shadow_table(m, page), used = m->shadow[page].used;
	int level = m->shadow[page].kind;

	for (; used; used &= used - 1) {
		unsigned first = (unsigned)__builtin_ctzll(used) * GROUP;

		if (level == 1 || level == SHADOW_LENT)
			memset(&table[first], 0, GROUP * sizeof(*table));
		else
			for (unsigned i = first; i < first + GROUP; i++)
				if (table[i] && !(level == 4 && i == GATE_SLOT))
					shadow_clear_entry(m, &table[i], level);
	}
	m->shadow[page].used = 0;
}

static void forget_kernel(struct mmu *m, unsigned page)
{
	for (unsigned i = 0; i < KERNEL_SLOTS; i++)
		if (m->kernel[i] == page + 1)
			m->kernel[i] = 0;
	m->shadow[page].kernel = false;
}

void shadow_set_kernel(struct mmu *m, unsigned slot, unsigned page)
{
	unsigned old = m->kernel[slot - KERNEL_SLOTS];

	for (unsigned i = 0; old && i < m->pool_pages; i++) {
		uint64_t *entry = &shadow_table(m, i)[slot];

		if (m->shadow[i].kind == 4 && m->shadow[i].key && *entry)
			shadow_clear_entry(m, entry, 4);
	}
	m->kernel[slot - KERNEL_SLOTS] = (uint16_t)(page + 1);
	m->kernel_used |= 1ull << slot / GROUP;
	m->shadow[page].kernel = true;
}

void shadow_give_back(struct mmu *m, unsigned page)
{
	if (m->shadow[page].key)
		remove_key(m, page);
	if (m->shadow[page].kernel)
		forget_kernel(m, page);
	m->drops++;
	push(m, &m->dying, page, SHADOW_DYING);
}

void shadow_reap(struct mmu *m)
{
	unsigned page = pop(m, &m->dying);

	shadow_empty(m, page);
	if (m->shadow[page].kind == 4)
		shadow_table(m, page)[GATE_SLOT] = 0;
	if (m->quiesce)
		push(m, &m->resting, page, SHADOW_RESTING);
	else
		push_free(m, page);
}

unsigned shadow_take(struct mmu *m, enum shadow_kind kind, uint64_t key)
{
	uint16_t *list = &m->free[m->free[kind] ? kind : SHADOW_ANY];

	while (!*list && m->dying) {
		shadow_reap(m);
		list = &m->free[kind];
	}
	if (!*list)
		return MMU_NO_ROOT;
	unsigned page = pop(m, list);
	struct shadow *s = &m->shadow[page];

	m->pool_free--;
	s->kind = (uint8_t)kind;
	s->state = SHADOW_USED;
	s->links = 0;
	s->time = m->clock;
	if (key)
		add_key(m, page, key);
	return page;
}

/* Others may be walking what rests: once they have left the guest, they are not. */
static void end_rest(struct mmu *m)
{
	m->quiesce(m);
	while (m->resting)
		push_free(m, pop(m, &m->resting));
}

bool shadow_root_in_use(const struct mmu *m, unsigned page)
{
	for (const struct mmu_view *v = m->views; v; v = v->next)
		if (v->root == page)
			return true;
	return false;
}

/* False: each root is in use. */
static bool drop_oldest_root(struct mmu *m)
{
	unsigned victim = MMU_NO_ROOT;

	for (unsigned i = 0; i < m->pool_pages; i++) {
		const struct shadow *s = &m->shadow[i];

		if (s->kind == 4 && s->state == SHADOW_USED && !shadow_root_in_use(m, i) &&
		    (victim == MMU_NO_ROOT || s->time < m->shadow[victim].time))
			victim = i;
	}
	if (victim == MMU_NO_ROOT)
		return false;
	shadow_give_back(m, victim);
	return true;
}

/* Finds which pages some entry or some view still leads to, whatever their counts say. */
static void mark_linked(struct mmu *m)
{
	for (unsigned i = 0; i < m->pool_pages; i++)
		m->shadow[i].marked = false;
	for (const struct mmu_view *v = m->views; v; v = v->next)
		if (v->root != MMU_NO_ROOT)
			m->shadow[v->root].marked = true;
	for (unsigned i = 0; i < m->pool_pages; i++) {
		const uint64_t *table = shadow_table(m, i);
		int level = m->shadow[i].kind;

		if (level < 2 || level > 4)
			continue;
		for (uint64_t used = m->shadow[i].used; used; used &= used - 1) {
			unsigned first = (unsigned)__builtin_ctzll(used) * GROUP;

			for (unsigned k = first; k < first + GROUP; k++)
				if (shadow_is_table(table[k], level) &&
				    !(level == 4 && k == GATE_SLOT))
					m->shadow[shadow_linked(m, table[k])].marked = true;
		}
	}
}

/* Free pages that nothing leads to become pages for any kind; false: there are none. No processor
 * walks them either when this returns. */
static bool free_for_any_kind(struct mmu *m)
{
	bool any = false;

	mark_linked(m);
	for (unsigned kind = SHADOW_ANY + 1; kind < SHADOW_KINDS; kind++) {
		uint16_t list = m->free[kind];

		m->free[kind] = 0;
		while (list) {
			unsigned page = pop(m, &list);

			if (!m->shadow[page].marked) {
				m->shadow[page].kind = SHADOW_ANY;
				any = true;
			}
			push(m, &m->free[m->shadow[page].kind], page, SHADOW_FREE);
		}
	}
	if (any && m->quiesce)
		m->quiesce(m);
	return any;
}

/* All that the roots in use lead to goes; false: that was nothing. */
static bool empty_roots(struct mmu *m)
{
	for (const struct mmu_view *v = m->views; v; v = v->next)
		if (v->root != MMU_NO_ROOT)
			shadow_empty(m, v->root);
	return m->dying;
}

/* Only a wrong count leads here. It is not believed: what is neither a root in use nor lent is
 * cleared and free. */
static void rebuild(struct mmu *m)
{
	clear_lists(m);
	for (unsigned i = 0; i < m->pool_pages; i++) {
		struct shadow *s = &m->shadow[i];
		uint64_t key = s->key;

		s->links = 0;
		if (shadow_root_in_use(m, i)) {
			if (key)
				add_key(m, i, key);
		} else if (s->kind != SHADOW_LENT || s->state != SHADOW_USED) {
			memset(shadow_table(m, i), 0, PAGE_SIZE);
			*s = (struct shadow){ 0 };
			push_free(m, i);
		}
	}
	if (m->quiesce)
		m->quiesce(m);
}

void shadow_make_room(struct mmu *m)
{
	shadow_changed(m);
	if (m->dying) {
		shadow_reap(m);
		return;
	}
	if (m->resting) {
		end_rest(m);
		return;
	}
	if (m->pool_free > m->pool_pages / 8 && free_for_any_kind(m))
		return;
	if (drop_oldest_root(m))
		return;
	if (m->pool_free && free_for_any_kind(m))
		return;
	if (!empty_roots(m))
		rebuild(m);
}

void *mmu_take_page(struct mmu *m)
{
	unsigned page = MMU_NO_ROOT;

	shadow_lock(m);
	if (m->lent < m->pool_pages / MMU_LENT_SHARE) {
		while ((page = shadow_take(m, SHADOW_LENT, 0)) == MMU_NO_ROOT)
			shadow_make_room(m);
		m->lent++;
	}
	shadow_unlock(m);
	return page == MMU_NO_ROOT ? NULL : shadow_table(m, page);
}

void mmu_give_page(struct mmu *m, void *page)
{
	shadow_lock(m);
	unsigned at = shadow_linked(m, direct_mpa(page).v);
	m->shadow[at].used = ~0ull;
	m->lent--;
	shadow_give_back(m, at);
	shadow_unlock(m);
}
