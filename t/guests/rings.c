// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hostile driver for the console device: virtio 1.2 split rings on the hypercall transport.
 * Attack: rings outside memory, unaligned, or of odd sizes; indices that jump; descriptors that
 * loop, are past the end, point outside, or have unknown flags; chains that are too long;
 * notifications before the driver is ready; nonexistent devices, queues, vCPUs and configuration;
 * features that were not negotiated; a reset, or another ring, while a buffer is being printed.
 * Expected: the queue breaks and stays broken until a reset. Nonexistent things are refused. No
 * buffer from before a reset returns. After a reset a valid ring works, and others are not
 * affected.
 */
#include "guest.h"

enum { STATUS_OK = 15 /* ACKNOWLEDGE DRIVER DRIVER_OK FEATURES_OK */, WRITE = 2, NEXT = 1 };

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static struct ring {
	struct desc desc[128];
	struct {
		uint16_t flags, idx, ring[129];
	} avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[128];
	} used __attribute__((aligned(4)));
} q __attribute__((aligned(4096))), other __attribute__((aligned(4096)));

static char text[] = "honest text\n";

static int64_t call(unsigned op, uint64_t arg)
{
	return veneer_hypercall(VENEER_HC_VIRTIO, 0, op, arg);
}

static int64_t set_queue(uint32_t queue, uint32_t size, uint64_t desc, uint64_t avail,
			 uint64_t used)
{
	struct veneer_virtio_queue s = { queue, size, desc, avail, used };

	return call(VENEER_VIRTIO_QUEUE_SET, (uint64_t)&s);
}

static void reset(void)
{
	call(VENEER_VIRTIO_SET_STATUS, 0);
	call(VENEER_VIRTIO_SET_FEATURES, 1ull << 32);
	volatile char *at = (volatile char *)&q;
	for (unsigned i = 0; i < sizeof(q); i++)
		at[i] = 0;
	expect(set_queue(1, 128, (uint64_t)q.desc, (uint64_t)&q.avail, (uint64_t)&q.used) == 0,
	       "a valid ring is accepted");
	call(VENEER_VIRTIO_SET_STATUS, STATUS_OK);
}

static unsigned used_index(void)
{
	return *(volatile uint16_t *)&q.used.idx;
}

static void offer(uint16_t head)
{
	q.avail.ring[q.avail.idx % 128] = head;
	__asm__ volatile("" ::: "memory");
	q.avail.idx++;
	call(VENEER_VIRTIO_NOTIFY, 1);
}

static void honest(void)
{
	reset();
	q.desc[0] = (struct desc){ (uint64_t)text, sizeof(text) - 1, 0, 0 };
	offer(0);
	expect(used_index() == 1, "a valid buffer is used");
}

/* The descriptor must break the queue: neither it nor a valid one after it is used. */
static void refused(struct desc d, const char *what)
{
	reset();
	q.desc[0] = d;
	q.desc[1] = (struct desc){ (uint64_t)text, 1, NEXT, 2 };
	q.desc[2] = (struct desc){ (uint64_t)text, 1, NEXT, 1 };
	q.desc[3] = (struct desc){ (uint64_t)text, sizeof(text) - 1, 0, 0 };
	offer(0);
	expect(used_index() == 0, what);
	offer(3);
	expect(used_index() == 0, "a broken queue stays broken");
}

static void descriptors(const struct veneer_start_info *info)
{
	uint64_t top = info->memory;

	refused((struct desc){ top, 1, 0, 0 }, "a buffer after the end of memory");
	refused((struct desc){ top - 1, 2, 0, 0 }, "a buffer across the end of memory");
	refused((struct desc){ ~0ull, 2, 0, 0 }, "a buffer that wraps");
	refused((struct desc){ 1ull << 63, 1, 0, 0 }, "a buffer far away");
	refused((struct desc){ 0, ~0u, 0, 0 }, "a buffer longer than all memory");
	refused((struct desc){ (uint64_t)text, 1, 4, 0 },
		"an indirect table, which was not negotiated");
	refused((struct desc){ (uint64_t)text, 1, 0xfff8, 0 }, "unknown flags");
	refused((struct desc){ (uint64_t)text, 1, NEXT, 1 }, "a loop");
	refused((struct desc){ (uint64_t)text, 1, NEXT, 0 }, "a descriptor that follows itself");
	refused((struct desc){ (uint64_t)text, 1, NEXT, 128 }, "a link past the table");
	refused((struct desc){ (uint64_t)text, 1, NEXT, 0xffff }, "a link far past the table");
	reset();
	offer(128);
	expect(used_index() == 0, "a head past the table");
	reset();
	q.avail.idx = 129;
	call(VENEER_VIRTIO_NOTIFY, 1);
	expect(used_index() == 0, "an index that jumps");
}

