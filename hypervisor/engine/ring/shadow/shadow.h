/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files of the shadow MMU; mmu.h is its interface.
 *
 *	pool.c	pages of the pool: finding, taking, giving back
 *	sync.c	roots, and flushes, which update shadows from the guest's tables
 *	fill.c	page faults
 *	check.c	checks the invariant
 *	and translate/tables.c	the tables of legacy guests: what was written to them
 *
 * Pages are named by their index in the pool. A free page is all zero. To be able to clear a page
 * quickly, each records which groups of eight entries were ever set.
 *
 * Why no leaf maps foreign memory, even if a link count is wrong
 *
 * A table of level L has leaves, and links to tables of level L - 1. The danger is a link to a page
 * that has been reused for another level: the processor would take leaves, which name the guest's
 * own memory, for tables, or take links, which name the pool, for leaves. A page is given back when
 * its link count reaches 0, so a wrong count could cause that. Therefore a page keeps its kind
 * (shadow.kind) when it is given back, and is only reused for the same kind. A link that was missed
 * still leads from level L to a table of level L - 1 of the same guest, which maps nothing but that
 * guest's memory.
 *
 * Kinds change in two places only. Both look at the tables, not at the counts:
 *	- A scan (scan_part) looks at every entry of every table, waits until every other vCPU has
 *	  left the guest once, since a processor may have cached a link that is gone, and takes the
 *	  kind from free pages that no entry and no view leads to. It works in parts: the pages that
 *	  it is about stay free until it ends, and entries are only made to pages in use.
 *	- rebuild() clears everything that is not a root in use, and waits likewise. Whether a root
 *	  is in use is not counted: a view refers to it.
 *
 * States of a page: SHADOW_FREE, with a kind or without; SHADOW_USED; SHADOW_DYING, from when its
 * last link goes, still with its entries. Those are cleared when room is needed, which may make
 * other pages SHADOW_DYING. Then, if the vCPUs run on several CPUs, SHADOW_LIMBO until every other
 * vCPU has left the guest once, since a processor may be walking it until then.
 *
 * Counts cannot overflow: there are at most MMU_POOL_MAX * 512 entries. mmu_check verifies them.
 *
 * Why a fault always gets the pages that it needs
 *
 * It needs at most MMU_PATH pages below its root. While it lacks one, shadow_make_room() clears a
 * dying page, ends a page's time in limbo, takes the kinds from free pages, or drops a root that is
 * not in use. Each of these can only be done until nothing is left to do it to. Then every page is
 * a root in use (one for each vCPU), lent (at most one in MMU_LENT_SHARE), or below a root in use.
 * The roots in use are emptied, and all that was below them is dying, or, if a count was wrong,
 * is found and cleared by rebuild(). So it suffices that MMU_POOL_MIN pages, less those lent,
 * exceed the number of vCPUs by MMU_PATH, which ring.c asserts. The fault that caused all this gets
 * these pages.
 *
 * Why nobody waits for long
 *
 * The holder of the lock has interrupts masked, and a budget, MMU_PART. Long work checks the budget
 * between two entries or groups, and leaves the rest to the next holder. How far it has come is
 * recorded in struct mmu, so no work is done twice. A fault that has used up its budget returns
 * MMU_AGAIN: the vCPU returns to its instruction and faults again, after interrupts, the scheduler
 * and the operator have had their turn. Each attempt makes a part of the progress; if another
 * vCPU's fault takes the pages that were freed, that fault progresses instead. The exception is
 * rebuild(), which only a wrong count leads to.
 *
 * Why no vCPU sees what it has flushed
 *
 * A translation may be older than the guest's tables, as in a TLB, but not older than the vCPU's
 * own last flush of that address: for the root's entry, its flush on that root; for the tables
 * below, in the kernel's half, its flush on any root. A flush updates the tables below the vCPU's
 * root at that time. What is linked there later is as recent:
 *
 *	- An entry is filled from the guest's table with the lock held from the walk on. If the
 *	  guest changes its entry after it was read, it flushes after the shadow was filled. (A walk
 *	  before the lock was taken could be older than another vCPU's flush, and fill a shared
 *	  table.)
 *	- A table is linked when it is new and empty, or when it and everything below it has just
 *	  been updated: it may have been linked elsewhere, where flushes did not reach it, or have
 *	  belonged to another table. This is so in the kernel's half too. A tree that is too large
 *for one part is emptied instead, and its pages fault in again: a link is never made to a tree that
 *is updated only in part.
 *	- By that rule each new root would have to update the whole kernel's half. Therefore in each
 *	  slot of that half all mirrored roots link to the same table, mmu.kernel, or to none, and a
 *	  flush there goes through that table, whatever the current root links to. So that table has
 *	  seen all flushes. If the guest's roots disagree, all lose the link before another table is
 *	  linked. This is done in parts: until the last link is gone, flushes go through the old
 *	  table, and no root gets a link to it.
 *
 * A long flush is done in parts, without the lock in between, and remembers the address that it has
 * reached. What it has passed stays up to date by the rules above. shadow.time is the time since
 * which a table agrees with the guest's, including all below it, so that a flush can skip a table
 * that it has completed, or that a flush which began later has. It is set to the time when the
 * flush began, when the flush finishes the table's last entry, and only if it started at the first
 * (mmu_flush.whole).
 *
 * What is read from the guest's tables and only used once, as in guest/copy.c, may be older by one
 * exit: the vCPU cannot have flushed in the meantime.
 */
