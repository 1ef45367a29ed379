// SPDX-License-Identifier: GPL-2.0-or-later
/* Lock order checking, for builds with DEBUG_LOCKS. Each CPU has its own list of the locks that it
 * holds, and uses no other, so no lock is needed here. */
#include "debug/locks.h"

#include "lib/panic.h"

#define CPU_IDS	 256 /* one for each 8-bit local APIC ID */
#define HELD_MAX LOCK_CLASSES

static const char *const names[LOCK_CLASSES] = {
	[LOCK_START] = "start",	  [LOCK_CHECK] = "check",   [LOCK_PC] = "pc",
	[LOCK_VIRTIO] = "virtio", [LOCK_SHADOW] = "shadow", [LOCK_PHASE] = "phase",
	[LOCK_LINE] = "line",	  [LOCK_PORT] = "port",	    [LOCK_RING] = "ring",
};

static struct held {
	unsigned locks;
	const uint8_t *lock[HELD_MAX];
	enum lock_class class[HELD_MAX];
} held_by[CPU_IDS];

#ifndef VENEER_HOST
unsigned locks_cpu(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b >> 24;
}
#endif

static void add(struct held *h, const uint8_t *lock, enum lock_class class)
{
	if (h->locks == HELD_MAX)
		panic("lock %s: too many locks are held", names[class]);
	h->lock[h->locks] = lock;
	h->class[h->locks++] = class;
}

void locks_take(const uint8_t *lock, enum lock_class class)
{
	struct held *h = &held_by[locks_cpu()];

	for (unsigned i = 0; i < h->locks; i++) {
		if (h->lock[i] == lock)
			panic("lock %s is taken twice, inside %s", names[class],
			      names[h->class[i]]);
		if (h->class[i] >= class)
			panic("lock %s is taken inside %s", names[class], names[h->class[i]]);
	}
	add(h, lock, class);
}

bool locks_tried(const uint8_t *lock, enum lock_class class, bool taken)
{
	if (taken)
		add(&held_by[locks_cpu()], lock, class);
	return taken;
}

void locks_give(const uint8_t *lock)
{
	struct held *h = &held_by[locks_cpu()];
	unsigned i = h->locks;

	while (i && h->lock[i - 1] != lock)
		i--;
	if (!i)
		panic("a lock is released that this CPU does not hold");
	for (h->locks--; i <= h->locks; i++) {
		h->lock[i - 1] = h->lock[i];
		h->class[i - 1] = h->class[i];
	}
}

void locks_none_held(void)
{
	const struct held *h = &held_by[locks_cpu()];

	if (h->locks)
		panic("lock %s, and %s, are held at the entry to a guest", names[h->class[0]],
		      names[h->class[h->locks - 1]]);
}
