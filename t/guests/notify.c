// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unbounded work. With interrupts masked, one notification of the console's transmit queue: 16
 * buffers of 16 segments of 64 KiB, all the same memory. The hypervisor printed 16 MiB before it
 * returned, and for 70 seconds the neighbour got nothing. What was left for later was charged to
 * nobody.
 * Expected: a notification does a small part of the work, and the rest is done in this guest's
 * share. The guest can reset the device and continue.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "guest.h"

#define CHAINS	 16
#define SEGMENTS 16
#define BYTES	 65536
#define LAST	 100000000ull /* ns */

static char text[BYTES] __attribute__((aligned(4096)));
static struct vring_desc desc[CHAINS][128] __attribute__((aligned(4096)));
static uint8_t rings[2][4096] __attribute__((aligned(4096)));

static int64_t device(unsigned op, uint64_t arg)
{
	return veneer_hypercall(VENEER_HC_VIRTIO, 0, op, arg);
}

/* All buffers are the same chain. */
static void fill(void)
{
	struct vring_avail *avail = (void *)rings[0];

	for (unsigned i = 0; i < SEGMENTS; i++)
		desc[0][i] = (struct vring_desc){ .addr = (uint64_t)text,
						  .len = BYTES,
						  .flags = i < SEGMENTS - 1 ? VRING_DESC_F_NEXT : 0,
						  .next = (uint16_t)(i + 1) };
	for (unsigned i = 0; i < CHAINS; i++)
		avail->ring[i] = 0;
	avail->idx = CHAINS;
}

int guest_main(const struct veneer_start_info *info)
{
	const struct veneer_virtio_queue queue = { .queue = 1,
						   .size = 128,
						   .desc = (uint64_t)desc[0],
						   .avail = (uint64_t)rings[0],
						   .used = (uint64_t)rings[1] };
	const struct vring_used *used = (void *)rings[1];
	uint64_t end = veneer_clock_ns() + LAST;

	(void)info;
	for (unsigned i = 0; i < BYTES; i++)
		text[i] = i % 128 == 127 ? '\n' : 'n';
	fill();
	device(VENEER_VIRTIO_SET_FEATURES, 1ull << VIRTIO_F_VERSION_1);
	expect_is(device(VENEER_VIRTIO_QUEUE_SET, (uint64_t)&queue), 0, "a queue");
	device(VENEER_VIRTIO_SET_STATUS, 0xf);
	veneer_mask();
	expect_is(device(VENEER_VIRTIO_NOTIFY, 1), 0, "a notification");
	while (veneer_clock_ns() < end)
		device(VENEER_VIRTIO_NOTIFY, 1);
	expect(((volatile const struct vring_used *)used)->idx < CHAINS,
	       "the output is not complete yet");
	device(VENEER_VIRTIO_SET_STATUS, 0);
	say("\nstopped\n");
	return 0;
}
