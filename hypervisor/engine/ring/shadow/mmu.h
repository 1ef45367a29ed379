/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shadow MMU of the ring engine.
 *
 * The tables the processor walks are the hypervisor's own, filled on demand from what the guest's
 * tables say, so no guest page is ever a page table. Invariant (shadow.h, mmu_check): each leaf
 * maps what guest_frame() or, in the patch window, guest_window_frame() says; slot 256 of every
 * root is the gate area of that root's CPU.
 *
 * A PV guest's tables are mirrored: each has one shadow, found by its guest-physical address and
 * level, with the guest's own rights at every level, shared by all that link to it: the kernel's
 * half by all roots, the whole by all vCPUs. Roots are kept until the guest drops them. A flush
 * updates the shadows of a range from the tables; between flushes they may be out of date, like a
 * TLB. A legacy guest says less: its tables are mirrored too, and those that it has written to are
 * read again when it loads CR3 (translate/tables.c). Without paging, or with CR0.WP clear, its
 * shadow is a private tree with the rights worked out in the leaf, emptied at each CR3 load: a
 * virtual TLB.
 *
 * Shadow pages come from a fixed pool. When it is empty, the roots loaded longest ago go, then the
 * rest of the guest's shadows; nobody else notices.
 *
 * No entry is global and every guest entry loads CR3, so changed entries need no INVLPG.
 */
#pragma once

#include "guest/engine.h"
#include "guest/walk.h"
#include "kernel/spinlock.h"

/* What a page of the pool is for: a table of level 1 to 4, or lent to somebody. See shadow.h. */
enum shadow_kind {
	SHADOW_ANY,	 /* nothing yet */
	SHADOW_LENT = 5, /* by mmu_take_page */
	SHADOW_KINDS
};

enum shadow_state {
	SHADOW_FREE,  /* all zero */
	SHADOW_USED,  /* found by its key or by a link */
	SHADOW_DYING, /* nothing links to it, but it has entries still */
	SHADOW_LIMBO, /* all zero, but another vCPU may still be walking it */
};

struct shadow {
	uint64_t key;	   /* the guest's table | level | CPU << 3 for roots; 0: private */
	uint64_t used;	   /* bit i: entries 8 i to 8 i + 7 may be set; the others are 0 */
	uint64_t time;	   /* of a root: its last load; of others: the last sync of all of it */
	uint32_t links;	   /* entries that point here */
	uint16_t next;	   /* in its hash chain, or the list of its state; index + 1 */
	uint8_t kind;	   /* enum shadow_kind */
	uint8_t state : 6; /* enum shadow_state */
	bool kernel : 1;   /* mmu.kernel names it */
	bool marked : 1;   /* for a scan: something leads here */
};

/* Pages of a pool: at least what makes progress certain, at most what a uint16_t can name. */
#define MMU_POOL_MIN   32
#define MMU_POOL_MAX   1024
#define MMU_LENT_SHARE 4 /* one page in 4 may be lent */
#define MMU_PATH       3 /* pages that a fault may need at once, below its root */

#define MMU_BUCKETS    256

struct mmu {
	const struct guest_memory *memory; /* of the guest */

	/* the pool; lists end with 0, else index + 1 */
	SPINLOCK(LOCK_SHADOW) lock; /* all that follows, the shadow pages, and the views' roots */
	mpa_t pool;
	unsigned pool_pages, lent;
	struct shadow *shadow; /* of each page */
	int budget;	       /* work that the lock's holder may still do */
	/* from here to retired, 0 means that all is empty (clear_lists) */
	unsigned pool_free;
	uint16_t free[SHADOW_KINDS], dying;
	uint16_t limbo, limbo_over;	 /* of these: every other vCPU has left the guest since */
	uint16_t unkinded[SHADOW_KINDS]; /* free pages whose kinds a scan may take, by kind */
	unsigned scan_at;	    /* the group that the scan has reached, of all in the pool */
	bool scanning, scanned;	    /* ...; all free pages keep their kinds */
	uint16_t oldest_at, oldest; /* of the roots before that page; index + 1, or 0 */
	uint16_t bucket[MMU_BUCKETS];
	uint16_t kernel[256];	    /* of root slots 256 on: the table that all roots link to */
	uint64_t kernel_used;	    /* as shadow.used, of those slots */
	unsigned retiring, retired; /* the slot whose table is taken from all roots, or 0, and as
				       far as which page that is done */
	uint64_t clock;		    /* counts loads and flushes */
	struct mmu_view *views;
	uint64_t not_present; /* an entry for a page that the guest has not either: 0, or
				 NOT_PRESENT */
	/* Returns when every other vCPU has left the guest; NULL with a single vCPU. */
	void (*quiesce)(struct mmu *m);

	uint64_t changes; /* is increased when the guest flushes or loads a root; atomic */

	unsigned zeroed; /* pages of the pool, from the first, that are zero or in use */

	/* What is known of a legacy guest's tables: translate/tables.h. NULL: a PV guest. */
	struct tables *tables;
};

