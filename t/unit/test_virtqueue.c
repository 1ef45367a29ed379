// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device side of a virtqueue: a correct driver gets its buffers back in order, with any sizes;
 * and whatever is in the rings, no segment leads outside the guest's memory.
 */
#include "virtio/virtqueue.h"

#include <linux/virtio_ring.h>

#include "guest/memory.h"
#include "kernel/memory.h"
#include "tap.h"

#define MEMORY_AT MIB(1)
#define MEMORY	  (64 * 1024ull)
#define DESC	  0x1000
#define AVAIL	  0x2000
#define USED	  0x3000
#define DATA	  0x8000

char *host_memory;
static struct guest_memory m;
static struct virtqueue q;

static void *at(uint64_t gpa)
{
	return host_memory + MEMORY_AT + gpa;
}

static void honest(unsigned size)
{
	struct vring_desc *desc = at(DESC);
	struct vring_avail *avail = at(AVAIL);
	struct vring_used *used = at(USED);
	struct virtqueue_chain chain;
	bool good = true;

	memset(at(0), 0, MEMORY);
	good &= !virtqueue_set(&q, &m, size, GPA(DESC), GPA(AVAIL), GPA(USED));
	for (unsigned n = 0; n < 70000; n++) { /* indices wrap at 65536 */
		unsigned length = 1 + n % (size < 3 ? size : 3), head = n % size;

		for (unsigned i = 0; i < length; i++)
			desc[(head + i) % size] = (struct vring_desc){
				.addr = DATA + 16 * i,
				.len = i + 1,
				.flags = (uint16_t)((i + 1 < length ? VRING_DESC_F_NEXT : 0) |
						    (i == 2 ? VRING_DESC_F_WRITE : 0)),
				.next = (uint16_t)((head + i + 1) % size),
			};
		avail->ring[avail->idx % size] = (uint16_t)head;
		avail->idx++;
		good &= virtqueue_take(&q, &m, &chain) && chain.head == head &&
			chain.segments == length && chain.segment[length - 1].bytes == length &&
			chain.segment[0].at == at(DATA) &&
			chain.segment[length - 1].writable == (length == 3);
		good &= virtqueue_use(&q, &chain, n) && used->idx == (uint16_t)(n + 1) &&
			used->ring[n % size].id == head && used->ring[n % size].len == n;
		good &= !virtqueue_take(&q, &m, &chain);
	}
	ok(good, "%u entries: 70000 buffers go out and come back", size);
}

static void hostile(void)
{
	struct virtqueue_chain chain;
	unsigned taken = 0, outside = 0, broken = 0;

	for (unsigned round = 0; round < 30000; round++) {
		unsigned size = 1u << rnd() % 8;

		if (round % 64 == 0)
			for (unsigned i = 0; i < MEMORY; i += 8)
				*(uint64_t *)at(i) = rnd() % 3 ? rnd() % (MEMORY + 64) : rnd();
		if (virtqueue_set(&q, &m, size, GPA((rnd() % (MEMORY + 16)) & ~15ull),
				  GPA((rnd() % (MEMORY + 16)) & ~1ull),
				  GPA((rnd() % (MEMORY + 16)) & ~3ull)))
			continue;
		/* an index that is nearly right, else everything would break at once */
		((struct vring_avail *)q.avail)->idx = (uint16_t)(rnd() % (size + 2));
		while (virtqueue_take(&q, &m, &chain)) {
			for (unsigned i = 0; i < chain.segments; i++)
				outside += chain.segment[i].at < (uint8_t *)at(0) ||
					   chain.segment[i].at + chain.segment[i].bytes >
						   (uint8_t *)at(MEMORY);
			virtqueue_use(&q, &chain, (uint32_t)rnd());
			taken++;
		}
		broken += q.broken;
	}
	ok(!outside && taken > 1000 && broken > 1000,
	   "noise: %u buffers taken, %u queues broken, no segment outside", taken, broken);
}

static void settings(void)
{
	bool good = true;

	for (unsigned size = 0; size < 300; size++)
		good &= (virtqueue_set(&q, &m, size, GPA(DESC), GPA(AVAIL), GPA(USED)) == 0) ==
			(size && size <= VIRTQUEUE_MAX && !(size & (size - 1)));
	good &= virtqueue_set(&q, &m, 8, GPA(MEMORY - 8 * 16), GPA(AVAIL), GPA(USED)) == 0;
	good &= virtqueue_set(&q, &m, 8, GPA(MEMORY - 7 * 16), GPA(AVAIL), GPA(USED)) == -EINVAL;
	good &= virtqueue_set(&q, &m, 8, GPA(DESC), GPA(MEMORY - 18), GPA(USED)) == -EINVAL;
	good &= virtqueue_set(&q, &m, 8, GPA(DESC), GPA(AVAIL), GPA(MEMORY - 64)) == -EINVAL;
	good &= virtqueue_set(&q, &m, 8, GPA(DESC + 8), GPA(AVAIL), GPA(USED)) == -EINVAL;
	ok(good, "sizes, edges and alignment");
}

int main(void)
{
	if (posix_memalign((void **)&host_memory, 4096, MEMORY_AT + MEMORY))
		return 1;
	memset(host_memory, 0, MEMORY_AT + MEMORY);
	guest_memory_init(&m, MPA(MEMORY_AT), MEMORY, MPA(0), 0);
	settings();
	for (unsigned size = 1; size <= VIRTQUEUE_MAX; size *= 4)
		honest(size);
	hostile();
	free(host_memory);
	return done_testing();
}
