// SPDX-License-Identifier: GPL-2.0-or-later
/* The console device, virtio 1.2 section 5.3, with its one port. */
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "core/console.h"
#include "core/guest.h"
#include "virtio/device.h"

enum { RECEIVE, TRANSMIT };

#define CHAINS 16    /* at one turn, then the core's other guests may have theirs */
#define BYTES  65536 /* of a segment; no driver sends more at once, and the rest is dropped */

static bool transmit(struct virtio_device *d)
{
	struct virtqueue *q = &d->queue[TRANSMIT];
	struct virtqueue_chain chain;
	bool tell = false;

	for (unsigned n = 0; n < CHAINS && virtqueue_take(q, &d->guest->mmu, &chain); n++) {
		for (unsigned i = 0; i < chain.segments && !chain.segment[i].writable; i++) {
			uint32_t bytes = MIN(chain.segment[i].bytes, (uint32_t)BYTES);

			console_guest_write(d->guest, (const char *)chain.segment[i].at, bytes);
		}
		tell |= virtqueue_use(q, &d->guest->mmu, chain.head, 0);
		d->again = n == CHAINS - 1;
	}
	return tell;
}

static bool receive(struct virtio_device *d)
{
	struct virtqueue *q = &d->queue[RECEIVE];
	struct virtqueue_chain chain;
	bool tell = false;

	while (guest_input_waits(d->guest) && virtqueue_take(q, &d->guest->mmu, &chain)) {
		uint32_t written = 0;

		if (chain.segment[0].writable)
			written = guest_input_read(d->guest, chain.segment[0].at,
						   chain.segment[0].bytes);
		tell |= virtqueue_use(q, &d->guest->mmu, chain.head, written);
	}
	return tell;
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
