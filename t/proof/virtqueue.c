// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device side of a virtqueue, virtio/virtqueue.c, in a guest that writes to its memory all the
 * time: each read returns any value. Each access is checked to stay in the guest's RAM. The rings
 * are where virtqueue_set puts them for any request of the driver.
 */
#define VENEER_HOST
#include "proof.h"

#include "machine_address.h"
#include "virtio/virtqueue.c"

static uint8_t *ram;
static uint64_t ram_size;

static void any_guest(struct guest_memory *m)
{
	ram_size = (uint64_t)any_u32() << PAGE_SHIFT;
	ram = any_memory(ram_size, PAGE_SIZE);
	guest_memory_init(m, machine_address(ram), ram_size, MPA(0), 0);
}

/* Any state that the device may have left a queue in since the driver set it up. */
static void any_queue(struct virtqueue *q, const struct guest_memory *m)
{
	uint64_t size = any_u64(), desc = any_u64(), avail = any_u64(), used = any_u64();

	assume(!virtqueue_set(q, m, size, GPA(desc), GPA(avail), GPA(used)));
	q->broken = any_u8() & 1;
	q->next_avail = any_u16();
	q->used_index = any_u16();
	q->generation = any_u64();
}

PROOF(queue_set, "virtqueue_set takes rings that are aligned and in RAM, sizes 1 to 128: "
		 "every request")
{
	struct guest_memory m;
	struct virtqueue q;
	uint64_t size = any_u64(), desc = any_u64(), avail = any_u64(), used = any_u64();

	any_guest(&m);
	int r = virtqueue_set(&q, &m, size, GPA(desc), GPA(avail), GPA(used));
	assume(!r);
	prove(q.size && q.size == size && q.size <= VIRTQUEUE_MAX && !(q.size & (q.size - 1)));
	uint64_t desc_at = (uint64_t)((uint8_t *)q.desc - ram);
	uint64_t avail_at = (uint64_t)((uint8_t *)q.avail - ram);
	uint64_t used_at = (uint64_t)((uint8_t *)q.used - ram);
	prove(desc_at == desc && avail_at == avail && used_at == used);
	prove(desc % 16 == 0 && avail % 2 == 0 && used % 4 == 0);
	prove(desc <= ram_size && 16 * size <= ram_size - desc);
	prove(avail <= ram_size && 4 + 2 * size <= ram_size - avail);
	prove(used <= ram_size && 4 + 8 * size <= ram_size - used);
	possible(size == VIRTQUEUE_MAX);
	possible(used + 4 + 8 * size == ram_size);
}

SEPARATELY(read_chain);
SEPARATELY(virtqueue_take);

PROOF(queue_take, "virtqueue_take reads in RAM alone and ends, a chain has 1 to 16 segments, each "
		  "in RAM: every queue, any contents at each read")
{
	struct guest_memory m;
	struct virtqueue q;
	struct virtqueue_chain chain;

	any_guest(&m);
	any_queue(&q, &m);
	bool taken = virtqueue_take(&q, &m, &chain);
	prove(!taken || (chain.segments && chain.segments <= VIRTQUEUE_SEGMENTS));
	prove(!taken || chain.head < q.size);
	possible(!taken && q.broken);
	assume(taken);
	prove(virtqueue_holds(&q, &chain));
	for (unsigned i = 0; i < VIRTQUEUE_SEGMENTS && i < chain.segments; i++) {
		uint64_t at = (uint64_t)(chain.segment[i].at - ram);

		prove(at <= ram_size && chain.segment[i].bytes <= ram_size - at);
		possible(i == VIRTQUEUE_SEGMENTS - 1);
	}
}

PROOF(queue_use,
      "virtqueue_use reads and writes in RAM alone, and once for each buffer: every queue, "
      "every buffer and length")
{
	struct guest_memory m;
	struct virtqueue q;
	struct virtqueue_chain chain;
	uint32_t written = any_u32();

	any_guest(&m);
	any_queue(&q, &m);
	assume(q.generation);
	chain.head = any_u16();
	chain.generation = any_u64();
	bool held = virtqueue_holds(&q, &chain);
	uint16_t before = q.used_index;
	bool tell = virtqueue_use(&q, &chain, written);
	prove(q.used_index == (uint16_t)(before + held));
	prove(held || !tell);
	prove(!virtqueue_holds(&q, &chain));
	possible(held && tell);
	possible(!held);
}

PROOF(queue_late,
      "virtqueue_use of a buffer that is void writes nothing: every queue, every buffer")
{
	struct guest_memory m;
	struct virtqueue q;
	struct virtqueue_chain chain;

	ram_size = (uint64_t)any_u32() << PAGE_SHIFT;
	ram = (uint8_t *)any_file(ram_size);
	guest_memory_init(&m, machine_address(ram), ram_size, MPA(0), 0);
	any_queue(&q, &m);
	chain.head = any_u16();
	chain.generation = any_u64();
	assume(!virtqueue_holds(&q, &chain));
	prove(!virtqueue_use(&q, &chain, any_u32()));
	possible(q.ready && !q.broken);
}

PROOF(queue_reset, "no buffer outlives virtqueue_reset or another virtqueue_set: every queue")
{
	struct guest_memory m;
	struct virtqueue q;
	struct virtqueue_chain chain;
	uint64_t size = any_u64(), desc = any_u64(), avail = any_u64(), used = any_u64();

	any_guest(&m);
	any_queue(&q, &m);
	chain.generation = q.generation;
	if (any_u8() & 1)
		virtqueue_reset(&q, any_u32());
	else
		assume(!virtqueue_set(&q, &m, size, GPA(desc), GPA(avail), GPA(used)));
	prove(!virtqueue_holds(&q, &chain));
	possible(q.ready);
	possible(!q.ready);
}
