// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading and writing guest-virtual memory with the guest's rights. */
#include "guest/walk.h"

#include "kernel/gate.h"
#include "lib/string.h"

/* The hypervisor writes to a page on the guest's behalf. */
static void tell_of_write(const struct guest_memory *m, gpa_t page)
{
	if (guest_is_code(m, page))
		m->code_written(m, page);
	if (guest_is_table(m, page))
		m->table_written(m, page);
}

/* The page of va, by the patch window's rules, by what the engine knows, or by the guest's tables.
 */
HOT_FRAME static inline __attribute__((always_inline)) char *
find(const struct guest_view *view, gva_t va, unsigned access, struct guest_failure *f)
{
	const struct guest_memory *m = view->memory;
	struct translation t;
	uint64_t frame;

	f->va = va;
	f->error = access;
	if (guest_in_window(m, va)) {
		frame = access & (PF_WRITE | PF_USER) ? 0 : guest_window_frame(m, va);
	} else if (!canonical(va.v) || pt_index(va.v, 4) == GATE_SLOT) {
		return NULL;
	} else {
		frame = view->lookup ? view->lookup(view, va, access) : 0;
		if (!frame && guest_walk(m, &view->paging, va, access, &t, &f->error))
			return NULL;
		if (!frame) {
			frame = guest_frame(m, t.gpa, PAGE_SIZE);
			if (access & PF_WRITE)
				tell_of_write(m, GPA(t.gpa.v & PAGE_MASK));
		}
	}
	return frame_allows(frame, access & PF_WRITE) ? direct(frame_mpa(frame)) : NULL;
}

HOT_FRAME void *guest_page(const struct guest_view *view, gva_t va, unsigned access)
{
	struct guest_failure ignored;

	return find(view, va, access, &ignored);
}

HOT_FRAME static int copy(const struct guest_view *view, gva_t va, char *buffer, uint64_t bytes,
			  unsigned access, struct guest_failure *f)
{
	struct guest_failure ignored;

	while (bytes) {
		uint64_t in_page = va.v & ~PAGE_MASK, n = MIN(bytes, PAGE_SIZE - in_page);
		char *page = find(view, va, access, f ? f : &ignored);

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

int guest_read(const struct guest_view *view, gva_t va, void *to, uint64_t bytes, unsigned access,
	       struct guest_failure *f)
{
	return copy(view, va, to, bytes, access & (PF_USER | PF_FETCH), f);
}

int guest_write(const struct guest_view *view, gva_t va, const void *from, uint64_t bytes,
		unsigned access, struct guest_failure *f)
{
	return copy(view, va, (char *)from, bytes, (access & PF_USER) | PF_WRITE, f);
}
