// SPDX-License-Identifier: GPL-2.0-or-later
#include "virtio/virtqueue.h"

#include <linux/virtio_ring.h>

#include "arch/speculation.h"
#include "engine/ring/shadow/mmu.h"

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)

int virtqueue_set(struct virtqueue *q, const struct mmu *m, uint64_t size, gpa_t desc, gpa_t avail,
		  gpa_t used)
{
	if (!size || size > VIRTQUEUE_MAX || (size & (size - 1)) || desc.v & 15 || avail.v & 1 ||
	    used.v & 3 || !mmu_memory(m, desc, size * sizeof(struct vring_desc)) ||
	    !mmu_memory(m, avail, sizeof(struct vring_avail) + 2 * size) ||
	    !mmu_memory(m, used, sizeof(struct vring_used) + size * sizeof(struct vring_used_elem)))
		return -EINVAL;
	*q = (struct virtqueue){
		.ready = true,
		.size = (uint16_t)size,
		.desc = desc,
		.avail = avail,
		.used = used,
	};
	return 0;
}

static bool fail(struct virtqueue *q)
{
	q->broken = true;
	return false;
}

static bool read_chain(struct virtqueue *q, const struct mmu *m, uint16_t head,
		       struct virtqueue_chain *chain)
{
	const struct vring_desc *table = mmu_memory(m, q->desc, q->size * sizeof(*table));
	uint16_t at = head;

	chain->head = head;
	for (chain->segments = 0; chain->segments < VIRTQUEUE_SEGMENTS;) {
		if (at >= q->size)
			return fail(q);
		at = (uint16_t)index_nospec(at, q->size);
		uint64_t gpa = LOAD(table[at].addr);
		uint32_t bytes = LOAD(table[at].len);
		uint16_t flags = LOAD(table[at].flags), next = LOAD(table[at].next);
		void *memory = mmu_memory(m, GPA(gpa), bytes);

		if (!memory || flags & ~(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE))
			return fail(q);
		chain->segment[chain->segments].at = memory;
		chain->segment[chain->segments].bytes = bytes;
		chain->segment[chain->segments].writable = flags & VRING_DESC_F_WRITE;
		chain->segments++;
		if (!(flags & VRING_DESC_F_NEXT))
			return true;
		at = next;
	}
	return fail(q); /* longer than any driver of ours makes them, or a loop */
}

bool virtqueue_take(struct virtqueue *q, const struct mmu *m, struct virtqueue_chain *chain)
{
	if (!q->ready || q->broken)
		return false;
	const struct vring_avail *avail = mmu_memory(m, q->avail, sizeof(*avail) + 2 * q->size);
	uint16_t index = LOAD(avail->idx), waiting = index - q->next_avail;

	if (!waiting)
		return false;
	if (waiting > q->size)
		return fail(q);
	uint16_t head = LOAD(avail->ring[q->next_avail & (q->size - 1)]);
	q->next_avail++;
	return read_chain(q, m, head, chain);
}

void virtqueue_untake(struct virtqueue *q)
{
	q->next_avail--;
}

bool virtqueue_use(struct virtqueue *q, const struct mmu *m, uint16_t head, uint32_t written)
{
	struct vring_used *used =
		mmu_memory(m, q->used, sizeof(*used) + q->size * sizeof(struct vring_used_elem));
	const struct vring_avail *avail = mmu_memory(m, q->avail, sizeof(*avail) + 2 * q->size);
	struct vring_used_elem *e = &used->ring[q->used_index & (q->size - 1)];

	__atomic_store_n(&e->id, head, __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, written, __ATOMIC_RELAXED);
	__atomic_store_n(&used->idx, ++q->used_index, __ATOMIC_SEQ_CST);
	return !(__atomic_load_n(&avail->flags, __ATOMIC_SEQ_CST) & VRING_AVAIL_F_NO_INTERRUPT);
}
