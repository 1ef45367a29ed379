/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device side of a split virtqueue: virtio 1.2, section 2.7. The layout is that of the kernel's
 * <linux/virtio_ring.h>.
 *
 * The rings lie in memory that the guest may change at any moment. Every index, length and address
 * is read once, checked, and used from the copy; what does not hold breaks the queue, and a broken
 * queue stays still until the driver resets the device.
 */
#ifndef VENEER_VIRTQUEUE_H
#define VENEER_VIRTQUEUE_H

#include "lib/types.h"

struct mmu;

#define VIRTQUEUE_MAX	   128 /* entries; a power of two */
#define VIRTQUEUE_SEGMENTS 16  /* a chain with more of them breaks the queue */

struct virtqueue {
	bool ready, broken;
	uint16_t size;		  /* entries, a power of two up to VIRTQUEUE_MAX */
	gpa_t desc, avail, used;  /* descriptor table, available ring, used ring */
	uint16_t next_avail, used_index;
};

/* A buffer: the segments that the device may read come first, then those it may write. */
struct virtqueue_chain {
	uint16_t head;
	unsigned segments;
	struct {
		uint8_t *at; /* in the guest's RAM, bytes long */
		uint32_t bytes;
		bool writable;
	} segment[VIRTQUEUE_SEGMENTS];
};

/* Takes over what the driver says. -EINVAL: a size or an alignment that section 2.7 forbids, or a
 * ring that is not in the guest's RAM. */
int virtqueue_set(struct virtqueue *q, const struct mmu *m, uint64_t size, gpa_t desc, gpa_t avail,
		  gpa_t used);

/* The next available buffer. False: there is none, or the queue is broken. */
bool virtqueue_take(struct virtqueue *q, const struct mmu *m, struct virtqueue_chain *chain);

/* Puts back the buffer taken last, to be taken again. */
void virtqueue_untake(struct virtqueue *q);

/* Returns it as used, with the bytes written. True: the driver wants to be told. */
bool virtqueue_use(struct virtqueue *q, const struct mmu *m, uint16_t head, uint32_t written);

#endif
