/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest-virtual memory. */
#ifndef VENEER_GUEST_COPY_H
#define VENEER_GUEST_COPY_H

#include "guest/walk.h"

/* One vCPU's view of its guest's memory. */
struct guest_view {
	const struct guest_memory *memory;
	struct paging paging;
	/* The frame behind va with these rights, and FRAME_*, as its engine remembers it, like a
	 * TLB; 0: ask the tables. NULL: it remembers nothing. */
	uint64_t (*lookup)(struct guest_view *view, gva_t va, unsigned access);
};

/* Copies between the hypervisor and guest-virtual memory with the rights of access (PF_USER or 0).
 * 0, or -EFAULT with the address and the error code of the page fault. */
struct guest_failure {
	gva_t va;
	unsigned error;
};
int guest_read(struct guest_view *view, gva_t va, void *to, uint64_t bytes, unsigned access,
	       struct guest_failure *f);
int guest_write(struct guest_view *view, gva_t va, const void *from, uint64_t bytes,
		unsigned access, struct guest_failure *f);

/* A page of such a copy; NULL: *f says why. */
char *guest_page(struct guest_view *view, gva_t va, unsigned access, struct guest_failure *f);

#endif
