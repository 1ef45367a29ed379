/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only kind of lock. It is held with interrupts masked, for a bounded time, and never across
 * the entry to a guest. debug/locks.h defines the lock order; `make DEBUG_LOCKS=1` builds a
 * hypervisor that checks it.
 */
#pragma once

#include "arch/cpu.h"
#include "debug/locks.h"

/* A lock of a class: a byte. The second member has no size; its type encodes the class. */
/* clang-format off */
#define SPINLOCK(of_class) struct { uint8_t taken, is_of[0][of_class]; }
/* clang-format on */
#define spin_lock(l)   spinlock_take(&(l)->taken, sizeof((l)->is_of[0]))
#define spin_unlock(l) spinlock_give(&(l)->taken)
/* Returns whether it took the lock. */
#define spin_try_lock(l)                                \
	locks_tried(&(l)->taken, sizeof((l)->is_of[0]), \
		    !__atomic_test_and_set(&(l)->taken, __ATOMIC_ACQUIRE))

/* Tests on the host can switch to another vCPU wherever a lock is taken or released, or the
 * guest's tables are read. */
#ifdef VENEER_HOST
void mmu_interleave(void);
#else
#define mmu_interleave() ((void)0)
#endif

static inline void spinlock_take(uint8_t *lock, enum lock_class class)
{
	locks_take(lock, class);
	for (mmu_interleave(); __atomic_test_and_set(lock, __ATOMIC_ACQUIRE); mmu_interleave())
		cpu_relax();
}

static inline void spinlock_give(uint8_t *lock)
{
	locks_give(lock);
	__atomic_clear(lock, __ATOMIC_RELEASE);
	mmu_interleave();
}
