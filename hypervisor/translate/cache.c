// SPDX-License-Identifier: GPL-2.0-or-later
#include "translate/cache.h"

#include "arch/speculation.h"
#include "lib/string.h"
#include "translate/emit.h"

#define BYTES_OF_ROOM                                                       \
	(BLOCKS * sizeof(struct block) + PAGES * sizeof(struct code_page) + \
	 LINKS * sizeof(struct link) + STEPS * sizeof(struct step) + CHUNKS * sizeof(uint16_t))

uint64_t translate_bytes(unsigned room)
{
	return sizeof(struct translator) + room * BYTES_OF_ROOM;
}

/* What the table has where it knows nothing. */
static uint32_t miss(const struct translator *t)
{
	return t->miss - t->code_base;
}

#define TABLE_ENTRIES (TRANSLATE_TABLE_BYTES / 4)
#define FILL_PART     512
#define CHECK_PART    16

/* A part of what a reset has left; true: there was none. */
static bool fill_part(struct translator *t)
{
	bool done = t->filled == TABLE_ENTRIES;
	uint32_t to = MIN(t->filled + FILL_PART, (uint32_t)TABLE_ENTRIES), value = miss(t);

	while (t->filled < to)
		t->table[t->filled++] = value;
	return done;
}

static bool has_xop(void)
{
	uint32_t r[4];

	cpuid_if_there(0x80000001, 0, r);
	return r[2] >> 11 & 1;
}

void translate_init(struct translator *t, unsigned room, void *window)
{
	t->room = room;
	t->block = (struct block *)(t + 1);
	t->page = (struct code_page *)(t->block + room * BLOCKS);
	t->link = (struct link *)(t->page + room * PAGES);
	t->step = (struct step *)(t->link + room * LINKS);
	t->chunk = (uint16_t *)(t->step + room * STEPS);
	t->window = window;
	t->table = window;
	t->miss = CODE_AT;
	t->xop = has_xop();
	translate_reset(t);
	while (!fill_part(t))
		;
}

static void forget_regions(struct translator *t)
{
	t->checked = t->regions = 0;
	t->many_regions = false;
}

/* All room is free again. The miss stands at the beginning of the code. */
void translate_reset(struct translator *t)
{
	t->filled = 0;
	forget_regions(t);
	t->crowded = false;
	*code_pointer(t, t->miss) = 0xf4;
	t->used = CODE_FIRST;
	memset(t->bucket, 0, sizeof(t->bucket));
	memset(t->page_bucket, 0, sizeof(t->page_bucket));
	t->blocks = t->steps = t->links = t->pages = 0;
	memset(t->small_code, 0, sizeof(t->small_code));
	memset(t->large_code, 0, sizeof(t->large_code));
	t->last_block = t->wanted_link = 0;
	t->wanted_pad = false;
	t->drops++;
}

void translate_trap_loads(struct translator *t, bool trap)
{
	t->loads_trap = trap;
	translate_reset(t);
}

static uint16_t *bucket_of(struct translator *t, uint32_t eip)
{
	return &t->bucket[(eip ^ eip >> 11) % BUCKETS];
}

static struct block *find(struct translator *t, uint32_t eip, bool live)
{
	unsigned n = 0;

	for (unsigned i = *bucket_of(t, eip); i; i = t->block[i - 1].next, n++)
		if (t->block[i - 1].eip == eip && t->block[i - 1].live == live)
			return &t->block[i - 1];
	t->crowded |= n >= CHAIN_MAX;
	return NULL;
}

struct block *block_find(struct translator *t, uint32_t eip)
{
	return find(t, eip, true);
}

/* What leads to a block of that address that was dropped, leads on to this one. */
static void revive(struct translator *t, const struct block *b)
{
	struct block *dead = find(t, b->eip, false);

	if (!dead)
		return;
	struct emitter e = { .to = code_pointer(t, dead->at), .at = dead->at, .room = 5 };
	emit_jump(&e, b->at);
}

void block_add(struct translator *t, struct block *b)
{
	uint16_t index = (uint16_t)(b - t->block + 1), *bucket = bucket_of(t, b->eip);

	revive(t, b);
	b->live = true;
	b->next = *bucket;
	*bucket = index;
	for (unsigned i = 0; i < 2; i++) {
		if (!b->page[i])
			continue;
		struct code_page *page = &t->page[b->page[i] - 1];

		b->in_page[i] = page->blocks[i];
		page->blocks[i] = index;
		page->count++;
		page->live = true; /* the frame may have been dropped while it was translated */
	}
}

static inline void kill_block(struct translator *t, struct block *b)
{
	b->live = false;
	*code_pointer(t, b->at) = 0xf4;
	if (b->pad_at && t->table[(uint16_t)b->eip] == b->pad_at - t->code_base)
		t->table[(uint16_t)b->eip] = miss(t);
}

static void count_drop(struct translator *t)
{
	t->last_block = 0;
	t->drops++;
}

struct block *block_at(struct translator *t, uint32_t at)
{
	uint32_t offset = at - CODE_AT;

