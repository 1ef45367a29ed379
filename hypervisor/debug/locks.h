/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of all locks (kernel/spinlock.h), and what checks it in a build with DEBUG_LOCKS: a
 * panic that names both locks where one is taken out of order, or twice, or held at the entry to a
 * guest. */
#ifndef VENEER_LOCKS_H
#define VENEER_LOCKS_H

#include "lib/types.h"

/* The classes of locks, from outer to inner: with one held, those that come later may be taken, and
 * no other of its own class. A lock that is only tried, not waited for, may be out of order. */
enum lock_class {
	LOCK_START = 1, /* boot/main.c: CPUs start their engines one by one */
	LOCK_CHECK,	/* shadow/check.c: the reports of the look over a guest's shadows */
	LOCK_PC,	/* struct pc: all devices of a PC */
	LOCK_VIRTIO, /* struct virtio_device: its state and its queues; it reads guest memory with
			it */
	LOCK_SHADOW, /* struct mmu: a guest's shadow tables */
	LOCK_PHASE,  /* struct guest: which phase of its life it is in */
	LOCK_LINE,   /* struct guest: its line on the console so far, and its input */
	LOCK_PORT,   /* kernel/console.c: what is on its way to the port */
	LOCK_RING,   /* struct console_ring: what waits for it */
	LOCK_CLASSES
};

#ifdef DEBUG_LOCKS
void locks_take(const uint8_t *lock, enum lock_class class); /* before it is waited for */
/* Whether it was taken, as it is told: then it is held. */
bool locks_tried(const uint8_t *lock, enum lock_class class, bool taken);
void locks_give(const uint8_t *lock);
void locks_none_held(void);
unsigned locks_cpu(void); /* which one this is, from the first instruction on */
#else
#define locks_take(lock, class)		((void)(class))
#define locks_tried(lock, class, taken) (taken)
#define locks_give(lock)		((void)0)
#define locks_none_held()		((void)0)
#endif

#endif
