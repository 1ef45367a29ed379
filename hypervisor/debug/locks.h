/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of all locks (kernel/spinlock.h). A build with DEBUG_LOCKS checks it: the hypervisor
 * panics, and names both locks, if one is taken out of order or twice, or is held at the entry to
 * a guest. */
#pragma once

#include "lib/types.h"

/* Lock classes, from outer to inner: while a lock is held, only locks of later classes may be
 * taken. A try, which does not wait, may be out of order. */
enum lock_class {
	LOCK_START = 1, /* boot/main.c: CPUs start their engines one at a time */
	LOCK_CHECK,	/* engine/ring/shadow/check.c: checks of shadow tables, one at a time */
	LOCK_PC,	/* struct pc: all devices of a PC */
	LOCK_VIRTIO,	/* struct virtio_device: its state and queues */
	LOCK_SHADOW,	/* struct mmu: a guest's shadow tables */
	LOCK_PHASE,	/* struct guest: the phase of its life cycle */
	LOCK_LINE,	/* struct guest: its unfinished console line, and its input */
	LOCK_PORT,	/* kernel/console.c: the output buffer of the serial port */
	LOCK_RING,	/* struct console_ring: output that waits for the port */
	LOCK_CLASSES
};

#ifdef DEBUG_LOCKS
void locks_take(const uint8_t *lock, enum lock_class class); /* before waiting for it */
/* Records the lock if the try took it; returns taken. */
bool locks_tried(const uint8_t *lock, enum lock_class class, bool taken);
void locks_give(const uint8_t *lock);
void locks_none_held(void);
unsigned locks_cpu(void); /* this CPU's number; valid from its first instruction on */
#define LOCKS_CHECKED ", lock order checked" /* the end of the first line at boot */
#else
#define LOCKS_CHECKED			""
#define locks_take(lock, class)		((void)(class))
#define locks_tried(lock, class, taken) (taken)
#define locks_give(lock)		((void)0)
#define locks_none_held()		((void)0)
#endif
