/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest-virtual memory: the guest's own page tables, as one of its vCPUs uses them. */
#pragma once

#include "arch/cpu.h"
#include "guest/memory.h"

enum paging_mode {
	PAGING_OFF, /* identity */
	PAGING_32,  /* two levels of 4-byte entries, 4 KiB and 4 MiB pages */
	PAGING_PAE, /* three levels */
	PAGING_64,  /* four levels */
};

#define PAE_RESERVED 0x7ff0000000000000ull /* of its entries: bits 52 to 62 */
#define PAE_ROOT     0xffffffe0ull	   /* of CR3: four entries, aligned to their 32 bytes */

/* How one vCPU translates: the guest's registers. */
struct paging {
	enum paging_mode mode;
	gpa_t root;	    /* CR3 */
	bool write_protect; /* CR0.WP */
	bool large_pages;   /* CR4.PSE, for PAGING_32 */
	bool no_execute;    /* EFER.NXE */
};

static inline struct paging paging_of(uint64_t cr0, gpa_t cr3, uint64_t cr4, uint64_t efer)
{
	return (struct paging){
		.mode = !(cr0 & CR0_PG)	  ? PAGING_OFF
			: efer & EFER_LMA ? PAGING_64
			: cr4 & CR4_PAE	  ? PAGING_PAE
					  : PAGING_32,
		.root = cr3,
		.write_protect = cr0 & CR0_WP,
		.large_pages = cr4 & CR4_PSE,
		.no_execute = efer & EFER_NXE,
	};
}

/* A guest translation, as guest_walk finds it. */
struct translation {
	gpa_t gpa;
	uint64_t size; /* of the guest's page: 4 KiB, 2 MiB, 4 MiB; PAGING_OFF says 2 MiB */
	bool writable, user, no_execute, dirty;
	uint64_t entry[5]; /* the entries passed, by level, 1 to 4, before A and D were set */
};

/* Walks the guest's tables for an access (PF_WRITE, PF_USER, PF_FETCH), setting A and D as the
 * processor would. 0, or -EFAULT with the page fault's error code in *error. */
int guest_walk(const struct guest_memory *m, const struct paging *p, gva_t va, unsigned access,
	       struct translation *t, unsigned *error);

/* Sets bits in a table's entry as the processor does: only if it is still old, for another vCPU may
 * have taken it away, and bits in an empty entry mean something else. */
bool guest_set_bits(void *at, unsigned bytes, uint64_t old, uint64_t bits);

/* One vCPU's view of its guest's memory. */
struct guest_view {
	const struct guest_memory *memory;
	struct paging paging;
	/* What the engine knows of va, without a walk: a frame with rights for the access. 0: ask
	 * the tables. NULL: always ask them. */
	uint64_t (*lookup)(const struct guest_view *view, gva_t va, unsigned access);
};

/* The page fault that a copy would have caused. */
struct guest_failure {
	gva_t va;
	unsigned error;
};

/* Copies between the hypervisor and guest-virtual memory, with the rights of access: PF_USER or 0,
 * guest_read also PF_FETCH. 0, or -EFAULT: the pages before the one that failed are copied, and *f
 * has the fault, with error code access if the tables lead to no memory. f may be NULL. */
int guest_read(const struct guest_view *view, gva_t va, void *to, uint64_t bytes, unsigned access,
	       struct guest_failure *f);
int guest_write(const struct guest_view *view, gva_t va, const void *from, uint64_t bytes,
		unsigned access, struct guest_failure *f);

/* An access by 32-bit code may begin just below 4 GiB and end above: the processor uses addresses
 * above, the guest means those from 0 on. */
static inline gva_t guest_linear(const struct guest_view *view, gva_t va)
{
	return view->paging.mode == PAGING_64 ? va : GVA((uint32_t)va.v);
}

/* The page of such a copy that va is in, or NULL. */
void *guest_page(const struct guest_view *view, gva_t va, unsigned access);