	if (offset < CODE_FIRST || offset >= t->used)
		return NULL;
	struct block *b = &t->block[t->chunk[index_nospec(offset / CHUNK, t->room * CHUNKS)]];

	while (at > b->last)
		b++;
	return b;
}

void page_drop(struct translator *t, struct code_page *page)
{
	for (unsigned way = 0; way < 2; way++) {
		struct block *b;

		for (unsigned i = page->blocks[way]; i; i = b->in_page[way]) {
			b = &t->block[i - 1];
			if (b->live)
				kill_block(t, b);
		}
		page->blocks[way] = 0;
	}
	count_drop(t);
	page->count = 0;
	page->live = false;
}

/* Whether the block at an address of the cache was translated from that frame. */
static bool is_from(struct translator *t, uint64_t rip, gpa_t gpa)
{
	const struct block *b =
		rip == TRANSLATE_NOWHERE ? NULL : block_at(t, (uint32_t)rip + t->code_base);

	for (unsigned i = 0; b && i < 2; i++)
		if (b->page[i] && t->page[b->page[i] - 1].gpa == gpa.v)
			return true;
	return false;
}

static uint16_t *page_bucket_of(struct translator *t, uint64_t gpa)
{
	return &t->page_bucket[gpa / PAGE_SIZE % PAGE_BUCKETS];
}

/* The next live page of that frame after one, or the first; NULL: none. */
static struct code_page *page_of_frame(struct translator *t, const struct code_page *after,
				       uint64_t gpa)
{
	for (unsigned i = after ? after->next : *page_bucket_of(t, gpa); i; i = t->page[i - 1].next)
		if (t->page[i - 1].live && t->page[i - 1].gpa == gpa)
			return &t->page[i - 1];
	return NULL;
}

void translate_forget_page(struct translator *t, gpa_t gpa)
{
	for (struct code_page *p = NULL; (p = page_of_frame(t, p, gpa.v));)
		page_drop(t, p);
}

uint16_t page_add(struct translator *t, uint32_t va, uint64_t gpa)
{
	uint16_t *bucket = page_bucket_of(t, gpa), found = 0;
	unsigned n = 0, blocks = 0;

	for (uint16_t i = *bucket; i; i = t->page[i - 1].next, n++) {
		if (t->page[i - 1].gpa != gpa)
			continue;
		blocks += t->page[i - 1].count;
		if (t->page[i - 1].va == va)
			found = i;
	}
	if (blocks >= PAGE_BLOCKS)
		translate_forget_page(t, GPA(gpa));
	if (!found) {
		if (t->pages == t->room * PAGES)
			return 0;
		t->crowded |= n >= CHAIN_MAX;
		t->page[t->pages] = (struct code_page){ .va = va, .gpa = gpa, .next = *bucket };
		found = *bucket = (uint16_t)++t->pages;
	}
	t->page[found - 1].live = true;
	return found;
}

bool translate_drop_page(struct translator *t, gpa_t gpa, uint64_t rip)
{
	bool drop = !is_from(t, rip, gpa);

	for (struct code_page *p = NULL; (p = page_of_frame(t, p, gpa.v));)
		drop &= ++p->writes % WRITES_ROUND == 0;
	if (drop)
		translate_forget_page(t, gpa);
	return drop;
}

void translate_step_begin(struct translator *t, unsigned which, const void *content)
{
	memcpy(t->before[which], content, PAGE_SIZE);
}

/* Drops what was translated from [first, last] of a page. */
static void drop_range(struct translator *t, const struct code_page *page, uint32_t first,
		       uint32_t last)
{
	for (unsigned way = 0; way < 2; way++)
		for (unsigned i = page->blocks[way]; i; i = t->block[i - 1].in_page[way]) {
			struct block *b = &t->block[i - 1];
			uint32_t from = b->eip + t->code_base -
					page->va; /* wraps, if it begins in the page before */

			if (b->live && (int32_t)from <= (int32_t)last &&
			    (int32_t)(from + b->guest_bytes) > (int32_t)first)
				kill_block(t, b);
		}
	count_drop(t);
}

void translate_step_end(struct translator *t, unsigned which, gpa_t gpa, const void *content)
{
	const uint64_t *before = t->before[which], *now = content;
	uint32_t first = 0, last = PAGE_SIZE / 8;

	while (first < last && before[first] == now[first])
		first++;
	while (last > first && before[last - 1] == now[last - 1])
		last--;
	if (first == last)
		return;
	for (const struct code_page *p = NULL; (p = page_of_frame(t, p, gpa.v));)
		drop_range(t, p, 8 * first, 8 * last - 1);
}

/* The address of a fault is that of a byte of the operand, which has up to 8. */
void translate_written(struct translator *t, gpa_t gpa, uint32_t offset)
{
	for (const struct code_page *p = NULL; (p = page_of_frame(t, p, gpa.v));)
		drop_range(t, p, offset - 7, offset + 7);
}

void translate_remapped(struct translator *t)
{
	forget_regions(t);
}

#define WITHOUT_ACCESSED(entry) ((entry) & ~(uint64_t)(PTE_A | PTE_D))

