// SPDX-License-Identifier: GPL-2.0-or-later
/* The invariant of the shadow MMU, as shadow.h states it, checked in full. */
#include "abi/veneer.h"
#include "engine/ring/shadow/shadow.h"
#include "kernel/gate.h"
#include "lib/string.h"

/* One check runs at a time, and counts here. */
static SPINLOCK(LOCK_CHECK) check_lock;
static uint32_t counted[MMU_POOL_MAX];

static bool broken(struct table_report *r, const char *what, unsigned page, unsigned index)
{
	r->what = what;
	r->page = page;
	r->index = index;
	return false;
}

/* The frame's rights, if [frame, frame + bytes) is the guest's; else 0. */
static uint64_t owned(const struct guest_memory *m, uint64_t frame, uint64_t bytes)
{
	const struct patch_window *w = &m->window;

	for (unsigned i = 0; i < REGIONS; i++) {
		const struct region *r = &m->region[i];
		uint64_t at = frame - r->at.v;

		if (at < r->bytes && bytes <= r->bytes - at)
			return r->rights;
	}
	bool stub = w->bytes && frame - w->stubs.v < w->bytes - VENEER_WINDOW_STUBS;
	return stub && bytes == PAGE_SIZE ? FRAME_READ : 0;
}

static const char *check_leaf(const struct mmu *m, uint64_t e, int level)
{
	uint64_t rights = owned(m->memory, e & PTE_ADDR, pt_span(level));

	if (level > 2 || (level == 1 && (e & PTE_PS)) || (e & PTE_G))
		return "a leaf that cannot be";
	if (!rights)
		return "a leaf outside the guest's memory";
	return frame_allows(rights, e & PTE_W) ? NULL : "a writable leaf to read-only memory";
}

/* The gate area that a root must have: that of the view that uses it, or of the CPU that it is for.
 */
static bool check_gate(const struct mmu *m, unsigned page)
{
	uint64_t at = shadow_table(m, page)[GATE_SLOT], key = m->shadow[page].key;
	bool dying = m->shadow[page].state == SHADOW_DYING;

	for (const struct mmu_view *v = m->views; v; v = v->next)
		if ((v->root == page || dying || (key && key / KEY_CPU(1) == v->cpu)) &&
		    at == (v->gate_pdpt | PTE_P | PTE_W | PTE_A))
			return true;
	return false;
}

static const char *check_entry(const struct mmu *m, unsigned page, unsigned index,
			       struct table_report *r)
{
	uint64_t e = shadow_table(m, page)[index];
	int level = m->shadow[page].kind;

	if (!e)
		return NULL;
	if (level == 4 && index == GATE_SLOT)
		return check_gate(m, page) ? NULL : "another gate area";
	if (!(m->shadow[page].used >> index / GROUP & 1))
		return "an entry without a note of its group";
	if (level == 1 && e == NOT_PRESENT)
		return NULL;
	if (!(e & PTE_P))
		return "an entry that is neither present nor 0";
	if (!shadow_is_table(e, level)) {
		r->leaves++;
		if (m->tables && level == 1 && (e & PTE_W) && !tables_may_write(m, page, index))
			return "a writable leaf to a table, or one too many";
		return check_leaf(m, e, level);
	}
	unsigned below = shadow_linked(m, e);
	if (below >= m->pool_pages)
		return "a link out of the pool";
	counted[below]++;
	if (m->shadow[below].state != SHADOW_USED)
		return "a link to a page that is given back";
	return m->shadow[below].kind == level - 1 ? NULL : "a link to a table of another level";
}

static bool check_table(struct mmu *m, unsigned page, struct table_report *r)
{
	const struct shadow *s = &m->shadow[page];

	r->tables++;
	r->level = s->kind;
	if (s->kind == SHADOW_ANY || s->kind >= SHADOW_KINDS)
		return broken(r, "a table of no kind", page, 0);
	if (s->key && ((s->key & KEY_LEVEL) != s->kind ||
		       (!(s->key & KEY_LARGE) && (s->key & PTE_ADDR) >= ram_bytes(m->memory))))
		return broken(r, "a key of another level, or of no memory", page, 0);
	if (s->key && shadow_find(m, s->key) != page)
		return broken(r, "two shadows of one table", page, 0);
	for (unsigned i = 0; s->kind != SHADOW_LENT && i < PT_ENTRIES; i++) {
		const char *what = check_entry(m, page, i, r);

		if (what)
			return broken(r, what, page, i);
	}
	if (s->kind == 4 && !check_gate(m, page))
		return broken(r, "a root without its gate area", page, GATE_SLOT);
	return true;
}

static bool check_zero(const struct mmu *m, unsigned page, struct table_report *r)
{
	const struct shadow *s = &m->shadow[page];

	r->level = s->kind;
	if (s->links || s->key || s->used)
		return broken(r, "a free page that is not described as one", page, 0);
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		if (shadow_table(m, page)[i])
			return broken(r, "a free page that is not zero", page, i);
	return true;
}

/* A list ends, and all on it are of its state and kind. */
static bool check_list(const struct mmu *m, uint16_t at, enum shadow_state state, int kind,
		       unsigned *sum, struct table_report *r)
{
	for (; at; at = m->shadow[at - 1].next) {
		const struct shadow *s = &m->shadow[at - 1];

		r->level = s->kind;
		if (++*sum > m->pool_pages)
			return broken(r, "lists without an end", at - 1, 0);
		if (s->state != state || (kind >= 0 && s->kind != kind))
			return broken(r, "a page on another's list", at - 1, 0);
	}
	return true;
}

