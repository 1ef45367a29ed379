/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the shadow MMU share; mmu.h is what others see.
 *
 *	pool.c	pages of the pool: finding, taking, giving back
 *	sync.c	roots, and flushes: shadows say what the tables say now
 *	fill.c	page faults
 *	check.c	the invariant
 *
 * Pages are named by their index in the pool. A free page is all zero, which is why each keeps note
 * of the groups of eight entries that were ever set.
 *
 * Why no leaf leads outside, whatever the counts say
 *
 * A table of level L holds links to tables of level L - 1, and leaves. What can go wrong is a link
 * to a page that has become something else meanwhile: the processor would then take leaves, which
 * name the guest's own memory, for tables, or links, which name the pool, for leaves. That a page
 * is given back when its last link is gone rests on links being counted right. So nothing else
 * does: a page keeps its kind (shadow.kind) when it is given back, and is taken again for the same
 * kind only. A link that was forgotten leads from level L to a table of level L - 1 of the same
 * guest, today and ever after, and what that guest can reach through it is its own memory.
 *
 * Kinds change in two places, both of which look at the tables and not at the counts. A scan
 * (scan_part) looks at every entry of every table, waits until every other vCPU has left the guest
 * once, as its processor may have cached a link that is gone, and takes the kind from those free
 * pages that no entry and no view leads to. It may go by parts, since the pages that it is about
 * stay free until its end, and entries are made only to pages that are in use. rebuild() clears all
 *that is not a root in use, and waits likewise. A root is in use if a view says so; that is not
 *counted at all.
 *
 * Life of a page: SHADOW_FREE, with its kind or without one; SHADOW_USED; SHADOW_DYING from the
 * moment when its last link goes, with its entries; these are cleared when room is wanted, which
 * may bring others there; then, if the vCPUs run on several CPUs, SHADOW_LIMBO until every other
 * vCPU has left the guest once, for a processor may be walking it until then.
 *
 * Counts are exact, as mmu_check shows: there are at most MMU_POOL_MAX * 512 entries, which fits.
 *
 * Why a fault always finds its pages
 *
 * It needs at most MMU_PATH pages below its root. While one is wanting, shadow_make_room() clears a
 * dying page, ends a rest, takes the kinds from free pages, or drops a root that is not in use;
 * each of these can go on only until there are none left. Then all pages are roots in use, one for
 * each vCPU, lent, of which there is at most one in MMU_LENT_SHARE, or hang on the roots in use.
 * These are emptied, by which all that hung on them is dying, or else, if a count was wrong, found
 * and cleared. Hence MMU_POOL_MIN pages, less those lent, must be MMU_PATH more than there are
 * vCPUs (ring.c asserts it), and the fault that caused this has all of them.
 *
 * Why nobody waits for long
 *
 * With the lock, whose holder has interrupts masked, comes a budget: MMU_PART. What takes long
 * looks at it between two entries, or groups of them, and leaves the rest to whoever has the lock
 * next; where it has come to is written in struct mmu, so that no work is done twice. A fault whose
 * budget is spent returns MMU_AGAIN: the vCPU goes back to its instruction and faults again, and
 * interrupts, its scheduler and the operator get their turn before. Each try gets on by a part; the
 * pages that it made free may be taken by another vCPU's fault, which then gets on instead.
 * The exception is rebuild(), to which only a wrong count leads.
 *
 * Why nobody sees what it has flushed
 *
 * A translation may be older than the tables, as in a TLB, but not older than the vCPU's own last
 * flush of that address: of its root's entry on that root; of the tables below, in the kernel's
 * half, on any root. A flush makes the shadows agree with the tables that hang on the vCPU's root
 * at that time. Everything that comes to hang there later is as new:
 *
 *	- An entry is filled from the guest's table with the lock held, from the walk on. A change
 *	  that comes after it was read has its flush after it was filled. (A walk before the lock
 *	  was taken could be older than a flush by another vCPU, and fill a table that both use.)
 *	- A table is linked when it is new, and has no entries, or is brought up to date with all
 *	  below it at that time, for it may have been linked elsewhere, where the flushes did not
 *	  reach it, or have been another's table. That is a step in the kernel's half too. A tree
 *	  for which a part is not enough is emptied instead, and whoever uses it faults its pages in
 *	  again: no link is ever made to what is half up to date.
 *	- That would cost each new root the whole of the kernel's half. Hence all mirrored roots
 *	  link in each of its slots to one table, mmu.kernel, or to none, and a flush there goes
 *	  through that table, whatever the root in use links to: it has seen all flushes. If the
 *	  guest's roots disagree, all lose theirs before another is linked. That goes by parts:
 *	  until the last one is gone, flushes go through the old table, and no root gets a link to
 *	  it.
 *
 * A long flush goes by parts, with the lock given back in between. It remembers the address that it
 * has come to. What it has seen stays up to date by the rules above, whatever others do meanwhile.
 * shadow.time says of a table since when it agrees, with all below it: a flush need not look at one
 * again that it has seen whole, or that another flush which began later has. It is written when the
 * last entry is done, to the time when the flush began, and only by a flush that has been there
 * from the first entry on (mmu_flush.whole).
 *
 * What was read from the tables and is only used, as in guest/copy.c, may be older by one exit: the
 *vCPU cannot have flushed meanwhile.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/paging.h"
