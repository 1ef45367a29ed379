// SPDX-License-Identifier: GPL-2.0-or-later
/* The virtio devices of a guest: which ones it has, and what happens to them in its life cycle. */
#include "guest/devices.h"

#include "guest/guest.h"
#include "kernel/memory.h"
#include "virtio/device.h"

/* A PV guest's devices, in the order of their numbers. */
static const struct virtio_kind *const kinds[] = { &virtio_console };

_Static_assert(ARRAY_SIZE(kinds) <= VIRTIO_DEVICES_MAX, "a guest's devices");

int virtio_create_all(struct guest *g, const struct virtio_kind *const of[], unsigned devices)
{
	uint64_t bytes = sizeof(struct virtio_guest);

	for (unsigned i = 0; i < devices; i++)
		bytes += virtio_bytes(of[i]);
	mpa_t memory = guest_take(g, bytes);
	if (!memory.v)
		return -ENOMEM;
	struct virtio_guest *all = g->virtio = direct(memory);
	char *at = (char *)(all + 1);
	for (; all->devices < devices; all->devices++) {
		const struct virtio_kind *kind = of[all->devices];

		all->device[all->devices] = (struct virtio_device *)at;
		virtio_create(all->device[all->devices], kind, &virtio_by_hypercall, g);
		at += virtio_bytes(kind);
	}
	return 0;
}

static int create(struct guest *g)
{
	return virtio_create_all(g, kinds, ARRAY_SIZE(kinds));
}

static void reset(struct guest *g)
{
	for (unsigned i = 0; i < g->virtio->devices; i++)
		virtio_reset(g->virtio->device[i]);
}

static void park(struct guest *g)
{
	for (unsigned i = 0; i < g->virtio->devices; i++)
		timer_cancel(g->vcpu->cpu, &g->virtio->device[i]->timer);
}

static void work(struct guest *g)
{
	unsigned parts = VIRTIO_PARTS;

	for (unsigned i = 0; i < g->virtio->devices; i++)
		parts = virtio_kick(g->virtio->device[i], parts);
}

const struct devices virtio_devices = {
	.create = create,
	.reset = reset,
	.park = park,
	.work = work,
};
