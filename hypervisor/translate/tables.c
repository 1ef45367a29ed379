// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page tables of a legacy guest, which does not say what it changes in them: it writes, and
 * later executes INVLPG or loads CR3.
 *
 * A page that has a shadow as a table (guest_memory.tables) is mapped read-only everywhere. The
 * first write to it faults: the page may be written from then on, and is remembered. A load of CR3,
 * and any new link to a shadow that exists, reads those pages again, and makes them read-only. So
 * what a load costs follows from what was written, and all that was not is kept.
 *
 * To make a page read-only its writable leaf must be found. There is one, tables.writer; another
 * that faults takes its place. Only the page for which this happened last has two, since one
 * instruction may write a page at two addresses. (What is remembered may be out of date: it is good
 * if the leaf maps that page, writable.) Large pages are mapped in pieces, but for a guest that
 * does not page; then nothing is watched, and all is out of date once it does.
 *
 * The shadows of large pages' pieces have keys too, by what the guest's entry says. The table
 * around the patch window is the same for all roots; what the guest has beside the window there is
 * not mirrored, but forgotten at each load.
 */
#include "translate/tables.h"

#include "kernel/gate.h"
#include "lib/string.h"

/* In units of MMU_PART */
#define READ_COST    7 /* an entry is read again */
#define FIND_COST    2 /* a shadow is looked up */
#define SKIPS_A_UNIT 4 /* entries that are empty, for one unit */

static bool is_narrow(const struct mmu *m)
{
	return m->tables->format.mode == PAGING_32;
}

/* --- one writable leaf for each page --- */

static uint64_t *leaf_at(const struct mmu *m, uint32_t at)
{
	unsigned page = (at - 1) / PT_ENTRIES;

	if (!at || page >= m->pool_pages || m->shadow[page].kind != 1)
		return NULL;
	return &shadow_table(m, page)[(at - 1) % PT_ENTRIES];
}

static uint64_t ram_page(const struct mmu *m, uint64_t leaf)
{
	return ((leaf & PTE_ADDR) - m->memory->region[REGION_RAM].at.v) / PAGE_SIZE;
}

/* The leaf there, if the page may be written through it; else NULL. */
static uint64_t *writable_leaf(const struct mmu *m, uint64_t page, uint32_t at)
{
	uint64_t *leaf = leaf_at(m, at);

	return leaf && (*leaf & PTE_P) && (*leaf & PTE_W) && ram_page(m, *leaf) == page ? leaf
											: NULL;
}

static void close_leaf(struct mmu *m, uint64_t page, uint32_t at)
{
	uint64_t *leaf = writable_leaf(m, page, at);

	if (leaf)
		*leaf &= ~(uint64_t)FRAME_WRITE;
}

static void make_read_only(struct mmu *m, uint64_t page)
{
	struct tables *t = m->tables;

	close_leaf(m, page, t->writer[page]);
	if (t->second_page == page)
		close_leaf(m, page, t->second);
	shadow_changed(m);
}

/* The leaf at another place than the page's writer becomes its writer. */
static void change_writer(struct mmu *m, uint64_t page, uint32_t at)
{
	struct tables *t = m->tables;

	if (writable_leaf(m, page, t->writer[page])) {
		close_leaf(m, t->second_page, t->second);
		t->second_page = page;
		t->second = t->writer[page];
	}
	t->writer[page] = at;
}

bool tables_may_write(const struct mmu *m, unsigned page, unsigned index)
{
	uint64_t ram = ram_page(m, shadow_table(m, page)[index]);
	uint32_t here = page * PT_ENTRIES + index + 1;

	return ram >= ram_bytes(m->memory) / PAGE_SIZE ||
	       ((m->tables->writer[ram] == here ||
		 (m->tables->second_page == ram && m->tables->second == here)) &&
		!guest_is_table(m->memory, GPA(ram * PAGE_SIZE)));
}

void tables_protect(struct mmu *m, gpa_t page)
{
	shadow_lock(m);
	make_read_only(m, page.v / PAGE_SIZE);
	shadow_unlock(m);
}

/* --- which table is below --- */

static uint64_t guest_entry_of(const struct mmu *m, uint64_t key, unsigned index, int level)
{
	const char *table = (const char *)guest_table(m, key & PTE_ADDR);
	unsigned part = key / KEY_PART(1) & 3;

	if (!is_narrow(m))
		return guest_entry((const uint64_t *)table + index);
	mmu_interleave();
	return ((const volatile uint32_t *)table)[level == 1 ? part * PT_ENTRIES + index
							     : (part * PT_ENTRIES + index) / 2];
}

