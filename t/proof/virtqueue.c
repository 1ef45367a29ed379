// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device side of a virtqueue, virtio/virtqueue.c, in a guest that writes to its memory all the
 * time: each read gives any value. That no access leaves the guest's RAM is checked at each one;
 * an access to a ring is also one to what virtqueue_set saw, for it goes through mmu_memory with
 * the same addresses and lengths.
 */
#define VENEER_HOST
#include "proof.h"

#include "engine/ring/shadow/walk.c"
#include "virtio/virtqueue.c"

char *host_memory;

static uint8_t *ram;

static void any_guest(struct mmu *m)
{
	m->memory_bytes = (uint64_t)any_u32() << PAGE_SHIFT;
	ram = any_memory(m->memory_bytes, PAGE_SIZE);
	m->memory = MPA((uint64_t)ram - (uint64_t)host_memory);
}

/* Whatever the device has done with a queue since the driver set it. */
static void any_queue(struct virtqueue *q, const struct mmu *m)
{
	uint64_t size = any_u64(), desc = any_u64(), avail = any_u64(), used = any_u64();

	assume(!virtqueue_set(q, m, size, GPA(desc), GPA(avail), GPA(used)));
	q->broken = any_u8() & 1;
	q->next_avail = any_u16();
	q->used_index = any_u16();
}

PROOF(queue_set, "virtqueue_set takes rings that are aligned and in RAM, sizes 1 to 128: "
		 "every request")
{
	struct mmu m;
	struct virtqueue q;
	uint64_t size = any_u64(), desc = any_u64(), avail = any_u64(), used = any_u64();

	any_guest(&m);
	int r = virtqueue_set(&q, &m, size, GPA(desc), GPA(avail), GPA(used));
	assume(!r);
	prove(q.size && q.size == size && q.size <= VIRTQUEUE_MAX && !(q.size & (q.size - 1)));
	prove(q.desc.v % 16 == 0 && q.avail.v % 2 == 0 && q.used.v % 4 == 0);
	prove(q.desc.v <= m.memory_bytes && 16 * size <= m.memory_bytes - q.desc.v);
	prove(q.avail.v <= m.memory_bytes && 4 + 2 * size <= m.memory_bytes - q.avail.v);
	prove(q.used.v <= m.memory_bytes && 4 + 8 * size <= m.memory_bytes - q.used.v);
	possible(size == VIRTQUEUE_MAX);
	possible(used + 4 + 8 * size == m.memory_bytes);
}

SEPARATELY(read_chain);
SEPARATELY(virtqueue_take);

PROOF(queue_take, "virtqueue_take reads in RAM alone and ends, a chain has 1 to 16 segments, each "
		  "in RAM: every queue, any contents at each read")
{
	struct mmu m;
	struct virtqueue q;
	struct virtqueue_chain chain;

	any_guest(&m);
	any_queue(&q, &m);
	bool taken = virtqueue_take(&q, &m, &chain);
	prove(!taken || (chain.segments && chain.segments <= VIRTQUEUE_SEGMENTS));
	prove(!taken || chain.head < q.size);
	possible(!taken && q.broken);
	assume(taken);
	for (unsigned i = 0; i < VIRTQUEUE_SEGMENTS && i < chain.segments; i++) {
		uint64_t at = (uint64_t)(chain.segment[i].at - ram);

		prove(at <= m.memory_bytes && chain.segment[i].bytes <= m.memory_bytes - at);
		possible(i == VIRTQUEUE_SEGMENTS - 1);
	}
}

PROOF(queue_use, "virtqueue_use reads and writes in RAM alone: every queue, every head and length")
{
	struct mmu m;
	struct virtqueue q;
	uint16_t head = any_u16();
	uint32_t written = any_u32();

	any_guest(&m);
	any_queue(&q, &m);
	uint16_t before = q.used_index;
	virtqueue_use(&q, &m, head, written);
	prove(q.used_index == (uint16_t)(before + 1));
}