#define MMU_OPEN 2 /* a write may cross from one to another */

/* One vCPU's view of its guest's memory. */
struct mmu_view {
	struct guest_view guest;
	struct mmu *mmu;
	struct mmu_view *next; /* of the same guest */
	uint64_t gate_pdpt;    /* for slot 256 */
	unsigned cpu;	       /* whose that is */
	/* where pages with translated code may be written */
	struct mmu_open {
		uint64_t page; /* guest-physical, + 1; 0: none */
		uint64_t va;
	} open[MMU_OPEN];
	bool window_armed; /* the patch window's page for unmasking is taken away */
	unsigned root;	   /* index of the shadow page in use; MMU_NO_ROOT: none */

	/* The page last written through mmu_kernel_stack, good while changes is the same: the
	 * kernel's stack, nearly always. */
	uint64_t written_page;
	char *written_at;
	uint64_t written_changes;
};
#define MMU_NO_ROOT (~0u)
#define USER_LAST   0x00007fffffffffffull /* the last address of the user half */

enum mmu_result {
	MMU_FILLED,	 /* execute the instruction again */
	MMU_AGAIN,	 /* the same: nothing is filled yet, but a part of the work is done */
	MMU_GUEST_FAULT, /* the guest's own page fault: send it on */
	MMU_NO_MEMORY, /* there is no memory behind the address, or it is written and must not be */
	MMU_CODE,      /* a write to a page with translated code */
	MMU_UNMASK,    /* a store to the armed page of the patch window */
	MMU_WINDOW,    /* any other access to the patch window that is not allowed */
};

/* Whether the processor has reserved bits in addresses: bit 51 is one. Set once at boot. */
extern bool mmu_can_mark;

/* An odd number, new at each boot, for the hash of tables: so a guest can only find collisions by
 * measuring, and the time that they cost is charged to it. */
extern uint64_t mmu_secret;

/* pool holds MMU_POOL_MIN to MMU_POOL_MAX pages; shadow describes them. mmu_reset_part follows. */
void mmu_init(struct mmu *m, const struct guest_memory *memory, mpa_t pool, unsigned pool_pages,
	      struct shadow *shadow);

/* Empties the pool, with no view in use, in parts: until it has returned true, no page may be
 * taken, and mmu_check finds nothing. */
bool mmu_reset_part(struct mmu *m, bool first);

/* Makes view one of m's, for good. It has no root yet. */
void mmu_attach(struct mmu *m, struct mmu_view *view);

/* Makes p the view's way of translating. */
enum mmu_root {
	MMU_ROOT_EMPTY, /* as a private tree always is */
	MMU_ROOT_KEPT,	/* a mirrored one, which may have to be flushed */
	MMU_ROOT_AGAIN, /* a part of the work is done; until all is, the view has no root */
};
enum mmu_root mmu_load_root(struct mmu_view *view, const struct paging *p);
static inline mpa_t mmu_root(const struct mmu_view *view)
{
	return MPA(view->mmu->pool.v + view->root * PAGE_SIZE);
}
void mmu_unload(struct mmu_view *view); /* the view has no root until the next load */

/* The guest has given up that root. False: a part is done. */
bool mmu_drop_root(struct mmu *m, gpa_t root);

/* Updates the shadows of [va, va + bytes) from the guest's tables: below the view's root, and in
 * the kernel's half below all roots. */
void mmu_flush(struct mmu_view *view, gva_t va, uint64_t bytes);

/* The same in parts (MMU_PART); bytes not 0. True when it is done. The lock is
 * free between two parts, but the view's root must stay. */
struct mmu_flush {
	uint64_t at, last; /* what is left of it */
	uint64_t since;	   /* by mmu.clock, when it began */
	unsigned whole[5]; /* by level: the table that it has seen from the first entry on; index +
			      1 */
};
void mmu_flush_begin(struct mmu_view *view, struct mmu_flush *f, gva_t va, uint64_t bytes);
bool mmu_flush_part(struct mmu_view *view, struct mmu_flush *f);

/* A zeroed page of the pool for other state of the guest. NULL: it has its maximum, or, with
 * *again, a part of the work is done. */
void *mmu_take_page(struct mmu *m, bool *again);
void mmu_give_page(struct mmu *m, void *page);

/* A legacy guest's INVLPG concerns more than the page: the root must be loaded again. */
bool tables_must_reload(const struct mmu_view *view);

/* Handles a page fault with the processor's error code; *error is what the guest should see. */
enum mmu_result mmu_fault(struct mmu_view *view, gva_t va, unsigned *error);

/* Where the kernel may write bytes at va, if they lie in one page; else NULL. */
void *mmu_kernel_stack(struct mmu_view *view, gva_t va, uint64_t bytes);

/* Checks every page of the pool against the invariant in shadow.h, with the lock held throughout:
 * some ten instructions for each entry. False: *r says what is wrong, and where. */
bool mmu_check(struct mmu *m, struct table_report *r);