/* Devices, queues, vCPUs, events and configuration that do not exist. */
static void numbers(const struct veneer_start_info *info)
{
	const uint64_t beyond[] = { 1, 2, 16, 64, 1ull << 16, 1ull << 32, 1ull << 63, ~0ull };

	reset();
	for (unsigned i = 0; i < sizeof(beyond) / sizeof(*beyond); i++) {
		uint64_t n = beyond[i];

		expect(veneer_hypercall(VENEER_HC_VIRTIO, n, VENEER_VIRTIO_ID, 0) == -19 &&
			       veneer_hypercall(VENEER_HC_VIRTIO, n, VENEER_VIRTIO_NOTIFY, 1) ==
				       -19,
		       "a device that does not exist");
		expect_is(call(VENEER_VIRTIO_CONFIG, n), 0, "configuration past the end");
		expect(n < 2 || (call(VENEER_VIRTIO_QUEUE_MAX, n) == 0 &&
				 call(VENEER_VIRTIO_NOTIFY, n) == -22),
		       "a queue that does not exist");
	}
	expect(call(VENEER_VIRTIO_QUEUE_EVENT, 2) == -22 &&
		       call(VENEER_VIRTIO_QUEUE_EVENT, 0xffff) == -22,
	       "an event for a queue that does not exist");
	expect(call(VENEER_VIRTIO_QUEUE_EVENT, 1 | (uint64_t)info->vcpus << 16) == -22 &&
		       call(VENEER_VIRTIO_QUEUE_EVENT, 1 | 0xffffull << 16) == -22,
	       "an event of a vCPU that does not exist");
	expect(call(VENEER_VIRTIO_QUEUE_EVENT, 1 | (uint64_t)VENEER_EVENTS << 32) == -22 &&
		       call(VENEER_VIRTIO_QUEUE_EVENT, 1 | 0xffffffffull << 32) == -22,
	       "an event that does not exist");
	expect_is(call(VENEER_VIRTIO_QUEUE_EVENT, 1 | 9ull << 32), 0, "a valid event is accepted");
}

/* The device refuses features that it did not offer, and sets without VERSION_1. Then it does not
 * start. */
static void features(void)
{
	const uint64_t wrong[] = { ~0ull, 0, 1, 3ull << 32 };

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		reset();
		call(VENEER_VIRTIO_SET_STATUS, 0);
		expect(set_queue(1, 128, (uint64_t)q.desc, (uint64_t)&q.avail, (uint64_t)&q.used) ==
			       0,
		       "a ring before features are negotiated");
		call(VENEER_VIRTIO_SET_FEATURES, wrong[i]);
		call(VENEER_VIRTIO_SET_STATUS, STATUS_OK);
		expect(!(call(VENEER_VIRTIO_GET_STATUS, 0) & 8), "features that are refused");
		q.desc[0] = (struct desc){ (uint64_t)text, sizeof(text) - 1, 0, 0 };
		offer(0);
		expect(used_index() == 0, "DRIVER_OK without FEATURES_OK");
	}
	reset();
	expect_is(call(VENEER_VIRTIO_SET_FEATURES, ~0ull), -16, "features after FEATURES_OK");
}

static void wait(void)
{
	for (uint64_t end = veneer_clock_ns() + 2000000; veneer_clock_ns() < end;)
		;
}

/* It takes several turns to print a buffer; before the last one the ring is replaced. */
static void late(bool by_reset)
{
	static char blank[512];

	reset();
	for (unsigned i = 0; i < sizeof(blank); i++)
		blank[i] = i % 64 ? ' ' : '\n';
	q.desc[0] = (struct desc){ (uint64_t)blank, sizeof(blank), 0, 0 };
	offer(0);
	if (by_reset)
		reset();
	set_queue(1, 2, (uint64_t)other.desc, (uint64_t)&other.avail, (uint64_t)&other.used);
	wait();
	expect(*(volatile uint16_t *)&other.used.idx == 0,
	       "the buffer is not returned in another ring");
}

static void queues(const struct veneer_start_info *info)
{
	uint64_t d = (uint64_t)q.desc, a = (uint64_t)&q.avail, u = (uint64_t)&q.used;
	const uint64_t where[] = { info->memory, info->memory - 8, ~0ull & ~15, VENEER_GATE_BASE,
				   1ull << 47 };

	reset();
	for (unsigned i = 0; i < sizeof(where) / sizeof(*where); i++) {
		expect(set_queue(1, 128, where[i], a, u) == -22, "descriptors outside");
		expect(set_queue(1, 128, d, where[i], u) == -22, "an available ring outside");
		expect(set_queue(1, 128, d, a, where[i]) == -22, "a used ring outside");
	}
	for (uint32_t size = 0; size < 400; size++)
		expect((set_queue(1, size, d, a, u) == 0) ==
			       (size && size <= 128 && !(size & (size - 1))),
		       "only valid sizes are accepted");
	expect(set_queue(1, 128, d + 8, a, u) == -22 && set_queue(1, 128, d, a + 1, u) == -22 &&
		       set_queue(1, 128, d, a, u + 2) == -22,
	       "rings that are not aligned");
	expect(set_queue(2, 128, d, a, u) == -22 && set_queue(~0u, 128, d, a, u) == -22,
	       "queues that do not exist");
	expect_is(call(VENEER_VIRTIO_QUEUE_SET, info->memory + 8192), -14, "a description outside");
	expect(call(VENEER_VIRTIO_NOTIFY, 2) == -22 && call(VENEER_VIRTIO_NOTIFY, ~0ull) == -22 &&
		       call(77, 0) == -22,
	       "operations that do not exist");
	/* rings that overlap each other, and overlap what the device reads */
	reset();
	set_queue(0, 128, u, u, u);
	set_queue(1, 128, d, d, d);
	for (unsigned i = 0; i < 200; i++) {
		call(VENEER_VIRTIO_NOTIFY, i & 1);
		((volatile uint16_t *)&q)[i] = (uint16_t)(i * 257);
	}
}

int guest_main(const struct veneer_start_info *info)
{
	honest();
	descriptors(info);
	numbers(info);
	features();
	late(false);
	late(true);
	queues(info);
	honest();
	return 0;
}
