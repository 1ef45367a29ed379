// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading and writing guest-virtual memory with the guest's rights. See mmu.h. */
#include "engine/ring/shadow/shadow.h"
#include "kernel/gate.h"
#include "lib/string.h"

/* The frame behind va as a shadow that reaches it says, like a TLB; v == 0: ask the tables. */
static mpa_t shadowed(const struct mmu_view *view, gva_t va, unsigned access)
{
	const struct mmu *m = view->mmu;
	unsigned page = view->root;

#pragma GCC unroll 4
	for (int level = 4; level > 0; level--) {
		uint64_t e = shadow_table(m, page)[pt_index(va.v, level)];

		if (!(e & PTE_P) || e == NOT_PRESENT || !shadow_allows(e, access))
			break;
		if (level == 2 && (e & PTE_PS))
			return MPA((e & PTE_ADDR & ~(LARGE_SIZE - 1)) |
				   (va.v & (LARGE_SIZE - 1) & PAGE_MASK));
		if (level == 1)
			return MPA(e & PTE_ADDR);
		page = shadow_linked(m, e);
	}
	return MPA(0);
}

/* One page of a copy: the frame behind va, by the window's rules or the guest's tables. */
HOT_FRAME static char *page_for(struct mmu_view *view, gva_t va, unsigned access,
				struct mmu_failure *f)
{
	struct mmu *m = view->mmu;
	struct translation t;

	f->va = va;
	f->error = access;
	if (guest_in_window(m->memory, va))
		return access & (PF_WRITE | PF_USER)
			       ? NULL
			       : direct(frame_mpa(guest_window_frame(m->memory, va)));
	if (!canonical(va.v) || pt_index(va.v, 4) == GATE_SLOT)
		return NULL;
	if (view->root != MMU_NO_ROOT && m->shadow[view->root].key) {
		shadow_lock(m);
		mpa_t at = shadowed(view, va, access);
		shadow_unlock(m);
		if (at.v)
			return direct(at);
	}
	if (mmu_walk(m->memory, &view->paging, va, access, &t, &f->error))
		return NULL;
	uint64_t frame = guest_frame(m->memory, t.gpa, PAGE_SIZE);
	return frame_allows(frame, access & PF_WRITE) ? direct(frame_mpa(frame)) : NULL;
}

HOT_FRAME void *mmu_kernel_stack(struct mmu_view *view, gva_t va, uint64_t bytes)
{
	uint32_t changes = __atomic_load_n(&view->mmu->changes, __ATOMIC_ACQUIRE);
	uint64_t in_page = va.v & ~PAGE_MASK;
	struct mmu_failure ignored;

	if (in_page + bytes > PAGE_SIZE)
		return NULL;
	if (view->written_page != (va.v & PAGE_MASK) || view->written_changes != changes ||
	    !view->written_at) {
		view->written_at = page_for(view, va, PF_WRITE, &ignored);
		view->written_page = va.v & PAGE_MASK;
		view->written_changes = changes;
	}
	return view->written_at ? view->written_at + in_page : NULL;
}

HOT_FRAME static int copy(struct mmu_view *view, gva_t va, char *buffer, uint64_t bytes,
			  unsigned access, struct mmu_failure *f)
{
	struct mmu_failure ignored;

	while (bytes) {
		uint64_t in_page = va.v & ~PAGE_MASK, n = MIN(bytes, PAGE_SIZE - in_page);
		char *page = page_for(view, va, access, f ? f : &ignored);

		if (!page)
			return -EFAULT;
		if (access & PF_WRITE)
			memcpy(page + in_page, buffer, n);
		else
			memcpy(buffer, page + in_page, n);
		va.v += n;
		if (view->paging.mode != PAGING_64)
			va.v &= 0xffffffff;
		buffer += n;
		bytes -= n;
	}
	return 0;
}

int mmu_read(struct mmu_view *view, gva_t va, void *to, uint64_t bytes, unsigned access,
	     struct mmu_failure *f)
{
	return copy(view, va, to, bytes, access & (PF_USER | PF_FETCH), f);
}

int mmu_write(struct mmu_view *view, gva_t va, const void *from, uint64_t bytes, unsigned access,
	      struct mmu_failure *f)
{
	return copy(view, va, (char *)from, bytes, (access & PF_USER) | PF_WRITE, f);
}
