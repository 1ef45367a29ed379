// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvm/nested.h"

#include "core/guest.h"
#include "core/string.h"
#include "mmu/memory.h"
#include "x86/paging.h"

/* The entry for a guest-physical address at a level, with the tables above it; NULL: no memory. */
static uint64_t *entry(struct guest *g, mpa_t root, const struct nested_format *f, gpa_t at,
		       int level)
{
	uint64_t *table = direct(root);

	for (int l = 4; l > level; l--) {
		uint64_t *e = &table[pt_index(at.v, l)];

		if (!*e) {
			mpa_t next = guest_take(g, PAGE_SIZE);

			if (!next.v)
				return NULL;
			*e = next.v | f->table;
		}
		table = direct(MPA(*e & PTE_ADDR));
	}
	return &table[pt_index(at.v, level)];
}

static bool map_large(struct guest *g, mpa_t root, const struct nested_format *f, gpa_t at)
{
	uint64_t *e = entry(g, root, f, at, 2);

	if (e)
		*e = mmu_frame(&g->mmu, at).v | f->leaf | f->large;
	return e;
}

bool nested_map(struct guest *g, mpa_t root, const struct nested_format *f, gpa_t at, mpa_t page,
		bool writable)
{
	uint64_t *e = entry(g, root, f, at, 1);

	if (e)
		*e = page.v | (writable ? f->leaf : f->leaf & ~f->read_only);
	return e;
}

mpa_t nested_create(struct guest *g, const struct nested_format *f)
{
	uint64_t memory = g->mmu.memory_bytes, end = memory + g->mmu.vcpu_pages_bytes;
	mpa_t root = guest_take(g, PAGE_SIZE);
	bool fits = root.v;

	for (uint64_t at = 0; fits && at < end;) {
		if (at % LARGE_SIZE == 0 && at + LARGE_SIZE <= memory) {
			fits = map_large(g, root, f, GPA(at));
			at += LARGE_SIZE;
		} else {
			fits = nested_map(g, root, f, GPA(at), mmu_frame(&g->mmu, GPA(at)), true);
			at += PAGE_SIZE;
		}
	}
	return fits ? root : MPA(0);
}

mpa_t nested_copy_path(struct guest *g, mpa_t root, gpa_t at)
{
	mpa_t copy[5] = { 0 }, from = root;

	for (int l = 4; l > 0; l--) {
		copy[l] = guest_take(g, PAGE_SIZE);
		if (!copy[l].v)
			return MPA(0);
		memcpy(direct(copy[l]), direct(from), PAGE_SIZE);
		if (l < 4) {
			uint64_t *e = (uint64_t *)direct(copy[l + 1]) + pt_index(at.v, l + 1);

			*e = (*e & ~PTE_ADDR) | copy[l].v;
		}
		if (l > 1)
			from = MPA(((uint64_t *)direct(from))[pt_index(at.v, l)] & PTE_ADDR);
	}
	return copy[4];
}