static bool check_buckets(const struct mmu *m, unsigned *keyed, struct table_report *r)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < MMU_BUCKETS; i++)
		for (uint16_t at = m->bucket[i]; at; at = m->shadow[at - 1].next) {
			const struct shadow *s = &m->shadow[at - 1];

			r->level = s->kind;
			if (++seen > m->pool_pages || s->state != SHADOW_USED || !s->key ||
			    shadow_bucket(s->key) != i)
				return broken(r, "a hash chain that is wrong", at - 1, i);
		}
	*keyed = seen;
	return true;
}

/* Each page is on exactly one list, or in use; of these, those with a key are in their chains. */
static bool check_lists(const struct mmu *m, struct table_report *r)
{
	unsigned free = 0, others = 0, keyed, state[4] = { 0 }, keys = 0, lent = 0;

	for (int kind = 0; kind < SHADOW_KINDS; kind++)
		if (!check_list(m, m->free[kind], SHADOW_FREE, kind, &free, r) ||
		    !check_list(m, m->unkinded[kind], SHADOW_FREE, kind, &free, r))
			return false;
	if (!check_list(m, m->dying, SHADOW_DYING, -1, &others, r) ||
	    !check_list(m, m->limbo, SHADOW_LIMBO, -1, &others, r) ||
	    !check_list(m, m->limbo_over, SHADOW_LIMBO, -1, &others, r) ||
	    !check_buckets(m, &keyed, r))
		return false;
	for (unsigned i = 0; i < m->pool_pages; i++) {
		const struct shadow *s = &m->shadow[i];

		state[s->state & 3]++;
		keys += s->key != 0;
		lent += s->kind == SHADOW_LENT && s->state == SHADOW_USED;
	}
	r->level = 0;
	if (free != state[SHADOW_FREE] || free != m->pool_free ||
	    others != state[SHADOW_DYING] + state[SHADOW_LIMBO] || keyed != keys || lent != m->lent)
		return broken(r, "lists that have lost a page", 0, 0);
	return true;
}

static bool check_views(const struct mmu *m, struct table_report *r)
{
	for (const struct mmu_view *v = m->views; v; v = v->next) {
		if (v->root == MMU_NO_ROOT)
			continue;
		r->level = 4;
		if (v->root >= m->pool_pages || m->shadow[v->root].kind != 4 ||
		    m->shadow[v->root].state != SHADOW_USED ||
		    (shadow_table(m, v->root)[GATE_SLOT] & PTE_ADDR) != v->gate_pdpt)
			return broken(r, "a root in use that is none", v->root, 0);
	}
	return true;
}

/* In a slot of the kernel's half all mirrored roots link to the same page, or to none. */
static bool check_kernel(const struct mmu *m, struct table_report *r)
{
	r->level = 4;
	for (unsigned i = 0; i < m->pool_pages; i++)
		for (unsigned k = GATE_SLOT + 1; k < PT_ENTRIES; k++) {
			uint64_t e = shadow_table(m, i)[k];
			const struct shadow *s = &m->shadow[i];

			if (s->kind == 4 && s->key && e &&
			    m->kernel[k - KERNEL_SLOTS] != shadow_linked(m, e) + 1)
				return broken(r, "a kernel table that is not everybody's", i, k);
		}
	for (unsigned k = 0; k < KERNEL_SLOTS; k++) {
		unsigned page = m->kernel[k] - 1u;

		if (m->kernel[k] && (m->shadow[page].kind != 3 || !m->shadow[page].kernel ||
				     m->shadow[page].state != SHADOW_USED ||
				     !(m->kernel_used >> (k + KERNEL_SLOTS) / GROUP & 1)))
			return broken(r, "a kernel table that is none", page, k);
	}
	return true;
}

static bool check_counts(const struct mmu *m, struct table_report *r)
{
	for (unsigned i = 0; i < m->pool_pages; i++) {
		const struct shadow *s = &m->shadow[i];
		bool linked = s->state == SHADOW_USED && s->kind < 4;

		r->level = s->kind;
		if (s->links != counted[i] || (linked && !s->links))
			return broken(r, "a count of links that is wrong", i, s->links);
	}
	return true;
}

static bool check_all(struct mmu *m, struct table_report *r)
{
	memset(counted, 0, sizeof(counted));
	if (!check_lists(m, r))
		return false;
	for (unsigned i = 0; i < m->pool_pages; i++) {
		unsigned state = m->shadow[i].state;
		bool zero = state == SHADOW_FREE || state == SHADOW_LIMBO;

		if (!(zero ? check_zero(m, i, r) : check_table(m, i, r)))
			return false;
	}
	return check_counts(m, r) && check_views(m, r) && check_kernel(m, r);
}

bool mmu_check(struct mmu *m, struct table_report *r)
{
	*r = (struct table_report){ 0 };
	spin_lock(&check_lock);
	shadow_lock(m);
	bool good = m->zeroed < m->pool_pages || check_all(m, r);
	shadow_unlock(m);
	spin_unlock(&check_lock);
	return good;
}