void code_found(struct translator *t, const struct guest_view *view, uint32_t va,
		const struct translation *where)
{
	uint64_t entry = WITHOUT_ACCESSED(where->entry[2]);
	unsigned i = 0;

	if (view->paging.mode == PAGING_OFF || view->paging.mode != t->paging) {
		t->paging = view->paging.mode;
		t->many_regions = true;
		return;
	}
	while (i < t->regions &&
	       (t->region[i].va / LARGE_SIZE != va / LARGE_SIZE || t->region[i].entry != entry))
		i++;
	if (i < t->regions)
		return;
	if (i == CODE_REGIONS) {
		t->many_regions = true;
		return;
	}
	t->region[t->regions++] = (struct region_of_code){ va & (uint32_t)PAGE_MASK, entry };
	if (where->size == PAGE_SIZE)
		view->memory->code_table(view->memory, GPA(entry & PTE_ADDR));
}

bool translate_same_tables(struct translator *t, const struct guest_view *view)
{
	struct translation where;
	unsigned error;

	if (t->many_regions || view->paging.mode != t->paging || t->checked < t->pages)
		return false;
	for (unsigned i = 0; i < t->regions; i++)
		if (guest_walk(view->memory, &view->paging, GVA(t->region[i].va), PF_FETCH, &where,
			       &error) ||
		    WITHOUT_ACCESSED(where.entry[2]) != t->region[i].entry)
			return false;
	return true;
}

/* A large page of 4 MiB has two entries. */
void translate_page_remapped(struct translator *t, uint32_t va)
{
	uint32_t large = va / LARGE_SIZE;

	if (t->small_code[va / PAGE_SIZE % 4096] || t->large_code[large] ||
	    t->large_code[large ^ 1])
		forget_regions(t);
}

/* A part of what translate_remapped() has left; false: there is more. */
static bool check_part(struct translator *t, const struct guest_view *view)
{
	uint32_t to = MIN(t->checked + CHECK_PART, t->pages);
	struct translation where;
	unsigned error;

	for (; t->checked < to; t->checked++) {
		struct code_page *page = &t->page[t->checked];

		if (!page->live)
			continue;
		if (guest_walk(view->memory, &view->paging, GVA(page->va), PF_FETCH, &where,
			       &error) ||
		    (where.gpa.v & PAGE_MASK) != page->gpa) {
			page_drop(t, page);
			to = t->checked + 1; /* that is part enough */
		} else {
			code_found(t, view, page->va, &where);
		}
	}
	return t->checked == t->pages;
}

void link_set(struct translator *t, const struct link *l, const struct block *b)
{
	uint32_t distance = b->at - (l->patch + 4);

	memcpy(code_pointer(t, l->patch), &distance, 4);
}

static enum translate_result enter(struct translator *t, const struct guest_view *view,
				   uint32_t eip, bool may_make, struct guest_failure *failure,
				   struct block **b)
{
	uint64_t drops = t->drops;

	*b = block_find(t, eip);
	if (!*b && !may_make)
		return TRANSLATE_AGAIN;
	if (!*b) {
		enum translate_result result = block_translate(t, view, eip, failure, b);

		if (result != TRANSLATE_DONE)
			return result;
	}
	if (drops != t->drops) /* the link and the pad may be gone */
		return TRANSLATE_DONE;
	if (t->wanted_link && t->link[t->wanted_link - 1].target == eip)
		link_set(t, &t->link[t->wanted_link - 1], *b);
	if (t->wanted_pad)
		pad_make(t, *b);
	return TRANSLATE_DONE;
}

/* The address of the instruction that was recovered last, or of the next one, if it is that. */
static uint32_t near_last(const struct translator *t, uint32_t eip)
{
	const struct block *b = &t->block[t->last_block - 1];
	const struct step *s = &t->step[b->first_step + t->last_step];

	if (!b->live || t->last_step >= b->steps)
		return 0;
	if (eip == t->last_eip && s->guest)
		return t->last_at;
	if (eip == t->last_eip + s->guest && t->last_step + 1 < b->steps && s[1].guest)
		return t->last_at + s->cache;
	return 0;
}

static void use_bases(struct translator *t, uint32_t code_base, uint32_t stack_base)
{
	if (t->code_base == code_base && t->stack_base == stack_base)
		return;
	translate_reset(t);
	t->code_base = code_base;
	t->stack_base = stack_base;
}

enum translate_result translate_enter(struct translator *t, const struct guest_view *view,
				      uint32_t code_base, uint32_t stack_base, bool may_make,
				      struct regs *r, struct guest_failure *failure)
{
	struct block *b;

	use_bases(t, code_base, stack_base);
	if (!fill_part(t) || !check_part(t, view))
		return TRANSLATE_AGAIN;
	uint32_t eip = (uint32_t)r->rip, at = t->last_block ? near_last(t, eip) : 0;

	if (!at) {
		enum translate_result result = enter(t, view, eip, may_make, failure, &b);

		if (result != TRANSLATE_DONE)
			return result;
		at = b->at;
	}
	t->last_block = t->wanted_link = 0;
	t->wanted_pad = false;
	r->rip = at - t->code_base;
	return TRANSLATE_DONE;
}