#pragma once

#include "engine/ring/shadow/mmu.h"

#define RIGHTS (PTE_W | PTE_U | PTE_NX)

/* Entries above the leaf that allow everything. */
#define TABLE_BITS (PTE_P | PTE_W | PTE_U | PTE_A)

/* In a mirrored table: the guest's entry is not present either. The error code of a fault on it has
 * the reserved bit, and the gate passes it to the guest at once. */
#define NOT_PRESENT (PTE_P | 1ull << 51)

#define GROUP	    8 /* entries for one bit of shadow.used: a cache line */
#define GROUPS	    (PT_ENTRIES / GROUP)

/* A key: the guest-physical address of the table, its level, and */
#define KEY_LEVEL     7
#define KEY_CPU(cpu)  ((uint64_t)(cpu) << 52) /* of a root: for that CPU */
#define KEY_PART(n)   ((uint64_t)(n) << 52)   /* of a table of 4-byte entries: one has several */
#define KEY_LARGE     (1ull << 56) /* the pieces of a large page, which is at the address */
#define KEY_DIRTY     (1ull << 57) /* ..., and may be written without setting D */
#define KEY_READ_ONLY (1ull << 59) /* with CR0.WP clear: the entry above allows no writes */
#define KEY_WINDOW    (1ull << 58) /* where the patch window is, and what is beside it */

#define KERNEL_SLOTS  256 /* of a root: its upper half */

/* The work of one part, which is done with the lock held, and the cost of each step, in units of
 * about 25 instructions. */
#ifndef MMU_PART
#define MMU_PART 200
#endif
#define ENTRY_COST   2	/* an entry of a last table is read */
#define LINK_COST    5	/* an entry of another table is read */
#define TABLE_COST   16 /* a flush begins a table */
#define LINKS_COST   8	/* a group of links is cleared */
#define SCAN_COST    6	/* a group of links is looked at */
#define GIVE_COST    3	/* a table is given back */
#define STEPS_A_UNIT 5	/* steps along a hash chain for one unit */
#define KERNEL_COST  64 /* more for one that mmu.kernel named */
#define ROOT_COST    2	/* a root is looked at, whether it is in use */
#define PATH_COST    6	/* a fault has not found the pages that it needs */
#define WAIT_COST    40 /* for the other vCPUs to leave the guest */
_Static_assert(MMU_PART >= 4 * TABLE_COST + ENTRY_COST, "each part comes to an entry");

_Static_assert(MMU_BUCKETS == 256, "as many as a byte has values");
_Static_assert(MMU_POOL_MAX < UINT16_MAX && MMU_POOL_MAX * (uint64_t)PT_ENTRIES < UINT32_MAX,
	       "lists and counts");

/* Taking the lock gives a budget of one part. */
static inline void shadow_lock(struct mmu *m)
{
	spin_lock(&m->lock);
	m->budget = MMU_PART;
}

static inline void shadow_unlock(struct mmu *m)
{
	spin_unlock(&m->lock);
}

static inline uint64_t *shadow_table(const struct mmu *m, unsigned page)
{
	return direct(MPA(m->pool.v + page * PAGE_SIZE));
}

static inline uint64_t shadow_link(const struct mmu *m, unsigned page)
{
	return m->pool.v + page * PAGE_SIZE;
}

static inline unsigned shadow_linked(const struct mmu *m, uint64_t entry)
{
	return (unsigned)(((entry & PTE_ADDR) - m->pool.v) >> PAGE_SHIFT);
}

static inline bool shadow_is_table(uint64_t entry, int level)
{
	return (entry & PTE_P) && level > 1 && !(entry & PTE_PS);
}

static inline unsigned shadow_bucket(uint64_t key)
{
	return key * mmu_secret >> 56;
}

static inline void shadow_set(struct mmu *m, unsigned page, unsigned index, uint64_t entry)
{
	shadow_table(m, page)[index] = entry;
	m->shadow[page].used |= 1ull << index / GROUP;
}

/* A guest's table; what is mirrored was found to be RAM when its shadow was made. */
static inline uint64_t *guest_table(const struct mmu *m, uint64_t gpa)
{
	return direct(MPA(m->memory->region[REGION_RAM].at.v + gpa));
}

/* An entry of the guest's, which may change at any time: read once. */
static inline uint64_t guest_entry(const uint64_t *at)
{
	mmu_interleave();
	return *(volatile const uint64_t *)at;
}

