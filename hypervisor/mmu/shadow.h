/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the shadow MMU share; mmu.h is what others see.
 *
 *	pool.c	pages of the pool: finding, taking, giving back
 *	sync.c	roots, and flushes: shadows say what the tables say now
 *	fill.c	page faults
 *	copy.c	reading and writing guest-virtual memory
 *	check.c	the invariant
 *
 * Pages are named by their index in the pool. A free page is all zero, which is why each keeps note
 * of the groups of eight entries that were ever set.
 */
#ifndef VENEER_SHADOW_H
#define VENEER_SHADOW_H

#include "mmu/memory.h"
#include "mmu/mmu.h"
#include "x86/cpu.h"
#include "x86/paging.h"

#define RIGHTS (PTE_W | PTE_U | PTE_NX)

/* In a mirrored table: the guest's entry is not present either. A fault on it names the reserved
 * bit, and the gate hands it to the guest without asking. */
#define NOT_PRESENT  (PTE_P | 1ull << 51)

#define GROUP	     8 /* entries with one bit in shadow.used: a cache line */
#define KEY_LEVEL    7
#define KEY_CPU(cpu) ((uint64_t)(cpu) << 3)

static inline void shadow_lock(struct mmu *m)
{
	while (__atomic_test_and_set(&m->lock, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static inline void shadow_unlock(struct mmu *m)
{
	__atomic_clear(&m->lock, __ATOMIC_RELEASE);
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

static inline void shadow_set(struct mmu *m, unsigned page, unsigned index, uint64_t entry)
{
	shadow_table(m, page)[index] = entry;
	m->shadow[page].used |= 1ull << index / GROUP;
}

/* A guest's table; what is mirrored was found to be RAM when its shadow was made. */
static inline uint64_t *guest_table(const struct mmu *m, uint64_t gpa)
{
	return direct(MPA(m->memory.v + gpa));
}

/* The leaf that a guest's entry allows without setting bits in it: 0 if a fault must see to it. */
static inline uint64_t shadow_leaf(const struct mmu *m, uint64_t e, int level)
{
	uint64_t leaf = PTE_P | PTE_A | (e & (PTE_U | PTE_NX));

	if (!(e & PTE_P) && level == 1)
		return m->not_present;
	if ((e & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || (e & PTE_RESERVED))
		return 0;
	if ((e & PTE_W) && (e & PTE_D))
		leaf |= PTE_W | PTE_D;
	if (level == 1) {
		mpa_t frame = mmu_frame(m, GPA(e & PTE_ADDR));

		return frame.v ? leaf | frame.v : 0;
	}
	uint64_t start = e & PTE_ADDR & ~(LARGE_SIZE - 1);
	if ((e & PTE_ADDR & (LARGE_SIZE - 1) & ~0x1000ull) || start + LARGE_SIZE > m->memory_bytes)
		return 0;
	return leaf | PTE_PS | (m->memory.v + start);
}

static inline bool shadow_allows(uint64_t rights, unsigned access)
{
	return !((access & PF_WRITE) && !(rights & PTE_W)) &&
	       !((access & PF_USER) && !(rights & PTE_U)) &&
	       !((access & PF_FETCH) && (rights & PTE_NX));
}

static inline bool shadow_in_window(const struct mmu *m, gva_t va)
{
	return va.v - m->window < m->window_bytes;
}

/* What was remembered of translations no longer holds. */
static inline void shadow_changed(struct mmu *m)
{
	__atomic_store_n(&m->changes, m->changes + 1, __ATOMIC_RELEASE);
}

/* pool.c; all with the lock. A page, or MMU_NO_ROOT. */
unsigned shadow_find(struct mmu *m, uint64_t key);
unsigned shadow_take(struct mmu *m, uint64_t key); /* key 0: a private page; not when it is empty */
void shadow_give_back(struct mmu *m, unsigned page, int level);
void shadow_clear_entry(struct mmu *m, uint64_t *entry, int level); /* and what hung on it alone */
void shadow_empty(struct mmu *m, unsigned page, int level);

/* When the pool is empty: a root that no view uses goes; false: there is none left. Then all that
 * the roots in use lead to. */
bool shadow_drop_oldest_root(struct mmu *m);
void shadow_empty_all(struct mmu *m, unsigned mine);

/* sync.c: the entries for [first, last] of a table, of which only the bits below its span count.
 * Each table is seen once in a sync (m->sync). */
void shadow_sync(struct mmu *m, unsigned page, int level, uint64_t first, uint64_t last);

#define USER_LAST 0x00007fffffffffffull

#endif
