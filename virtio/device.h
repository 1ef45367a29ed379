/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device (virtio 1.2, chapter 2): between a kind, which does something with buffers, and a
 * transport, by which the driver finds it. README.md shows how to write one.
 *
 * A device's lock is held in all that a kind or a transport does with it. Interrupts are sent after
 * unlocking.
 */
#pragma once

#include "arch/speculation.h"
#include "kernel/spinlock.h"
#include "kernel/timer.h"
#include "lib/types.h"
#include "virtio/virtqueue.h"

struct virtio_device;

#define VIRTIO_DEVICES_MAX 16 /* of a guest */
#define VIRTIO_QUEUES_MAX  32 /* of a device: bits of a word */
#define VIRTIO_PARTS	   2  /* of work, at each entry */

/* Does a bounded part of the work that may wait in the queue. Returns true if there is more to do
 * at once. */
typedef bool virtio_work_fn(struct virtio_device *d, struct virtqueue *q);

struct virtio_kind {
	uint32_t id;	 /* virtio 1.2, chapter 5 */
	uint64_t offers; /* feature bits */
	uint64_t needs;	 /* those without which FEATURES_OK is refused */
	unsigned queues;
	virtio_work_fn *const *work; /* of each queue */
	uint64_t state_bytes;
	/* Called once, with state zeroed: sets d->config and the initial state; NULL if there is
	 * nothing to set. */
	void (*create)(struct virtio_device *d);
};

struct virtio_transport {
	uint32_t target; /* for queues that name none */
	/* Interrupts the driver: buffers were used. Called without the device's lock, on any
	 * CPU. */
	void (*interrupt)(struct virtio_device *d, uint32_t target);
};

struct virtio_device {
	const struct virtio_kind *kind;
	const struct virtio_transport *transport;
	struct guest *guest;
	const void *config; /* the configuration space, written only by the kind */
	uint32_t config_bytes;
	void *state; /* the kind's */
	uint64_t features;
	struct timer timer; /* continues work, on vCPU 0's CPU */
	/* one bit for each queue: it has work; an interrupt is due */
	uint32_t pending, interrupts;
	unsigned turn; /* the queue that comes first if several have work */
	uint8_t status;
	SPINLOCK(LOCK_VIRTIO) lock;
	struct virtqueue queue[]; /* kind->queues */
};

struct virtio_guest {
	unsigned devices;
	struct virtio_device *device[VIRTIO_DEVICES_MAX];
};

/* devices.c. Creates devices of these kinds, numbered in this order, in memory that is taken for
 * them. Returns 0, or -ENOMEM. */
int virtio_create_all(struct guest *g, const struct virtio_kind *const of[], unsigned devices);

/* device.c. The memory that a device needs, and a device in such memory, zeroed. */
uint64_t virtio_bytes(const struct virtio_kind *kind);
void virtio_create(struct virtio_device *d, const struct virtio_kind *kind,
		   const struct virtio_transport *transport, struct guest *g);

/* Unlocks, and sends the interrupts that are due. */
void virtio_unlock(struct virtio_device *d);

/* --- for a kind, with the lock --- */

/* Returns a buffer as used, at once or in a later turn. If the lock was released in between,
 * virtqueue_holds must first say whether the buffer's memory may still be accessed. */
void virtio_use(struct virtio_device *d, struct virtqueue *q, struct virtqueue_chain *chain,
		uint32_t written);

/* --- for a transport, with the lock --- */

static inline struct virtqueue *virtio_queue(struct virtio_device *d, uint64_t number)
{
	unsigned n = d->kind->queues;

	return number < n ? &d->queue[index_nospec(number, n)] : NULL;
}

/* Reads from the configuration space; beyond its end it reads as 0. */
void virtio_read_config(const struct virtio_device *d, uint64_t offset, void *to, uint32_t bytes);

/* The driver's choice; -EBUSY once it has set FEATURES_OK (section 3.1.1). */
int virtio_set_features(struct virtio_device *d, uint64_t features);

/* 0 resets the device. FEATURES_OK is not set if features that the kind needs are missing, or if
 * some were set that it does not offer. */
void virtio_set_status(struct virtio_device *d, uint8_t status);

/* Tells the device that there are new buffers in that queue. Returns 0, or -EINVAL if there is no
 * such queue. */
int virtio_notify(struct virtio_device *d, uint64_t queue);

/* --- for the guest's life, without the lock --- */

void virtio_reset(struct virtio_device *d);

/* Does work that came from outside or was left over: up to that many parts, each for one queue.
 * Returns how many it did not need; the rest is done later. May be called on any of the guest's
 * CPUs. */
unsigned virtio_kick(struct virtio_device *d, unsigned parts);

extern const struct virtio_kind virtio_console;		  /* console.c */
extern const struct virtio_transport virtio_by_hypercall; /* hypercall.c */
