// SPDX-License-Identifier: GPL-2.0-or-later
#include "virtio/virtqueue.h"

#include <linux/virtio_ring.h>

#include "arch/speculation.h"
#include "guest/memory.h"

#define USED_BYTES(size) (sizeof(struct vring_used) + (size) * sizeof(struct vring_used_elem))

#define LOAD(field)	 __atomic_load_n(&(field), __ATOMIC_ACQUIRE)

int virtqueue_set(struct virtqueue *q, const struct guest_memory *m, uint64_t size, gpa_t desc,
		  gpa_t avail, gpa_t used)
{
	if (!size || size > VIRTQUEUE_MAX || (size & (size - 1)) || desc.v & 15 || avail.v & 1 ||
	    used.v & 3)
		return -EINVAL;
	const struct virtqueue set = {
		.ready = true,
		.size = (uint16_t)size,
		.target = q->target,
		.generation = q->generation + 1,
		.desc = guest_pointer(m, desc, size * sizeof(struct vring_desc)),
		.avail = guest_pointer(m, avail, sizeof(struct vring_avail) + 2 * size),
		.used = guest_pointer(m, used, USED_BYTES(size)),
	};
	if (!set.desc || !set.avail || !set.used)
		return -EINVAL;
	*q = set;
	return 0;
}

void virtqueue_reset(struct virtqueue *q, uint32_t target)
{
	*q = (struct virtqueue){ .target = target, .generation = q->generation + 1 };
}

static bool fail(struct virtqueue *q)
{
	q->broken = true;
	return false;
}

/* Separate from virtqueue_take, which mostly finds nothing. */
static __attribute__((noinline)) bool read_chain(struct virtqueue *q, const struct guest_memory *m,
						 uint16_t head, struct virtqueue_chain *chain)
{
	const struct vring_desc *table = q->desc;
	uint16_t at = head;

	chain->head = head;
	chain->generation = 0;
	for (chain->segments = 0; chain->segments < VIRTQUEUE_SEGMENTS;) {
		if (at >= q->size)
			return fail(q);
		at = (uint16_t)index_nospec(at, q->size);
		uint64_t gpa = LOAD(table[at].addr);
		uint32_t bytes = LOAD(table[at].len);
		uint16_t flags = LOAD(table[at].flags), next = LOAD(table[at].next);
		void *memory = guest_pointer(m, GPA(gpa), bytes);

		if (!memory || flags & ~(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE))
			return fail(q);
		chain->segment[chain->segments].at = memory;
		chain->segment[chain->segments].bytes = bytes;
		chain->segment[chain->segments].writable = flags & VRING_DESC_F_WRITE;
		chain->segments++;
		if (!(flags & VRING_DESC_F_NEXT)) {
			chain->generation = q->generation;
			return true;
		}
		at = next;
	}
	return fail(q); /* longer than our drivers make them, or a loop */
}

bool virtqueue_take(struct virtqueue *q, const struct guest_memory *m,
		    struct virtqueue_chain *chain)
{
	if (!q->ready || q->broken)
		return false;
	uint16_t index = LOAD(q->avail->idx), waiting = index - q->next_avail;

	if (!waiting)
		return false;
	if (waiting > q->size)
		return fail(q);
	uint16_t head = LOAD(q->avail->ring[q->next_avail & (q->size - 1)]);
	q->next_avail++;
	return read_chain(q, m, head, chain);
}

bool virtqueue_use(struct virtqueue *q, struct virtqueue_chain *chain, uint32_t written)
{
	struct vring_used_elem *e;

	if (!virtqueue_holds(q, chain))
		return false;
	chain->generation = 0;
	e = &q->used->ring[q->used_index & (q->size - 1)];
	__atomic_store_n(&e->id, chain->head, __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, written, __ATOMIC_RELAXED);
	__atomic_store_n(&q->used->idx, ++q->used_index, __ATOMIC_SEQ_CST);
	return !(__atomic_load_n(&q->avail->flags, __ATOMIC_SEQ_CST) & VRING_AVAIL_F_NO_INTERRUPT);
}