#include "engine/ring/shadow/mmu.h"

#define RIGHTS (PTE_W | PTE_U | PTE_NX)

/* In a mirrored table: the guest's entry is not present either. A fault on it names the reserved
 * bit, and the gate hands it to the guest without asking. */
#define NOT_PRESENT  (PTE_P | 1ull << 51)

#define GROUP	     8 /* entries with one bit in shadow.used: a cache line */
#define GROUPS	     (PT_ENTRIES / GROUP)
#define KEY_LEVEL    7
#define KEY_CPU(cpu) ((uint64_t)(cpu) << 3)

#define KERNEL_SLOTS 256 /* of a root: its upper half */

/* What is done with the lock held at one go, and what things cost, in units of about 25
 * instructions. */
#ifndef MMU_PART
#define MMU_PART 200
#endif
#define ENTRY_COST   2	/* an entry of a last table is read */
#define LINK_COST    5	/* or of another */
#define TABLE_COST   16 /* a flush comes to a table */
#define LINKS_COST   8	/* a group of links is cleared */
#define SCAN_COST    6	/* or looked at */
#define GIVE_COST    3	/* a table is given back */
#define STEPS_A_UNIT 5	/* of looking for a table by its key */
#define KERNEL_COST  64 /* and was the kernel's */
#define ROOT_COST    2	/* one is looked at, whether it is in use */
#define PATH_COST    6	/* a fault has looked in vain for the pages that it needs */
#define WAIT_COST    40 /* for the other vCPUs to leave the guest */
_Static_assert(MMU_PART >= 4 * TABLE_COST + ENTRY_COST, "each part comes to an entry");

_Static_assert(MMU_BUCKETS == 256, "as many as a byte has values");
_Static_assert(MMU_POOL_MAX < UINT16_MAX && MMU_POOL_MAX * (uint64_t)PT_ENTRIES < UINT32_MAX,
	       "lists and counts");

/* Whoever has the lock is given a part's worth of work. */
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

/* What was remembered of translations no longer holds. */
static inline void shadow_changed(struct mmu *m)
{
	__atomic_store_n(&m->changes, m->changes + 1, __ATOMIC_RELEASE);
}

/* pool.c; all with the lock. A page, or MMU_NO_ROOT; of shadow_take: no free page of that kind. */
unsigned shadow_find(struct mmu *m, uint64_t key);
unsigned shadow_take(struct mmu *m, enum shadow_kind kind, uint64_t key); /* key 0: private */
void shadow_give_back(struct mmu *m, unsigned page);
void shadow_clear_entry(struct mmu *m, uint64_t *entry, int level);
/* Clears entries while the budget lasts. False: some are left. */
bool shadow_empty(struct mmu *m, unsigned page);
/* Of a slot of the kernel's half: takes the table that roots link to there from all of them, while
 * the budget lasts. False: some have it still. */
bool shadow_retire_kernel(struct mmu *m, unsigned slot);
/* From now on mirrored roots link to that page in that slot, or to none; they did to none. */
void shadow_set_kernel(struct mmu *m, unsigned slot, unsigned page);
bool shadow_root_in_use(const struct mmu *m, unsigned page);

/* The page given back last is emptied, or a part of it, and what hung on it alone is given back. */
void shadow_reap(struct mmu *m);

/* A step towards a free page, of whatever kind. */
void shadow_make_room(struct mmu *m);

/* sync.c: a table and what is below it says what the guest's tables say now, or the table is empty.
 * False: the budget was too small even for that. */
bool shadow_renew(struct mmu *m, unsigned page);
