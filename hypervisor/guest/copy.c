// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/copy.h"

#include "arch/layout.h"
#include "kernel/gate.h"
#include "lib/string.h"

/* By the patch window's rules, what the engine remembers, or the guest's tables. */
HOT_FRAME char *guest_page(struct guest_view *view, gva_t va, unsigned access,
			   struct guest_failure *f)
{
	const struct guest_memory *m = view->memory;
	struct translation t;
	uint64_t frame;

	f->va = va;
	f->error = access;
	if (guest_in_window(m, va))
		return access & (PF_WRITE | PF_USER) ? NULL
						     : direct(frame_mpa(guest_window_frame(m, va)));
	if (!canonical(va.v) || pt_index(va.v, 4) == GATE_SLOT)
		return NULL;
	if (view->lookup && (frame = view->lookup(view, va, access)))
		return direct(frame_mpa(frame));
	if (guest_walk(m, &view->paging, va, access, &t, &f->error))
		return NULL;
	frame = guest_frame(m, t.gpa, PAGE_SIZE);
	return frame_allows(frame, access & PF_WRITE) ? direct(frame_mpa(frame)) : NULL;
}

HOT_FRAME static int copy(struct guest_view *view, gva_t va, char *buffer, uint64_t bytes,
			  unsigned access, struct guest_failure *f)
{
	struct guest_failure ignored;

	while (bytes) {
		uint64_t in_page = va.v & ~PAGE_MASK, n = MIN(bytes, PAGE_SIZE - in_page);
		char *page = guest_page(view, va, access, f ? f : &ignored);

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

int guest_read(struct guest_view *view, gva_t va, void *to, uint64_t bytes, unsigned access,
	       struct guest_failure *f)
{
	return copy(view, va, to, bytes, access & (PF_USER | PF_FETCH), f);
}

int guest_write(struct guest_view *view, gva_t va, const void *from, uint64_t bytes,
		unsigned access, struct guest_failure *f)
{
	return copy(view, va, (char *)from, bytes, (access & PF_USER) | PF_WRITE, f);
}
