// SPDX-License-Identifier: GPL-2.0-or-later
/* The shadow tables: filling, dropping, checking. See mmu.h. */
#include "abi/veneer.h"
#include "core/panic.h"
#include "core/string.h"
#include "mmu/memory.h"
#include "mmu/mmu.h"
#include "ring/gate.h"
#include "x86/cpu.h"
#include "x86/paging.h"

/* Shadow table entries: everything is allowed above the leaf. */
#define TABLE_BITS (PTE_P | PTE_W | PTE_U | PTE_A)

void mmu_init(struct mmu *m, mpa_t pool, unsigned pool_pages, uint16_t *free_list)
{
	m->pool = pool;
	m->pool_pages = pool_pages;
	m->free_list = free_list;
	m->pool_free = 0;
	for (unsigned i = pool_pages; i-- > 0;)
		free_list[m->pool_free++] = (uint16_t)i;
}

static uint64_t *page_get(struct mmu *m)
{
	if (!m->pool_free)
		return NULL;
	uint64_t *page = direct(MPA(m->pool.v + m->free_list[--m->pool_free] * PAGE_SIZE));
	memset(page, 0, PAGE_SIZE);
	return page;
}

static void page_put(struct mmu *m, uint64_t *page)
{
	m->free_list[m->pool_free++] = (uint16_t)((direct_mpa(page).v - m->pool.v) >> PAGE_SHIFT);
}

static uint64_t *below(uint64_t entry)
{
	return direct(MPA(entry & PTE_ADDR));
}

/* Frees every table under an entry of the given level, and clears it. */
static void clear_entry(struct mmu *m, uint64_t *entry, int level)
{
	if ((*entry & PTE_P) && level > 1 && !(*entry & PTE_PS)) {
		uint64_t *table = below(*entry);

		for (unsigned i = 0; i < PT_ENTRIES; i++)
			clear_entry(m, &table[i], level - 1);
		page_put(m, table);
	}
	*entry = 0;
}

static void empty_root(struct mmu *m, struct mmu_root *r)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		if (i != GATE_SLOT && r->table[i])
			clear_entry(m, &r->table[i], 4);
	m->drops++;
}

static void free_root(struct mmu *m, struct mmu_root *r)
{
	if (!r->used)
		return;
	empty_root(m, r);
	page_put(m, r->table);
	r->used = false;
	if (m->current == r)
		m->current = NULL;
}

void mmu_drop_all(struct mmu *m)
{
	for (unsigned i = 0; i < MMU_ROOTS; i++)
		free_root(m, &m->root[i]);
}

void mmu_drop_root(struct mmu *m, gpa_t root)
{
	for (unsigned i = 0; i < MMU_ROOTS; i++)
		if (m->root[i].paging.root.v == root.v && &m->root[i] != m->current)
			free_root(m, &m->root[i]);
}

static bool same_paging(const struct paging *a, const struct paging *b)
{
	return a->mode == b->mode && a->root.v == b->root.v &&
	       a->write_protect == b->write_protect && a->large_pages == b->large_pages &&
	       a->no_execute == b->no_execute;
}

static struct mmu_root *find_root(struct mmu *m, const struct paging *p)
{
	for (unsigned i = 0; i < MMU_ROOTS; i++)
		if (m->root[i].used && same_paging(&m->root[i].paging, p))
			return &m->root[i];
	return NULL;
}

static struct mmu_root *create_root(struct mmu *m, const struct paging *p)
{
	struct mmu_root *r = &m->root[0];

	for (unsigned i = 0; i < MMU_ROOTS && r->used; i++)
		if (!m->root[i].used || m->root[i].stamp < r->stamp)
			r = &m->root[i];
	free_root(m, r);
	r->table = page_get(m);
	if (!r->table) {
		mmu_drop_all(m);
		r->table = page_get(m);
	}
	r->used = true;
	r->paging = *p;
	r->table[GATE_SLOT] = m->gate_pdpt | PTE_P | PTE_W | PTE_A;
	return r;
}

