// SPDX-License-Identifier: GPL-2.0-or-later
/* The pages of a guest's shadow pool. See shadow.h. */
#include "engine/ring/shadow/shadow.h"

#include "kernel/gate.h"
#include "lib/string.h"

bool mmu_can_mark;
uint64_t mmu_secret = 0x9e3779b97f4a7c15;

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
	m->scanned = false;
}

static void clear_lists(struct mmu *m)
{
	size_t first = offsetof(struct mmu, pool_free);

	memset((char *)m + first, 0, offsetof(struct mmu, clock) - first);
}

void mmu_init(struct mmu *m, const struct guest_memory *memory, mpa_t pool, unsigned pool_pages,
	      struct shadow *shadow)
{
	m->memory = memory;
	m->pool = pool;
	m->pool_pages = pool_pages;
	m->shadow = shadow;
	m->not_present = mmu_can_mark ? NOT_PRESENT : 0;
}

#define PAGES_ZEROED 4 /* in a part */

bool mmu_reset_part(struct mmu *m, bool first)
{
	shadow_lock(m);
	if (first) {
		m->lent = 0;
		clear_lists(m);
		m->zeroed = 0;
		if (m->tables)
			tables_reset(m);
	}
	unsigned n = MIN(m->pool_pages - m->zeroed, (unsigned)PAGES_ZEROED);

	memset(shadow_table(m, m->zeroed), 0, n * PAGE_SIZE);
	memset(&m->shadow[m->zeroed], 0, n * sizeof(*m->shadow));
	for (; n; n--)
		push_free(m, m->zeroed++);
	bool done = m->zeroed == m->pool_pages;
	shadow_unlock(m);
	return done;
}

void mmu_attach(struct mmu *m, struct mmu_view *view)
{
	view->guest.memory = m->memory;
	view->mmu = m;
	view->root = MMU_NO_ROOT;
	view->written_page = ~0ull; /* none */
	view->next = m->views;
	m->views = view;
}

/* The link in a key's hash chain that names its page, or the end of the chain. A guest could find
 * tables with the same hash by timing, so the length is charged. */
static uint16_t *look_up(struct mmu *m, uint64_t key)
{
	uint16_t *at = &m->bucket[shadow_bucket(key)];
	int steps = 0;

	for (; *at && m->shadow[*at - 1].key != key; steps++)
		at = &m->shadow[*at - 1].next;
	m->budget -= steps / STEPS_A_UNIT;
	return at;
}

unsigned shadow_find(struct mmu *m, uint64_t key)
{
	unsigned at = *look_up(m, key);

	return at ? at - 1 : MMU_NO_ROOT;
}

static void add_key(struct mmu *m, unsigned page, uint64_t key)
{
	uint16_t *list = &m->bucket[shadow_bucket(key)];

	m->shadow[page].key = key;
	m->shadow[page].next = *list;
	*list = (uint16_t)(page + 1);
}