/* The leaf that a guest's entry allows without setting bits in it: 0 if a fault must see to it. */
static inline uint64_t shadow_leaf(const struct mmu *m, uint64_t e, int level)
{
	uint64_t leaf = PTE_A | (e & (PTE_U | PTE_NX)), frame;

	if (!(e & PTE_P) && level == 1)
		return m->not_present;
	if ((e & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || (e & PTE_RESERVED))
		return 0;
	if (level == 1) {
		frame = guest_frame(m->memory, GPA(e & PTE_ADDR), PAGE_SIZE);
	} else {
		if (e & PTE_ADDR & (LARGE_SIZE - 1) & ~0x1000ull)
			return 0;
		frame = guest_frame(m->memory, GPA(e & PTE_ADDR), LARGE_SIZE);
		leaf |= PTE_PS;
	}
	if ((e & FRAME_WRITE) != FRAME_WRITE)
		frame &= ~FRAME_WRITE;
	return frame ? leaf | frame : 0;
}

static inline bool shadow_allows(uint64_t rights, unsigned access)
{
	return !((access & PF_WRITE) && !(rights & PTE_W)) &&
	       !((access & PF_USER) && !(rights & PTE_U)) &&
	       !((access & PF_FETCH) && (rights & PTE_NX));
}

/* Invalidates remembered translations (mmu_kernel_stack). */
static inline void shadow_changed(struct mmu *m)
{
	__atomic_store_n(&m->changes, m->changes + 1, __ATOMIC_RELEASE);
}

/* The first entry from index on whose group is in use; PT_ENTRIES: there is none. */
static inline unsigned shadow_next_used(uint64_t used, unsigned index)
{
	uint64_t rest = index < PT_ENTRIES ? used >> index / GROUP : 0;

	if (rest & 1)
		return index;
	return rest ? (index / GROUP + (unsigned)__builtin_ctzll(rest)) * GROUP : PT_ENTRIES;
}

/* pool.c; all with the lock. A page, or MMU_NO_ROOT; of shadow_take: no free page of that kind. */
unsigned shadow_find(struct mmu *m, uint64_t key);
unsigned shadow_take(struct mmu *m, enum shadow_kind kind, uint64_t key); /* key 0: private */
void shadow_give_back(struct mmu *m, unsigned page);
void shadow_forget_key(struct mmu *m, unsigned page); /* it is private from now on */
void shadow_clear_entry(struct mmu *m, uint64_t *entry, int level);
/* Clears entries while the budget lasts. False: some are left. */
bool shadow_empty(struct mmu *m, unsigned page);
/* Of a slot of the kernel's half: takes the table that roots link to there from all of them, while
 * the budget lasts. False: some have it still. */
bool shadow_retire_kernel(struct mmu *m, unsigned slot);
/* From now on mirrored roots link to that page in that slot, or to none; they did to none. */
void shadow_set_kernel(struct mmu *m, unsigned slot, unsigned page);
bool shadow_root_in_use(const struct mmu *m, unsigned page);

/* Clears the page that was given back last, or a part of it, and gives back what only it linked to.
 */
void shadow_reap(struct mmu *m);

/* A step towards a free page, of whatever kind. */
void shadow_make_room(struct mmu *m);

/* translate/tables.c; all with the lock. Whether a root is mirrored, with a key, or private: 0. */
uint64_t tables_root(const struct mmu *m, const struct mmu_view *view);
/* What was written is read again, before the view gets such a root. False: the budget is spent. */
bool tables_load(struct mmu *m, const struct mmu_view *view);
/* What a mirrored root needs before it is used. */
void tables_use(struct mmu *m, const struct mmu_view *view);
void tables_reset(struct mmu *m);
/* The key of the table below one of that level, and the bits of the link. */
uint64_t tables_below(const struct mmu_view *view, gva_t va, int level, const struct translation *t,
		      uint64_t *bits);
/* Where the guest's own pages are not mirrored. */
bool tables_beside_window(const struct mmu *m, gva_t va);
/* The shadow of a table, to be linked from the one above. MMU_NO_ROOT: none is free, the budget is
 * spent, or the path must be made again. */
unsigned tables_known_or_new(struct mmu *m, unsigned above, int level, uint64_t key);
/* Room for one more that is written; before a path is made. False: the budget is spent. */
bool tables_room(struct mmu *m);
/* A leaf about to be set, for an access that writes or does not: writable only if it may be. */
uint64_t tables_leaf(struct mmu *m, unsigned page, unsigned index, uint64_t leaf, bool writes);
bool tables_may_write(const struct mmu *m, unsigned page, unsigned index); /* a leaf that is set */
#define TABLES_PIECES (~0ull) /* shadow.time of a table with pieces of a large page */
/* A flush of one page. */
void tables_flush(struct mmu *m, unsigned root, gva_t va);

/* sync.c: a table and what is below it says what the guest's tables say now, or the table is empty.
 * False: the budget was too small even for that. */
bool shadow_renew(struct mmu *m, unsigned page);
