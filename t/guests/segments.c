// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A console driver with buffers of the shortest lines: 16 segments of 8 line feeds each.
 * Attack: many lines in one stay, since a single segment is less than one part of work.
 * Expected: the limit counts lines across segments.
 */
#include "guest.h"

#include <linux/virtio_ring.h>

#define SIZE	 128
#define SEGMENTS 16
#define TRANSMIT 1

static struct vring_desc desc[SIZE] __attribute__((aligned(4096)));
static struct {
	uint16_t flags, idx, ring[SIZE + 1];
} avail __attribute__((aligned(64)));
static struct {
	uint16_t flags, idx;
	struct vring_used_elem ring[SIZE];
} used __attribute__((aligned(64)));
static char text[8] = "\n\n\n\n\n\n\n\n";

static int64_t call(unsigned op, uint64_t arg)
{
	return veneer_hypercall(VENEER_HC_VIRTIO, 0, op, arg);
}

static void start(void)
{
	struct veneer_virtio_queue q = { TRANSMIT, SIZE, (uint64_t)desc, (uint64_t)&avail,
					 (uint64_t)&used };

	used.idx = 0;
	call(VENEER_VIRTIO_SET_STATUS, 0);
	call(VENEER_VIRTIO_SET_FEATURES, 1ull << 32);
	expect(call(VENEER_VIRTIO_QUEUE_SET, (uint64_t)&q) == 0, "a queue");
	call(VENEER_VIRTIO_SET_STATUS, 15);
}

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	for (unsigned i = 0; i < SIZE; i++) {
		uint16_t last = i % SEGMENTS == SEGMENTS - 1;

		desc[i] = (struct vring_desc){ (uint64_t)text, sizeof(text),
					       last ? 0 : VRING_DESC_F_NEXT, (uint16_t)(i + 1) };
		avail.ring[i] = (uint16_t)(i * SEGMENTS % SIZE);
	}
	avail.idx = SIZE;
	for (unsigned round = 0; round < 4; round++) {
		start();
		for (unsigned i = 0; i < 100; i++) {
			call(VENEER_VIRTIO_NOTIFY, TRANSMIT);
			call(VENEER_VIRTIO_SET_STATUS, 15);
		}
		expect(used.idx != 0, "buffers come back");
	}
	say("well\n");
	return 0;
}