/* By an entry of level 2; 0: a fault must see to it. */
static uint64_t below_entry(const struct mmu *m, uint64_t e, unsigned index)
{
	const struct paging *format = &m->tables->format;
	uint64_t span = is_narrow(m) ? 2 * LARGE_SIZE : LARGE_SIZE, key = 1;

	if ((e & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || (e & m->tables->reserved))
		return 0;
	if (!format->write_protect && !(e & PTE_W))
		key |= KEY_READ_ONLY;
	if (!(e & PTE_PS) || !format->large_pages)
		return (e & PTE_ADDR) | key | (is_narrow(m) ? KEY_PART(index & 1) : 0);
	if (e & (span - 1) & PAGE_MASK & ~0x1000ull)
		return 0;
	return (e & PTE_ADDR & ~(span - 1)) | (is_narrow(m) && (index & 1) ? LARGE_SIZE : 0) | key |
	       KEY_LARGE | (e & PTE_D ? KEY_DIRTY : 0);
}

/* The rights of a link. With CR0.WP clear the kernel may write whatever the entry says. */
static uint64_t rights_of(const struct mmu *m, uint64_t e)
{
	return (e & RIGHTS) | (m->tables->format.write_protect ? 0 : PTE_W);
}

/* Of the page directory for va, which a root of level 3 says; 0: it has none. */
static uint64_t directory(const struct mmu_view *view, gva_t va)
{
	const struct paging *p = &view->guest.paging;
	unsigned i = va.v >> 30 & 3;

	if (p->mode == PAGING_32)
		return (p->root.v & PTE_ADDR) | 2 | KEY_PART(i);
	const uint64_t *e = guest_pointer(view->mmu->memory,
					  GPA((p->root.v & PAE_ROOT) + i * sizeof(*e)), sizeof(*e));
	uint64_t value = e ? guest_entry(e) : 0;

	/* the walk refuses what is reserved */
	if (!(value & PTE_P) || (value & PTE_ADDR) >= ram_bytes(view->mmu->memory))
		return 0;
	/* the one with the window links to what is at no other address */
	bool window = view->mmu->memory->window.first >> 30 == i;
	return (value & PTE_ADDR) | 2 | (window ? KEY_PART(1) : 0);
}

static uint64_t window_key(uint64_t n)
{
	return n * PAGE_SIZE | 1 | KEY_WINDOW;
}

bool tables_beside_window(const struct mmu *m, gva_t va)
{
	const struct patch_window *w = &m->memory->window;

	return w->bytes && va.v >= ALIGN_DOWN(w->first, LARGE_SIZE) &&
	       va.v < ALIGN_UP(w->first + w->bytes, LARGE_SIZE);
}

uint64_t tables_below(const struct mmu_view *view, gva_t va, int level, const struct translation *t,
		      uint64_t *bits)
{
	const struct mmu *m = view->mmu;
	uint64_t e = t->entry[2] | PTE_A;

	*bits = TABLE_BITS;
	if (level == 4)
		return 0;
	if (level == 3)
		return directory(view, va);
	if (tables_beside_window(m, va))
		return window_key(va.v / LARGE_SIZE - m->memory->window.first / LARGE_SIZE);
	if (t->size > PAGE_SIZE && t->dirty)
		e |= PTE_D;
	*bits = PTE_P | PTE_A | rights_of(m, e);
	return below_entry(m, e, pt_index(va.v, 2));
}

/* --- reading again what was written --- */

/* The keys that a page may have as a table: of level 1, of each part, writable or not; of level 2,
 * of each part. */
static unsigned keys(const struct mmu *m)
{
	return is_narrow(m) ? 8 : 4;
}

static uint64_t key_of(const struct mmu *m, gpa_t page, unsigned n)
{
	unsigned parts = is_narrow(m) ? 2 : 1;

	if (n >= 2 * parts)
		return page.v | 2 | KEY_PART(n - 2 * parts);
	return page.v | 1 | KEY_PART(n % parts) | (n >= parts ? KEY_READ_ONLY : 0);
}

static bool is_written(const struct mmu *m, gpa_t page)
{
	for (unsigned i = 0; i < m->tables->written.pages; i++)
		if (m->tables->written.page[i].v == page.v)
			return true;
	return false;
}

static void mark(struct mmu *m, gpa_t page, bool table)
{
	uint64_t *word = &m->memory->tables[page.v / PAGE_SIZE / 64];
	uint64_t bit = 1ull << page.v / PAGE_SIZE % 64;

	*word = table ? *word | bit : *word & ~bit;
	if (table)
		make_read_only(m, page.v / PAGE_SIZE);
}

static void add_shadow(struct mmu *m, unsigned page)
{
	struct shadow *s = &m->shadow[page];
	gpa_t at = GPA(s->key & PTE_ADDR);

	if (s->kind > 2 || (s->key & (KEY_LARGE | KEY_WINDOW)))
		return;
	if (!is_written(m, at))
		mark(m, at, true);
	else if (s->kind == 2)
		m->tables->written.links = true;
}

static bool is_code_table(const struct mmu *m, gpa_t page)
{
	for (unsigned i = 0; i < m->tables->code_pages; i++)
		if (m->tables->code_page[i].v == page.v)
			return true;
	return false;
}

void tables_lead_to_code(struct mmu *m, gpa_t page)
{
	if (page.v >= ram_bytes(m->memory) || is_code_table(m, page))
		return;
	shadow_lock(m);
	if (m->tables->code_pages == CODE_TABLES || is_written(m, page)) {
		m->tables->code_written = true;
	} else {
		m->tables->code_page[m->tables->code_pages++] = page;
		mark(m, page, true);
	}
	shadow_unlock(m);
}

/* There is room in the list. */
static void add_written(struct mmu *m, gpa_t page)
{
	struct written *w = &m->tables->written;

	mark(m, page, false);
	m->tables->code_written |= is_code_table(m, page);
	w->page[w->pages++] = page;
	for (unsigned n = 0; n < keys(m); n++) {
		uint64_t key = key_of(m, page, n);

		w->links |= (key & KEY_LEVEL) == 2 && shadow_find(m, key) != MMU_NO_ROOT;
	}
}

void tables_written(struct mmu *m, gpa_t page)
{
	shadow_lock(m);
	if (guest_is_table(m->memory, page)) {
		if (m->tables->written.pages < TABLES_WRITTEN)
			add_written(m, GPA(page.v & PAGE_MASK));
		else
			m->tables->written.all = m->tables->code_written = true;
	}
	shadow_unlock(m);
}

static void read_entry(struct mmu *m, unsigned page, unsigned index)
{
	uint64_t *entry = &shadow_table(m, page)[index], key = m->shadow[page].key;
	int level = m->shadow[page].kind;
	uint64_t e = guest_entry_of(m, key, index, level), below;

	if (level == 1) {
		if (key & KEY_READ_ONLY)
			e &= ~(uint64_t)PTE_W;
		e = e & m->tables->reserved ? 0 : shadow_leaf(m, e, 1);
		*entry = tables_leaf(m, page, index, e, false);
		return;
	}
	below = m->shadow[shadow_linked(m, *entry)].key;
	if (below & KEY_WINDOW)
		return;
	if (below && below == below_entry(m, e, index))
		*entry = (*entry & ~RIGHTS) | rights_of(m, e);
	else
		shadow_clear_entry(m, entry, level);
}

/* The rest of a table. One that has been read often is emptied instead: whoever links to it finds
 * no entry, and makes a new one. False: the budget is spent. */
static bool read_table(struct mmu *m, unsigned page)
{
	struct written *w = &m->tables->written;
	uint64_t *table = shadow_table(m, page);
	struct shadow *s = &m->shadow[page];

	w->index = shadow_next_used(s->used, w->index);
	for (; w->index < PT_ENTRIES; w->index = shadow_next_used(s->used, w->index + 1)) {
		if (m->budget <= 0)
			return false;
		m->budget -= table[w->index] ? READ_COST : w->index % SKIPS_A_UNIT == 0;
		if (!table[w->index])
			continue;
		read_entry(m, page, w->index);
		w->left += table[w->index] != 0;
	}
	if (w->left && ++s->time < m->tables->reads_max) {
		w->is_table = true;
		return true;
	}
	if (!shadow_empty(m, page))
		return false;
	shadow_forget_key(m, page);
	return true;
}

/* False: the budget is spent. */
static bool read_page(struct mmu *m, gpa_t page)
{
	struct written *w = &m->tables->written;

	for (; w->key < keys(m); w->key++) {
		unsigned at = shadow_find(m, key_of(m, page, w->key));

		m->budget -= FIND_COST;
		if (at != MMU_NO_ROOT && !read_table(m, at))
			return false;
		w->index = w->left = 0;
	}
	if (!w->is_table)
		mark(m, page, false);
	w->key = 0;
	w->is_table = false;
	return true;
}

/* A page is made read-only before it is read: what the guest writes between two parts adds it
 * again. */
static bool read_written(struct mmu *m)
{
	struct written *w = &m->tables->written;

	while (w->pages) {
		if (m->budget <= 0)
			return false;
		if (!w->reading)
			mark(m, w->page[0], true);
		w->reading = true;
		if (!read_page(m, w->page[0]))
			return false;
		w->reading = false;
		w->page[0] = w->page[--w->pages];
	}
	w->links = false;
	return true;
}

/* No shadow can be found by its key afterwards. False: the budget is spent. */
static bool forget_all(struct mmu *m)
{
	struct written *w = &m->tables->written;

	for (w->all = true; w->forgotten < m->pool_pages; w->forgotten++) {
		struct shadow *s = &m->shadow[w->forgotten];

		if (m->budget <= 0)
			return false;
		m->budget--;
		if (s->state != SHADOW_USED || !s->key)
			continue;
		if (s->kind == 4 && !shadow_root_in_use(m, w->forgotten))
			shadow_give_back(m, w->forgotten);
		else
			shadow_forget_key(m, w->forgotten);
	}
	*w = (struct written){ 0 };
	return true;
}

unsigned tables_known_or_new(struct mmu *m, unsigned above, int level, uint64_t key)
{
	uint64_t own = m->shadow[above].key;

	if (key && !m->tables->written.all && !read_written(m))
		return MMU_NO_ROOT;
	if (m->shadow[above].key != own) /* it was read often, and forgotten: from the root again */
		return MMU_NO_ROOT;
	unsigned page = key ? shadow_find(m, key) : MMU_NO_ROOT;

	if (page != MMU_NO_ROOT && m->tables->written.all)
		shadow_forget_key(m, page);
	else if (page != MMU_NO_ROOT)
		return page;
	page = shadow_take(m, (enum shadow_kind)level, key);
	if (page == MMU_NO_ROOT)
		return page;
	m->shadow[page].time = 0;
	if (key)
		add_shadow(m, page);
	return page;
}

bool tables_room(struct mmu *m)
{
	return m->tables->written.pages < TABLES_WRITTEN || read_written(m);
}

static bool allow_write(struct mmu *m, gpa_t page)
{
	if (m->tables->written.pages == TABLES_WRITTEN)
		return false;
	add_written(m, page);
	return true;
}

uint64_t tables_leaf(struct mmu *m, unsigned page, unsigned index, uint64_t leaf, bool writes)
{
	uint64_t ram = ram_page(m, leaf);
	uint32_t here = page * PT_ENTRIES + index + 1, writer;
	gpa_t gpa = GPA(ram * PAGE_SIZE);

	if (m->shadow[page].key & KEY_WINDOW)
		m->tables->beside = true;
	if (!(leaf & PTE_W) || gpa.v >= ram_bytes(m->memory))
		return leaf;
	bool table = guest_is_table(m->memory, gpa);
	if (table && writes)
		table = !allow_write(m, gpa);
	writer = m->tables->writer[ram];
	bool others = writer != here && writable_leaf(m, ram, writer);
	if (table || (!writes && (others || guest_is_code(m->memory, gpa))))
		return leaf & ~(uint64_t)FRAME_WRITE;
	if (writer != here)
		change_writer(m, ram, here);
	return leaf;
}

void tables_reset(struct mmu *m)
{
	m->tables->written = (struct written){ 0 };
	m->tables->format = (struct paging){ 0 };
}

bool tables_must_reload(const struct mmu_view *view)
{
	const struct mmu *m = view->mmu;

	return (m->tables->written.links || m->tables->written.all) && m->shadow[view->root].key;
}

/* --- roots --- */

uint64_t tables_root(const struct mmu *m, const struct mmu_view *view)
{
	const struct paging *p = &view->guest.paging;
	const struct paging *format = &m->tables->format;
	uint64_t root = p->root.v & (p->mode == PAGING_PAE ? PAE_ROOT : PTE_ADDR);

	/* a kernel that clears CR0.WP for a while gets a private tree for that while */
	if (format->mode != PAGING_OFF && format->write_protect && !p->write_protect)
		return 0;
	if (p->mode == PAGING_OFF || root >= ram_bytes(m->memory))
		return 0;
	return root | 4 | KEY_CPU(view->cpu);
}

static bool same_format(const struct paging *a, const struct paging *b)
{
	return a->mode == b->mode && a->write_protect == b->write_protect &&
	       a->large_pages == b->large_pages && a->no_execute == b->no_execute;
}

bool tables_load(struct mmu *m, const struct mmu_view *view)
{
	struct paging p = view->guest.paging;

	if (p.mode == PAGING_OFF) /* it may map large pages */
		m->tables->written.all = true;
	if (!tables_root(m, view))
		return true;
	p.root = GPA(0);
	p.large_pages |= p.mode == PAGING_PAE;
	if ((m->tables->written.all || !same_format(&p, &m->tables->format)) && !forget_all(m))
		return false;
	m->tables->format = p;
	m->tables->reserved =
		p.mode == PAGING_32 ? 0 : PTE_RESERVED | PAE_RESERVED | (p.no_execute ? 0 : PTE_NX);
	return read_written(m);
}

/* A group of the table at `at`, but for what is in the patch window. */
static void forget_group(struct mmu *m, uint64_t at, uint64_t *table, unsigned first)
{
	gva_t begin = GVA(at * LARGE_SIZE + first * PAGE_SIZE);

	if (!guest_in_window(m->memory, begin) &&
	    !guest_in_window(m->memory, GVA(begin.v + (GROUP - 1) * PAGE_SIZE)))
		memset(&table[first], 0, GROUP * sizeof(*table));
	for (unsigned i = first; i < first + GROUP; i++, begin.v += PAGE_SIZE)
		if (table[i] && !guest_in_window(m->memory, begin))
			table[i] = 0;
}

/* What is beside the patch window is forgotten. */
static void forget_beside(struct mmu *m)
{
	const struct patch_window *w = &m->memory->window;
	uint64_t first = w->first / LARGE_SIZE, last = (w->first + w->bytes - 1) / LARGE_SIZE;

	for (uint64_t at = first; m->tables->beside && at <= last; at++) {
		unsigned page = shadow_find(m, window_key(at - first));
		uint64_t used = page == MMU_NO_ROOT ? 0 : m->shadow[page].used;

		for (; used; used &= used - 1)
			forget_group(m, at, shadow_table(m, page),
				     (unsigned)__builtin_ctzll(used) * GROUP);
	}
	m->tables->beside = false;
}

void tables_use(struct mmu *m, const struct mmu_view *view)
{
	uint64_t top = shadow_table(m, view->root)[0], *table;

	forget_beside(m);
	if (!shadow_is_table(top, 4))
		return;
	table = shadow_table(m, shadow_linked(m, top));
	for (unsigned i = 0; i < GROUP; i++)
		if (shadow_is_table(table[i], 3) && m->shadow[shadow_linked(m, table[i])].key !=
							    directory(view, GVA((uint64_t)i << 30)))
			shadow_clear_entry(m, &table[i], 3);
}

/* Of a private tree: the pieces of the large page that an entry of level 2 leads to, if it is one;
 * of 4 MiB, it has two. False: it is none. */
static bool flush_large(struct mmu *m, uint64_t *entry, uint64_t *other)
{
	const struct shadow *s = &m->shadow[shadow_linked(m, *entry)];

	if (s->key || s->time != TABLES_PIECES)
		return false;
	shadow_clear_entry(m, entry, 2);
	if (shadow_is_table(*other, 2))
		shadow_clear_entry(m, other, 2);
	return true;
}

static void flush_leaf(struct mmu *m, unsigned page, unsigned index)
{
	uint64_t *entry = &shadow_table(m, page)[index], key = m->shadow[page].key;

	if (*entry && key && !(key & (KEY_LARGE | KEY_WINDOW)))
		read_entry(m, page, index);
	else
		*entry = 0;
}

void tables_flush(struct mmu *m, unsigned page, gva_t va)
{
	for (int level = 4; level > 1; level--) {
		unsigned index = pt_index(va.v, level);
		uint64_t *entry = &shadow_table(m, page)[index];

		if (!shadow_is_table(*entry, level)) {
			*entry = 0;
			return;
		}
		if (level == 2 && m->shadow[page].key)
			read_entry(m, page, index);
		else if (level == 2 && flush_large(m, entry, &shadow_table(m, page)[index ^ 1]))
			return;
		if (!*entry)
			return;
		page = shadow_linked(m, *entry);
	}
	flush_leaf(m, page, pt_index(va.v, 1));
}
