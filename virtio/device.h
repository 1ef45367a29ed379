/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device as its transport sees it: identity, features, status, queues, configuration
 * (virtio 1.2, chapter 2). What it does with its buffers is in the file of its kind.
 */
#ifndef VENEER_VIRTIO_DEVICE_H
#define VENEER_VIRTIO_DEVICE_H

#include "kernel/spinlock.h"
#include "kernel/timer.h"
#include "lib/types.h"
#include "virtio/virtqueue.h"

struct guest;
struct vcpu;
struct virtio_device;

#define VIRTIO_QUEUES  2
#define VIRTIO_DEVICES 1 /* of a guest */

struct virtio_kind {
	uint32_t id; /* virtio 1.2, chapter 5 */
	uint64_t features;
	unsigned queues;
	/* Something may wait in the queue: does a bounded part of it, and sets d->again if there
	 * is more. With the device's lock. True: the driver wants to be told. */
	bool (*work)(struct virtio_device *d, unsigned queue);
};

struct virtio_device {
	const struct virtio_kind *kind;
	struct guest *guest;
	unsigned event; /* for all its queues */
	SPINLOCK(LOCK_VIRTIO) lock;
	uint32_t status;    /* VIRTIO_CONFIG_S_* */
	bool again;	    /* set by work: there may be more to do */
	struct timer timer; /* goes on with it, on vCPU 0's CPU */
	uint64_t features;
	struct virtqueue queue[VIRTIO_QUEUES];
	/* a buffer that is worked off in parts, and how far that is */
	struct virtqueue_chain chain;
	bool busy;
	unsigned segment;
	uint32_t offset;
};

void virtio_reset(struct virtio_device *d);

/* One of VENEER_VIRTIO_*, from a vCPU of the guest. */
int64_t virtio_call(struct virtio_device *d, struct vcpu *v, uint64_t op, uint64_t arg);

/* Work has come from outside, or was left over; from any of the guest's CPUs. */
void virtio_kick(struct virtio_device *d);

extern const struct virtio_kind virtio_console; /* console.c */

#endif
