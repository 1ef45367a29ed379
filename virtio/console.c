// SPDX-License-Identifier: GPL-2.0-or-later
/* The console device, virtio 1.2 section 5.3, with its one port. */
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "guest/console.h"
#include "guest/guest.h"
#include "virtio/device.h"

enum { RECEIVE, TRANSMIT };

#define BUFFER_COST  16 /* in bytes of a part: the cost of a buffer */
#define SEGMENT_COST 8	/* the cost of a segment, or of a piece of one */

/* A buffer that is being printed in parts, and the position in it. */
struct output {
	struct virtqueue_chain chain;
	unsigned segment;
	uint32_t offset;
};

enum how_far { ALL_OF_IT, MORE_TO_DO, NO_ROOM };

/* Prints as much of the current buffer as *budget allows and the console has room for. */
static enum how_far send_part(struct guest *g, struct output *o, unsigned *budget)
{
	const struct virtqueue_chain *chain = &o->chain;

	for (; o->segment < chain->segments; o->segment++, o->offset = 0) {
		const char *from = (const char *)chain->segment[o->segment].at;
		uint32_t bytes = chain->segment[o->segment].bytes;

		if (chain->segment[o->segment].writable)
			continue;
		while (o->offset < bytes) {
			if (!*budget)
				return MORE_TO_DO;
			uint64_t n =
				console_guest_write(g, from + o->offset, bytes - o->offset, budget);
			if (!n) /* REQUEST_ROOM continues */
				return NO_ROOM;
			o->offset += (uint32_t)n;
			*budget -= MIN(*budget, SEGMENT_COST);
		}
	}
	return ALL_OF_IT;
}

/* Each call does a bounded part. The current buffer is kept between calls: its segments were
 * checked when it was taken. */
static bool transmit(struct virtio_device *d, struct virtqueue *q)
{
	struct output *o = d->state;
	unsigned budget = CONSOLE_PART;

	while (budget) {
		if (!virtqueue_holds(q, &o->chain)) {
			if (!virtqueue_take(q, &d->guest->memory, &o->chain))
				return false;
			o->segment = o->offset = 0;
		}
		enum how_far far = send_part(d->guest, o, &budget);
		if (far != ALL_OF_IT)
			return far == MORE_TO_DO;
		virtio_use(d, q, &o->chain, 0);
		budget -= MIN(budget, BUFFER_COST);
	}
	return true;
}

/* Each call fills one buffer. */
static bool receive(struct virtio_device *d, struct virtqueue *q)
{
	struct virtqueue_chain chain;
	uint32_t written = 0;

	if (!guest_input_waits(d->guest) || !virtqueue_take(q, &d->guest->memory, &chain))
		return false;
	if (chain.segment[0].writable)
		written = guest_input_read(d->guest, chain.segment[0].at, chain.segment[0].bytes);
	virtio_use(d, q, &chain, written);
	return guest_input_waits(d->guest);
}

static virtio_work_fn *const work[] = { [RECEIVE] = receive, [TRANSMIT] = transmit };

const struct virtio_kind virtio_console = {
	.id = VIRTIO_ID_CONSOLE,
	.offers = 1ull << VIRTIO_F_VERSION_1,
	.needs = 1ull << VIRTIO_F_VERSION_1,
	.queues = ARRAY_SIZE(work),
	.work = work,
	.state_bytes = sizeof(struct output),
};
