// SPDX-License-Identifier: GPL-2.0-or-later
/* The console device, virtio 1.2 section 5.3, with its one port. */
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "guest/console.h"
#include "guest/guest.h"
#include "virtio/device.h"

enum { RECEIVE, TRANSMIT };

#define BUFFER_COST  16 /* of the bytes of a part, for each buffer */
#define SEGMENT_COST 8	/* and for each segment, or part of one */

/* As much of the buffer at hand as *budget allows and the console has room for; true: all of it. */
static bool send_part(struct virtio_device *d, uint64_t *budget)
{
	const struct virtqueue_chain *chain = &d->chain;

	for (; d->segment < chain->segments; d->segment++, d->offset = 0) {
		const char *from = (const char *)chain->segment[d->segment].at;
		uint32_t bytes = chain->segment[d->segment].bytes;

		if (chain->segment[d->segment].writable)
			continue;
		while (d->offset < bytes) {
			uint64_t part = MIN(bytes - d->offset, *budget), n = 0;

			if (part)
				n = console_guest_write(d->guest, from + d->offset, part);
			d->offset += (uint32_t)n;
			*budget -= MIN(*budget, n + SEGMENT_COST);
			if (n < part || !part) { /* without room, REQUEST_ROOM goes on */
				d->again = n || !part;
				return false;
			}
		}
	}
	return true;
}

/* A bounded part at each call. The buffer at hand is kept from one to the next: where its segments
 * lie was checked when it was taken. */
static bool transmit(struct virtio_device *d)
{
	struct virtqueue *q = &d->queue[TRANSMIT];
	uint64_t budget = CONSOLE_PART;
	bool tell = false;

	for (;;) {
		if (!d->busy) {
			d->busy = virtqueue_take(q, &d->guest->mmu, &d->chain);
			d->segment = d->offset = 0;
		}
		if (!d->busy || !send_part(d, &budget))
			return tell;
		d->busy = false;
		tell |= virtqueue_use(q, &d->guest->mmu, d->chain.head, 0);
		budget -= MIN(budget, BUFFER_COST);
		if (!budget) {
			d->again = true;
			return tell;
		}
	}
}

/* One buffer at each call. */
static bool receive(struct virtio_device *d)
{
	struct virtqueue *q = &d->queue[RECEIVE];
	struct virtqueue_chain chain;
	uint32_t written = 0;

	if (!guest_input_waits(d->guest) || !virtqueue_take(q, &d->guest->mmu, &chain))
		return false;
	if (chain.segment[0].writable)
		written = guest_input_read(d->guest, chain.segment[0].at, chain.segment[0].bytes);
	d->again |= guest_input_waits(d->guest);
	return virtqueue_use(q, &d->guest->mmu, chain.head, written);
}

static bool work(struct virtio_device *d, unsigned queue)
{
	return queue == TRANSMIT ? transmit(d) : receive(d);
}

const struct virtio_kind virtio_console = {
	.id = VIRTIO_ID_CONSOLE,
	.features = 1ull << VIRTIO_F_VERSION_1,
	.queues = 2,
	.work = work,
};
