// SPDX-License-Identifier: GPL-2.0-or-later
/* What the shadows say of an address, for the hypervisor's own accesses. See mmu.h. */
#include "engine/ring/shadow/shadow.h"

HOT_FRAME uint64_t shadow_lookup(struct guest_view *guest, gva_t va, unsigned access)
{
	const struct mmu_view *view = container_of(guest, struct mmu_view, guest);
	struct mmu *m = view->mmu;
	unsigned page = view->root;
	uint64_t frame = 0;

	shadow_lock(m);
#pragma GCC unroll 4
	for (int level = 4; level > 0 && !frame; level--) {
		uint64_t e = shadow_table(m, page)[pt_index(va.v, level)];

		if (!(e & PTE_P) || e == NOT_PRESENT || !shadow_allows(e, access))
			break;
		if (level == 1)
			frame = e;
		else if (level == 2 && (e & PTE_PS))
			frame = e + (va.v & (LARGE_SIZE - 1) & PAGE_MASK);
		else
			page = shadow_linked(m, e);
	}
	shadow_unlock(m);
	return frame;
}

HOT_FRAME void *mmu_kernel_stack(struct mmu_view *view, gva_t va, uint64_t bytes)
{
	uint32_t changes = __atomic_load_n(&view->mmu->changes, __ATOMIC_ACQUIRE);
	uint64_t in_page = va.v & ~PAGE_MASK;
	struct guest_failure ignored;

	if (in_page + bytes > PAGE_SIZE)
		return NULL;
	if (view->written_page != (va.v & PAGE_MASK) || view->written_changes != changes ||
	    !view->written_at) {
		view->written_at = guest_page(&view->guest, va, PF_WRITE, &ignored);
		view->written_page = va.v & PAGE_MASK;
		view->written_changes = changes;
	}
	return view->written_at ? view->written_at + in_page : NULL;
}