void mmu_load_root(struct mmu *m, const struct paging *p, bool fresh)
{
	struct mmu_root *r;

	if (fresh)
		mmu_drop_all(m);
	r = find_root(m, p);
	if (!r)
		r = create_root(m, p);
	r->stamp = ++m->stamp;
	m->current = r;
}

mpa_t mmu_current_root(const struct mmu *m)
{
	return direct_mpa(m->current->table);
}

/* The entry for va at a level of the current root, with the tables above it made if create. */
static uint64_t *entry_at(struct mmu *m, gva_t va, int level, bool create)
{
	uint64_t *table = m->current->table;

	for (int l = 4; l > level; l--) {
		uint64_t *e = &table[pt_index(va.v, l)];

		if ((*e & PTE_P) && (*e & PTE_PS)) {
			if (!create)
				return e;
			*e = 0; /* a large leaf gives way to a table */
		}
		if (!(*e & PTE_P)) {
			uint64_t *page = create ? page_get(m) : NULL;

			if (!page)
				return NULL;
			*e = direct_mpa(page).v | TABLE_BITS;
		}
		table = below(*e);
	}
	return &table[pt_index(va.v, level)];
}

static void install(struct mmu *m, gva_t va, int level, uint64_t leaf)
{
	struct paging p = m->current->paging;
	uint64_t *e = entry_at(m, va, level, true);

	if (!e) { /* the pool is empty: start over with what this access needs */
		mmu_drop_all(m);
		mmu_load_root(m, &p, false);
		e = entry_at(m, va, level, true);
	}
	clear_entry(m, e, level);
	*e = leaf;
	m->fills++;
}

