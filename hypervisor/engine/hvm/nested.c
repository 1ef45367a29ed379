// SPDX-License-Identifier: GPL-2.0-or-later
/* Nested page tables. */
#include "engine/hvm/hvm.h"

#include "engine/hvm/gate.h"
#include "kernel/memory.h"
#include "lib/string.h"

/* Maps a frame, with its rights, at that level, allocating the tables above it. False: out of
 * memory. */
static bool map(struct guest *g, mpa_t root, gpa_t at, int level, uint64_t frame)
{
	const struct nested_format *f = &hvm_vendor->format;
	uint64_t bits = frame_allows(frame, true) ? f->leaf : f->leaf & ~f->read_only;
	uint64_t *table = direct(root);

	for (int l = 4; l > level; l--) {
		uint64_t *e = &table[pt_index(at.v, l)];

		if (!*e) {
			mpa_t next = guest_take(g, PAGE_SIZE);

			if (!next.v)
				return false;
			*e = next.v | f->table;
		}
		table = direct(MPA(*e & PTE_ADDR));
	}
	table[pt_index(at.v, level)] = frame_mpa(frame).v | bits | (level > 1 ? f->large : 0);
	return true;
}

bool nested_map(struct guest *g, mpa_t root, gpa_t at, mpa_t page, bool writable)
{
	return page.v && map(g, root, at, 1, page.v | (writable ? FRAME_ALL : FRAME_READ));
}

mpa_t nested_create(struct guest *g)
{
	uint64_t end = guest_memory_end(&g->memory);
	mpa_t root = guest_take(g, PAGE_SIZE);
	bool fits = root.v;

	for (uint64_t at = 0; fits && at < end;) {
		uint64_t large = at % LARGE_SIZE ? 0 : guest_frame(&g->memory, GPA(at), LARGE_SIZE);
		uint64_t frame = large ? large : guest_frame(&g->memory, GPA(at), PAGE_SIZE);

		fits = !frame || map(g, root, GPA(at), large ? 2 : 1, frame);
		at += large ? LARGE_SIZE : PAGE_SIZE;
	}
	return fits ? root : MPA(0);
}

mpa_t nested_copy_path(struct guest *g, mpa_t root, gpa_t at)
{
	uint64_t top = root.v, *entry = &top; /* what leads to the table to copy, in the new ones */

	for (int l = 4; l > 0; l--) {
		mpa_t copy = guest_take(g, PAGE_SIZE);

		if (!copy.v)
			return MPA(0);
		memcpy(direct(copy), direct(MPA(*entry & PTE_ADDR)), PAGE_SIZE);
		*entry = (*entry & ~PTE_ADDR) | copy.v;
		entry = (uint64_t *)direct(copy) + pt_index(at.v, l);
	}
	return MPA(top);
}

static bool overlaps(mpa_t a, uint64_t bytes, mpa_t b, uint64_t b_bytes)
{
	return a.v < b.v + b_bytes && b.v < a.v + bytes;
}

/* The guest whose memory a page belongs to, or NULL. */
static const struct guest *owner(mpa_t page)
{
	for (unsigned i = 0; i < guest_count * REGIONS; i++) {
		const struct region *r = &guests[i / REGIONS].memory.region[i % REGIONS];

		if (overlaps(page, PAGE_SIZE, r->at, r->bytes))
			return &guests[i / REGIONS];
	}
	return NULL;
}

static const char *check_leaf(const struct guest *g, uint64_t at, uint64_t e, int level)
{
	const struct nested_format *f = &hvm_vendor->format;
	bool writable = (e & f->read_only) == f->read_only;
	mpa_t frame = MPA(e & PTE_ADDR);

	if (at < guest_memory_end(&g->memory)) {
		uint64_t owned = guest_frame(&g->memory, GPA(at), pt_span(level));

		if (frame.v != frame_mpa(owned).v)
			return "a leaf elsewhere";
		return frame_allows(owned, writable) ? NULL : "a writable leaf to read-only memory";
	}
	/* the gate area of a PV guest: pages made for it, the vCPU page, and read-only code */
	if (g->board || at < HVM_GATE_GPA || level != 1)
		return "a leaf where there is no memory";
	if (at == HVM_GATE_PAGES + (GATE_VCPU_PAGE - GATE_BASE))
		return owner(frame) == g ? NULL : "a vCPU page of another guest";
	if (owner(frame))
		return "a page of the gate area in a guest's memory";
	return writable && overlaps(frame, PAGE_SIZE, MPA(MIB(1)), machine_memory.image)
		       ? "a writable leaf to the hypervisor"
		       : NULL;
}

static bool check_table(const struct guest *g, mpa_t table, uint64_t base, int level,
			struct table_report *r)
{
	const struct nested_format *f = &hvm_vendor->format;

	r->tables++;
	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		uint64_t e = ((uint64_t *)direct(table))[i], at = base + i * pt_span(level);
		bool leaf = level == 1 || (level == 2 && (e & f->large));
		mpa_t below = MPA(e & PTE_ADDR);

		if (!e)
			continue;
		r->leaves += leaf;
		if (leaf)
			r->what = check_leaf(g, at, e, level);
		else if (owner(below))
			r->what = "a table in a guest's memory";
		if (r->what) {
			r->page = (unsigned)(at >> PAGE_SHIFT);
			r->level = (unsigned)level;
			r->index = i;
			return false;
		}
		if (!leaf && !check_table(g, below, at, level - 1, r))
			return false;
	}
	return true;
}

bool nested_check(struct guest *g, struct table_report *r)
{
	*r = (struct table_report){ 0 };
	for (unsigned i = 0; i < g->vcpus; i++) {
		mpa_t root = g->vcpu[i].hvm->nested_root;

		if ((!i || root.v != g->vcpu[i - 1].hvm->nested_root.v) &&
		    !check_table(g, root, 0, 4, r))
			return false;
	}
	return true;
}
