/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shadow MMU of the ring engine.
 *
 * The tables the processor walks are the hypervisor's own, filled on demand from what the guest's
 * tables say, so no guest page is ever a page table. One module decides what may be mapped:
 * mmu_frame(). Invariant (mmu_check): each leaf maps a frame of the guest's partition, its vCPU
 * pages, or its patch window; slot 256 of every root is the gate area of that root's CPU.
 *
 * A root is kept for each guest root that was loaded (PV), and dropped when the guest says so or
 * the pool runs out. A legacy guest's CR3 load empties its one root: a virtual TLB. Shadow pages
 * come from a fixed pool. When it is empty the guest's own shadows are dropped; nobody else
 * notices.
 *
 * No entry is global and every guest entry loads CR3, so changed entries need no INVLPG.
 */
#ifndef VENEER_MMU_H
#define VENEER_MMU_H

#include "core/types.h"

#define MMU_ROOTS 16

enum paging_mode {
	PAGING_OFF, /* identity */
	PAGING_32,  /* two levels of 4-byte entries, 4 KiB and 4 MiB pages */
	PAGING_PAE, /* three levels */
	PAGING_64,  /* four levels */
};

/* How one vCPU translates: the guest's registers. */
struct paging {
	enum paging_mode mode;
	gpa_t root;	    /* CR3 */
	bool write_protect; /* CR0.WP */
	bool large_pages;   /* CR4.PSE, for PAGING_32 */
	bool no_execute;    /* EFER.NXE */
};

struct mmu_root {
	bool used;
	struct paging paging;
	uint64_t *table;
	uint64_t stamp; /* of the last load, for choosing a victim */
};

struct mmu {
	/* what the guest owns */
	mpa_t memory;
	uint64_t memory_bytes; /* gpa [0, memory_bytes) */
	mpa_t vcpu_pages;
	uint64_t vcpu_pages_bytes; /* gpa [memory_bytes, ...) */

	/* the patch window of a rewritten guest, or bytes == 0 */
	uint64_t window, window_bytes;
	mpa_t window_memory; /* what follows the first two pages */
	bool window_armed;   /* the page for unmasking is taken away */

	uint64_t gate_pdpt; /* for slot 256 */

	/* the pool */
	mpa_t pool;
	unsigned pool_pages;
	unsigned pool_free; /* that many indices stand in free_list */
	uint16_t *free_list;

	struct mmu_root root[MMU_ROOTS];
	struct mmu_root *current;
	uint64_t stamp;

	uint64_t fills, drops; /* leaves filled; roots dropped or emptied */
};

/* A guest translation, as mmu_walk finds it. */
struct translation {
	gpa_t gpa;
	uint64_t size; /* of the guest's page: 4 KiB, 2 MiB, 4 MiB; PAGING_OFF says 2 MiB */
	bool writable, user, no_execute, dirty;
};

enum mmu_result {
	MMU_FILLED,	 /* try the instruction again */
	MMU_GUEST_FAULT, /* the guest's own page fault: send it on */
	MMU_NO_MEMORY,	 /* the address translates to something outside the guest's memory */
	MMU_UNMASK,	 /* a store to the armed page of the patch window */
	MMU_WINDOW,	 /* any other access to the patch window that is not allowed */
};

/* pool must hold at least 16 pages; free_list one uint16_t for each of them. */
void mmu_init(struct mmu *m, mpa_t pool, unsigned pool_pages, uint16_t *free_list);

/* The frame behind a guest-physical page, or v == 0: the one place that decides. */
mpa_t mmu_frame(const struct mmu *m, gpa_t gpa);

/* Walks the guest's tables for an access (PF_WRITE, PF_USER, PF_FETCH), setting A and D as the
 * processor would. 0, or -EFAULT with the page fault's error code in *error. */
int mmu_walk(const struct mmu *m, const struct paging *p, gva_t va, unsigned access,
	     struct translation *t, unsigned *error);

/* Makes the root of p current; empties it first if fresh (a legacy CR3 load). */
void mmu_load_root(struct mmu *m, const struct paging *p, bool fresh);
mpa_t mmu_current_root(const struct mmu *m);
void mmu_drop_root(struct mmu *m, gpa_t root);
void mmu_drop_all(struct mmu *m);

/* Forgets what the shadows say of [va, va + bytes), in the current root. */
void mmu_flush(struct mmu *m, gva_t va, uint64_t bytes);

/* Handles a page fault with the processor's error code; *error is what the guest should see. */
enum mmu_result mmu_fault(struct mmu *m, const struct paging *p, gva_t va, unsigned *error);

/* Copies between the hypervisor and guest-virtual memory with the rights of access (PF_USER or 0).
 * 0, or -EFAULT with the address and the error code of the page fault. */
struct mmu_failure {
	gva_t va;
	unsigned error;
};
int mmu_read(struct mmu *m, const struct paging *p, gva_t va, void *to, uint64_t bytes,
	     unsigned access, struct mmu_failure *f);
int mmu_write(struct mmu *m, const struct paging *p, gva_t va, const void *from, uint64_t bytes,
	      unsigned access, struct mmu_failure *f);

/* Guest-physical memory as a pointer, if [gpa, gpa + bytes) is the guest's RAM; else NULL. */
void *mmu_memory(const struct mmu *m, gpa_t gpa, uint64_t bytes);

/* Walks every shadow and checks the invariant; the number of leaves, or -EFAULT. */
int mmu_check(const struct mmu *m);

#endif