void mmu_flush(struct mmu *m, gva_t va, uint64_t bytes)
{
	if (bytes > MIB(64)) {
		empty_root(m, m->current);
		return;
	}
	uint64_t at = va.v & PAGE_MASK,
		 pages = ((va.v & ~PAGE_MASK) + bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
	for (; pages--; at += PAGE_SIZE) {
		uint64_t *e = pt_index(at, 4) == GATE_SLOT ? NULL : entry_at(m, GVA(at), 1, false);

		if (e)
			*e = 0;
	}
}

static bool in_window(const struct mmu *m, gva_t va)
{
	return va.v - m->window < m->window_bytes;
}

/* Pages 0 and 1 are the vCPU page, for the kernel; the rest is code and tables, read-only. */
static enum mmu_result window_fault(struct mmu *m, gva_t va, unsigned error)
{
	uint64_t page = (va.v & PAGE_MASK) - m->window;

	if (page >= VENEER_WINDOW_STUBS) {
		if (error & (PF_PRESENT | PF_WRITE))
			return MMU_WINDOW;
		install(m, va, 1,
			(m->window_memory.v + page - VENEER_WINDOW_STUBS) | PTE_P | PTE_U | PTE_A);
		return MMU_FILLED;
	}
	if (error & (PF_USER | PF_FETCH | PF_PRESENT))
		return MMU_WINDOW;
	if (page == VENEER_WINDOW_UNMASK && m->window_armed)
		return error & PF_WRITE ? MMU_UNMASK : MMU_WINDOW;
	install(m, va, 1, m->vcpu_pages.v | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX);
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

enum mmu_result mmu_fault(struct mmu *m, const struct paging *p, gva_t va, unsigned *error)
{
	unsigned access = *error & (PF_WRITE | PF_USER | PF_FETCH);
	struct translation t;

	if (!canonical(va.v) || pt_index(va.v, 4) == GATE_SLOT)
		return MMU_GUEST_FAULT;
	if (m->window_bytes && in_window(m, va))
		return window_fault(m, va, *error);
	if (mmu_walk(m, p, va, access, &t, error))
		return MMU_GUEST_FAULT;
	mpa_t frame = mmu_frame(m, t.gpa);
	if (!frame.v)
		return MMU_NO_MEMORY;

	uint64_t leaf = PTE_P | PTE_A;
	if (t.user)
		leaf |= PTE_U;
	if (t.writable && t.dirty)
		leaf |= PTE_W | PTE_D;
	else if ((access & PF_WRITE) && !t.writable) /* CR0.WP clear: for the kernel alone */
		leaf = PTE_P | PTE_A | PTE_W | PTE_D;
	if (t.no_execute)
		leaf |= PTE_NX;
	if (can_be_large(m, va, &t))
		install(m, va, 2, ALIGN_DOWN(frame.v, LARGE_SIZE) | leaf | PTE_PS);
	else
		install(m, va, 1, frame.v | leaf);
	return MMU_FILLED;
}

/* One page of a copy: the frame behind va, by the window's rules or the guest's tables. */
static char *page_for(struct mmu *m, const struct paging *p, gva_t va, unsigned access,
		      struct mmu_failure *f)
{
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
	if (mmu_walk(m, p, va, access, &t, &f->error))
		return NULL;
	mpa_t frame = mmu_frame(m, t.gpa);
	return frame.v ? direct(frame) : NULL;
}

static int copy(struct mmu *m, const struct paging *p, gva_t va, char *buffer, uint64_t bytes,
		unsigned access, struct mmu_failure *f)
{
	struct mmu_failure ignored;

	while (bytes) {
		uint64_t in_page = va.v & ~PAGE_MASK, n = MIN(bytes, PAGE_SIZE - in_page);
		char *page = page_for(m, p, va, access, f ? f : &ignored);

		if (!page)
			return -EFAULT;
		if (access & PF_WRITE)
			memcpy(page + in_page, buffer, n);
		else
			memcpy(buffer, page + in_page, n);
		va.v += n;
		if (p->mode != PAGING_64)
			va.v &= 0xffffffff;
		buffer += n;
		bytes -= n;
	}
	return 0;
}

int mmu_read(struct mmu *m, const struct paging *p, gva_t va, void *to, uint64_t bytes,
	     unsigned access, struct mmu_failure *f)
{
	return copy(m, p, va, to, bytes, access & (PF_USER | PF_FETCH), f);
}

int mmu_write(struct mmu *m, const struct paging *p, gva_t va, const void *from, uint64_t bytes,
	      unsigned access, struct mmu_failure *f)
{
	return copy(m, p, va, (char *)from, bytes, (access & PF_USER) | PF_WRITE, f);
}

static bool owns(const struct mmu *m, uint64_t frame, uint64_t bytes)
{
	uint64_t window_pages =
		m->window_bytes > VENEER_WINDOW_STUBS ? m->window_bytes - VENEER_WINDOW_STUBS : 0;

	return (frame - m->memory.v < m->memory_bytes &&
		bytes <= m->memory_bytes - (frame - m->memory.v)) ||
	       frame - m->vcpu_pages.v < m->vcpu_pages_bytes ||
	       frame - m->window_memory.v < window_pages;
}

static int check_table(const struct mmu *m, const uint64_t *table, int level)
{
	int leaves = 0;

	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		uint64_t e = table[i];

		if (!(e & PTE_P) || (level == 4 && i == GATE_SLOT))
			continue;
		if (level == 1 || (e & PTE_PS)) {
			bool stubs = (e & PTE_ADDR) - m->window_memory.v < m->window_bytes;

			if (!owns(m, e & PTE_ADDR, pt_span(level)) || (stubs && (e & PTE_W)))
				return -EFAULT;
			leaves++;
			continue;
		}
		uint64_t pool_offset = (e & PTE_ADDR) - m->pool.v;
		if (pool_offset >= m->pool_pages * PAGE_SIZE)
			return -EFAULT;
		int n = check_table(m, below(e), level - 1);
		if (n < 0)
			return n;
		leaves += n;
	}
	return leaves;
}

int mmu_check(const struct mmu *m)
{
	int leaves = 0;

	for (unsigned i = 0; i < MMU_ROOTS; i++) {
		const struct mmu_root *r = &m->root[i];

		if (!r->used)
			continue;
		if ((r->table[GATE_SLOT] & PTE_ADDR) != m->gate_pdpt)
			return -EFAULT;
		int n = check_table(m, r->table, 4);
		if (n < 0)
			return n;
		leaves += n;
	}
	return leaves;
}
