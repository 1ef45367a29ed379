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

/* Something may wait in the queue: does a bounded part of it. True: there is more to do at once. */
typedef bool virtio_work_fn(struct virtio_device *d, struct virtqueue *q);

struct virtio_kind {
	uint32_t id;	 /* virtio 1.2, chapter 5 */
	uint64_t offers; /* feature bits */
	uint64_t needs;	 /* of these: without them FEATURES_OK is refused */
	unsigned queues;
	virtio_work_fn *const *work; /* of each queue */
	uint64_t state_bytes;
	/* Once, with state zeroed: d->config, and what state begins with; NULL: nothing. */
	void (*create)(struct virtio_device *d);
};

struct virtio_transport {
	uint32_t target; /* of a queue that names none */
	/* Interrupts the driver: buffers were used. Without the device's lock, from any CPU. */
	void (*interrupt)(struct virtio_device *d, uint32_t target);
};

struct virtio_device {
	const struct virtio_kind *kind;
	const struct virtio_transport *transport;
	struct guest *guest;
	const void *config; /* the configuration space: the kind's, which alone writes it */
	uint32_t config_bytes;
	void *state; /* the kind's */
	uint64_t features;
	struct timer timer; /* goes on with work, on vCPU 0's CPU */
	/* one bit for each queue: it has work; an interrupt is due */
	uint32_t pending, interrupts;
	unsigned turn; /* the queue that is first when several have work */
	uint8_t status;
	SPINLOCK(LOCK_VIRTIO) lock;
	struct virtqueue queue[]; /* kind->queues */
};

struct virtio_guest {
	unsigned devices;
	struct virtio_device *device[VIRTIO_DEVICES_MAX];
};

/* devices.c. Devices of these kinds are the guest's, in the order of their numbers and in memory
 * that is taken for it: 0, or -ENOMEM. */
int virtio_create_all(struct guest *g, const struct virtio_kind *const of[], unsigned devices);

/* device.c. Memory for a device, and one in that memory, zeroed. */
uint64_t virtio_bytes(const struct virtio_kind *kind);
void virtio_create(struct virtio_device *d, const struct virtio_kind *kind,
		   const struct virtio_transport *transport, struct guest *g);

/* Gives the lock back, and sends what interrupts are due. */
void virtio_unlock(struct virtio_device *d);

/* --- for a kind, with the lock --- */

/* Returns a buffer as used; at once, or from another turn, when the lock has been given back and
 * taken since: then virtqueue_holds says first whether its memory may still be touched. */
void virtio_use(struct virtio_device *d, struct virtqueue *q, struct virtqueue_chain *chain,
		uint32_t written);

/* --- for a transport, with the lock --- */

static inline struct virtqueue *virtio_queue(struct virtio_device *d, uint64_t number)
{
	unsigned n = d->kind->queues;

	return number < n ? &d->queue[index_nospec(number, n)] : NULL;
}

/* bytes of the configuration space; what lies behind its end reads as 0. */
void virtio_read_config(const struct virtio_device *d, uint64_t offset, void *to, uint32_t bytes);

/* The driver's choice; -EBUSY once it has set FEATURES_OK (section 3.1.1). */
int virtio_set_features(struct virtio_device *d, uint64_t features);

/* 0 resets the device. FEATURES_OK does not stay if features are missing that the kind needs, or
 * are there that it does not offer. */
void virtio_set_status(struct virtio_device *d, uint8_t status);

/* There are new buffers in that queue: 0, or -EINVAL: there is none of that number. */
int virtio_notify(struct virtio_device *d, uint64_t queue);

/* --- for the guest's life, without the lock --- */

void virtio_reset(struct virtio_device *d);

/* Work may have come from outside, or was left over. Does up to so many parts, one of a queue, and
 * returns how many it did not need; the rest is done later. From any of the guest's CPUs. */
unsigned virtio_kick(struct virtio_device *d, unsigned parts);

extern const struct virtio_kind virtio_console;		  /* console.c */
extern const struct virtio_transport virtio_by_hypercall; /* hypercall.c */