void shadow_forget_key(struct mmu *m, unsigned page)
{
	*look_up(m, m->shadow[page].key) = m->shadow[page].next;
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

/* False: the budget is spent. */
static bool clear_links(struct mmu *m, uint64_t *table, unsigned first, int level)
{
	m->budget -= LINKS_COST;
	for (unsigned i = first; i < first + GROUP; i++) {
		if (!table[i] || (level == 4 && i == GATE_SLOT))
			continue;
		if (m->budget <= 0)
			return false;
		shadow_clear_entry(m, &table[i], level);
	}
	return true;
}

bool shadow_empty(struct mmu *m, unsigned page)
{
	uint64_t *table = shadow_table(m, page), used = m->shadow[page].used;
	int level = m->shadow[page].kind;
	bool leaves = level == 1 || level == SHADOW_LENT;

	for (; used && m->budget > 0; used &= used - 1) {
		unsigned first = (unsigned)__builtin_ctzll(used) * GROUP;

		if (leaves) {
			memset(&table[first], 0, GROUP * sizeof(*table));
			m->budget--;
		} else if (!clear_links(m, table, first, level)) {
			break;
		}
	}
	m->shadow[page].used = used;
	return !used;
}

static void forget_kernel(struct mmu *m, unsigned page)
{
	for (unsigned i = 0; i < KERNEL_SLOTS; i++)
		if (m->kernel[i] == page + 1)
			m->kernel[i] = 0;
	m->shadow[page].kernel = false;
}

/* Until no root links to it, flushes still go through the table, but no other root gets a link to
 * it. One slot at a time: the one under way comes first. */
bool shadow_retire_kernel(struct mmu *m, unsigned slot)
{
	while (m->retiring || m->kernel[slot - KERNEL_SLOTS]) {
		if (!m->retiring)
			m->retired = 0;
		m->retiring = m->retiring ? m->retiring : slot;
		for (; m->retired < m->pool_pages && m->budget > 0; m->retired++) {
			const struct shadow *s = &m->shadow[m->retired];
			uint64_t *entry = &shadow_table(m, m->retired)[m->retiring];

			m->budget--;
			if (s->kind == 4 && s->key && *entry)
				shadow_clear_entry(m, entry, 4);
		}
		if (m->retired < m->pool_pages)
			return false;
		m->kernel[m->retiring - KERNEL_SLOTS] = 0;
		m->retiring = 0;
	}
	return true;
}

void shadow_set_kernel(struct mmu *m, unsigned slot, unsigned page)
{
	m->kernel[slot - KERNEL_SLOTS] = (uint16_t)(page + 1);
	m->kernel_used |= 1ull << slot / GROUP;
	m->shadow[page].kernel = true;
}

void shadow_give_back(struct mmu *m, unsigned page)
{
	if (m->shadow[page].key)
		shadow_forget_key(m, page);
	if (m->shadow[page].kernel) {
		forget_kernel(m, page);
		m->budget -= KERNEL_COST;
	}
	m->budget -= GIVE_COST;
	push(m, &m->dying, page, SHADOW_DYING);
}

void shadow_reap(struct mmu *m)
{
	unsigned page = pop(m, &m->dying);

	m->budget--;
	if (!shadow_empty(m, page)) {
		push(m, &m->dying, page, SHADOW_DYING);
		return;
	}
	if (m->shadow[page].kind == 4)
		shadow_table(m, page)[GATE_SLOT] = 0;
	if (m->quiesce)
		push(m, &m->limbo, page, SHADOW_LIMBO);
	else
		push_free(m, page);
}

unsigned shadow_take(struct mmu *m, enum shadow_kind kind, uint64_t key)
{
	uint16_t *list = &m->free[m->free[kind] ? kind : SHADOW_ANY];

	if (!*list)
		return MMU_NO_ROOT;
	unsigned page = pop(m, list);
	struct shadow *s = &m->shadow[page];

	m->pool_free--;
	s->kind = (uint8_t)kind;
	s->state = SHADOW_USED;
	s->marked = false;
	s->links = 0;
	s->time = m->clock;
	if (key)
		add_key(m, page, key);
	return page;
}

/* Others may be walking pages in limbo until they have left the guest. */
static void end_limbo(struct mmu *m)
{
	m->quiesce(m);
	m->budget -= WAIT_COST;
	m->limbo_over = m->limbo;
	m->limbo = 0;
}

static void free_limbo(struct mmu *m)
{
	for (; m->limbo_over && m->budget > 0; m->budget--)
		push_free(m, pop(m, &m->limbo_over));
}

bool shadow_root_in_use(const struct mmu *m, unsigned page)
{
	for (const struct mmu_view *v = m->views; v; v = v->next)
		if (v->root == page)
			return true;
	return false;
}

static bool may_go(const struct mmu *m, unsigned page)
{
	const struct shadow *s = &m->shadow[page];

	return s->kind == 4 && s->state == SHADOW_USED && !shadow_root_in_use(m, page);
}

/* Continues the search for the root loaded longest ago, while the budget lasts. False: all are in
 * use. */
static bool drop_oldest_root(struct mmu *m)
{
	for (; m->oldest_at < m->pool_pages; m->oldest_at++) {
		const struct shadow *s = &m->shadow[m->oldest_at];

		if (m->budget <= 0)
			return true;
		m->budget -= s->kind == 4 ? ROOT_COST : m->oldest_at & 1;
		if (may_go(m, m->oldest_at) &&
		    (!m->oldest || s->time < m->shadow[m->oldest - 1].time))
			m->oldest = (uint16_t)(m->oldest_at + 1);
	}
	unsigned victim = m->oldest - 1u;
	m->oldest_at = m->oldest = 0;
	if (victim == MMU_NO_ROOT)
		return false;
	if (may_go(m, victim))
		shadow_give_back(m, victim);
	return true;
}

/* --- the scan: free pages that nothing leads to lose their kind --- */

static void begin_scan(struct mmu *m)
{
	for (unsigned kind = SHADOW_ANY + 1; kind < SHADOW_KINDS; kind++) {
		m->unkinded[kind] = m->free[kind];
		m->free[kind] = 0;
	}
	m->scanning = true;
	m->scan_at = 0;
}

/* Marks free pages that the entries of a group still lead to, whatever the counts say. */
static void mark_linked(struct mmu *m, const uint64_t *table, unsigned first, int level)
{
	for (unsigned i = first; i < first + GROUP; i++)
		if (shadow_is_table(table[i], level) && !(level == 4 && i == GATE_SLOT)) {
			struct shadow *s = &m->shadow[shadow_linked(m, table[i])];

			s->marked |= s->state == SHADOW_FREE;
		}
}

/* The group that the scan has come to, or those of a table that are not in use. */
static void scan_group(struct mmu *m)
{
	unsigned page = m->scan_at / GROUPS, group = m->scan_at % GROUPS;
	const struct shadow *s = &m->shadow[page];
	uint64_t used = s->kind >= 2 && s->kind <= 4 ? s->used >> group : 0;

	m->budget--;
	if (!used) {
		m->scan_at = (page + 1) * GROUPS;
		return;
	}
	group += (unsigned)__builtin_ctzll(used);
	mark_linked(m, shadow_table(m, page), group * GROUP, s->kind);
	m->scan_at = page * GROUPS + group + 1;
	m->budget -= SCAN_COST;
}

/* False: some are left. */
static bool give_kinds(struct mmu *m)
{
	for (unsigned kind = SHADOW_ANY + 1; kind < SHADOW_KINDS; kind++)
		for (; m->unkinded[kind]; m->budget--) {
			if (m->budget <= 0)
				return false;
			unsigned page = pop(m, &m->unkinded[kind]);
			struct shadow *s = &m->shadow[page];

			s->kind = s->marked ? s->kind : SHADOW_ANY;
			s->marked = false;
			push(m, &m->free[s->kind], page, SHADOW_FREE);
		}
	return true;
}

/* Meanwhile no link to the pages can be made. Processors may have cached an old one until they
 * leave the guest. */
static void scan_part(struct mmu *m)
{
	unsigned end = m->pool_pages * GROUPS;

	while (m->scan_at < end && m->budget > 0) {
		scan_group(m);
		if (m->scan_at < end)
			continue;
		for (const struct mmu_view *v = m->views; v; v = v->next)
			if (v->root != MMU_NO_ROOT)
				m->shadow[v->root].marked |=
					m->shadow[v->root].state == SHADOW_FREE;
		if (m->quiesce) {
			m->quiesce(m);
			m->budget -= WAIT_COST;
		}
	}
	if (m->scan_at < end || !give_kinds(m))
		return;
	m->scanning = false;
	m->scanned = true;
}

/* Drops everything below the roots in use, or a part of it; false: there was nothing. */
static bool empty_roots(struct mmu *m)
{
	for (const struct mmu_view *v = m->views; v; v = v->next)
		if (v->root != MMU_NO_ROOT && !shadow_empty(m, v->root))
			return true;
	return m->dying;
}

/* Only a wrong count leads here, so counts are ignored: every page that is neither a root in use
 * nor lent is cleared and freed. */
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
	if (m->scanning)
		scan_part(m);
	else if (m->dying)
		shadow_reap(m);
	else if (m->limbo_over)
		free_limbo(m);
	else if (m->limbo)
		end_limbo(m);
	else if (!m->scanned && m->pool_free > m->pool_pages / 8)
		begin_scan(m);
	else if (drop_oldest_root(m))
		;
	else if (!m->scanned && m->pool_free)
		begin_scan(m);
	else if (!empty_roots(m))
		rebuild(m);
}

void *mmu_take_page(struct mmu *m, bool *again)
{
	unsigned page = MMU_NO_ROOT;

	shadow_lock(m);
	*again = m->lent < m->pool_pages / MMU_LENT_SHARE;
	while (*again && (page = shadow_take(m, SHADOW_LENT, 0)) == MMU_NO_ROOT && m->budget > 0)
		shadow_make_room(m);
	if (page != MMU_NO_ROOT) {
		m->lent++;
		*again = false;
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
