/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device side of a split virtqueue: virtio 1.2, section 2.7. The layout is that of the kernel's
 * <linux/virtio_ring.h>.
 *
 * The rings are in memory that the guest may change at any moment. Every index, length and address
 * is read once, checked, and used from the copy. An invalid one breaks the queue, and a broken
 * queue does nothing until the driver resets the device.
 *
 * A device may keep a buffer as long as it likes. Meanwhile the driver may reset the device, or the
 * guest may be restarted and use the memory for something else. Then the buffer is void
 * (virtqueue_holds): it must not be accessed, and is not returned. All functions need the device's
 * lock.
 */
#pragma once

#include "lib/types.h"

struct guest_memory;
struct vring_desc;
struct vring_avail;
struct vring_used;

#define VIRTQUEUE_MAX	   128 /* entries; a power of two */
#define VIRTQUEUE_SEGMENTS 16  /* a chain with more of them breaks the queue */

struct virtqueue {
	bool ready, broken;
	uint16_t size; /* entries, a power of two up to VIRTQUEUE_MAX */
	uint16_t next_avail, used_index;
	uint32_t target;     /* where its interrupts go; the transport defines it */
	uint64_t generation; /* of its buffers, from 1 on: a new one after each reset */
	/* in the guest's RAM, checked when they were set */
	const struct vring_desc *desc;
	const struct vring_avail *avail;
	struct vring_used *used;
};

/* A buffer: the segments that the device may read come first, then those it may write. */
struct virtqueue_chain {
	uint64_t generation; /* 0: none */
	uint16_t head;
	unsigned segments;
	struct {
		uint8_t *at; /* in the guest's RAM, bytes long */
		uint32_t bytes;
		bool writable;
	} segment[VIRTQUEUE_SEGMENTS];
};

/* Sets up the queue as the driver asks. Returns -EINVAL for a size or an alignment that section 2.7
 * forbids, or a ring that is not in the guest's RAM. */
int virtqueue_set(struct virtqueue *q, const struct guest_memory *m, uint64_t size, gpa_t desc,
		  gpa_t avail, gpa_t used);

/* Undoes virtqueue_set; interrupts go to target. Buffers that were taken become void. */
void virtqueue_reset(struct virtqueue *q, uint32_t target);

/* Takes the next available buffer. Returns false if there is none, or the queue is broken. */
bool virtqueue_take(struct virtqueue *q, const struct guest_memory *m,
		    struct virtqueue_chain *chain);

/* Whether the device holds the buffer: it was taken from this queue, and has neither been returned
 * nor become void. */
static inline bool virtqueue_holds(const struct virtqueue *q, const struct virtqueue_chain *chain)
{
	return chain->generation == q->generation;
}

/* Returns the buffer as used, with the number of bytes written; does nothing if it is void. Returns
 * true if the driver wants an interrupt. Devices call virtio_use, which sends it. */
bool virtqueue_use(struct virtqueue *q, struct virtqueue_chain *chain, uint32_t written);
