/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one kind of lock there is. Whoever has one has interrupts masked, keeps it for a bounded
 * time, and enters no guest with it. debug/locks.h has the order in which they are taken; `make
 * DEBUG_LOCKS=1` builds a hypervisor that holds it.
 */
#ifndef VENEER_SPINLOCK_H
#define VENEER_SPINLOCK_H

#include "arch/cpu.h"
#include "debug/locks.h"

/* A lock of a class: a byte. The second member takes no room; its type says the class. */
/* clang-format off */
#define SPINLOCK(of_class) struct { uint8_t taken, is_of[0][of_class]; }
/* clang-format on */
#define spin_lock(l)   spinlock_take(&(l)->taken, sizeof((l)->is_of[0]))
#define spin_unlock(l) spinlock_give(&(l)->taken)
/* True: taken. */
#define spin_try_lock(l)                                \
	locks_tried(&(l)->taken, sizeof((l)->is_of[0]), \
		    !__atomic_test_and_set(&(l)->taken, __ATOMIC_ACQUIRE))

/* A test on the host may let another vCPU go on wherever a lock is taken or given back, or the
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

#endif
