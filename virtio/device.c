// SPDX-License-Identifier: GPL-2.0-or-later
/* Common to all virtio devices: status, features, configuration space, and the sharing of work
 * between queues. */
#include "virtio/device.h"

#include <linux/virtio_config.h>

#include "arch/cpu.h"
#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "lib/string.h"

#define LIVE	  (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)
#define GO_ON_NS  50000 /* the driver runs meanwhile */
#define ALL(kind) ((uint32_t)((1ull << (kind)->queues) - 1))

/* Not while its guest parks, either: vCPU 0 cancels the timer when it does, but another vCPU may
 * still notify the device. */
static bool live(const struct virtio_device *d)
{
	return (d->status & LIVE) == LIVE && guest_is_running(d->guest);
}

static __attribute__((noinline)) void unlock_and_interrupt(struct virtio_device *d)
{
	uint32_t due = d->interrupts;

	d->interrupts = 0;
	spin_unlock(&d->lock);
	for (; due; due &= due - 1) {
		const struct virtqueue *q = &d->queue[__builtin_ctz(due)];

		d->transport->interrupt(d, __atomic_load_n(&q->target, __ATOMIC_RELAXED));
	}
}

void virtio_unlock(struct virtio_device *d)
{
	if (d->interrupts)
		unlock_and_interrupt(d);
	else
		spin_unlock(&d->lock);
}

void virtio_use(struct virtio_device *d, struct virtqueue *q, struct virtqueue_chain *chain,
		uint32_t written)
{
	if (virtqueue_use(q, chain, written))
		d->interrupts |= 1u << (q - d->queue);
}

/* --- work --- */

static void go_on(struct timer *t);

/* Work is done in parts. A timer starts the next one, in the guest's share. */
static void later(struct virtio_device *d)
{
	struct vcpu *v = d->guest->vcpu;

	if (v->cpu != this_cpu()) {
		vcpu_request_from(v, REQUEST_VIRTIO);
	} else if (!d->timer.armed) {
		d->timer.fire = go_on;
		d->timer.owner = v;
		timer_set(v->cpu, &d->timer, rdtsc() + tsc_from_ns(GO_ON_NS));
	}
}

static void part(struct virtio_device *d, unsigned queue)
{
	if (d->kind->work[queue](d, &d->queue[queue]))
		d->pending |= 1u << queue;
	else
		d->pending &= ~(1u << queue);
}

/* Does a part for each of the next queues that have work; returns how many of the parts are
 * left. */
static unsigned work(struct virtio_device *d, unsigned parts)
{
	uint32_t todo = d->pending;

	if (!live(d))
		return parts;
	for (; todo && parts; parts--) {
		uint32_t ahead = todo >> d->turn << d->turn;
		unsigned queue = (unsigned)__builtin_ctz(ahead ? ahead : todo);

		d->turn = (queue + 1) % VIRTIO_QUEUES_MAX;
		todo &= ~(1u << queue);
		part(d, queue);
	}
	if (d->pending)
		later(d);
	return parts;
}

static void go_on(struct timer *t)
{
	struct virtio_device *d = container_of(t, struct virtio_device, timer);

	spin_lock(&d->lock);
	work(d, VIRTIO_PARTS);
	virtio_unlock(d);
}

static unsigned work_on_all(struct virtio_device *d, unsigned parts)
{
	d->pending = ALL(d->kind);
	return work(d, parts);
}

unsigned virtio_kick(struct virtio_device *d, unsigned parts)
{
	spin_lock(&d->lock);
	parts = work_on_all(d, parts);
	virtio_unlock(d);
	return parts;
}

int virtio_notify(struct virtio_device *d, uint64_t queue)
{
	unsigned n = d->kind->queues;

	if (queue >= n)
		return -EINVAL;
	if (!live(d))
		return 0;
	part(d, (unsigned)index_nospec(queue, n));
	if (d->pending)
		later(d);
	return 0;
}

/* --- what the driver reads and sets --- */

static void reset(struct virtio_device *d)
{
	d->status = 0;
	d->features = 0;
	d->pending = 0;
	for (unsigned i = 0; i < d->kind->queues; i++)
		virtqueue_reset(&d->queue[i], d->transport->target);
}

void virtio_reset(struct virtio_device *d)
{
	spin_lock(&d->lock);
	reset(d);
	virtio_unlock(d);
}

void virtio_read_config(const struct virtio_device *d, uint64_t offset, void *to, uint32_t bytes)
{
	uint32_t all = d->config_bytes;

	memset(to, 0, bytes);
	if (offset >= all)
		return;
	offset = index_nospec(offset, all);
	memcpy(to, (const char *)d->config + offset, MIN(bytes, all - offset));
}

int virtio_set_features(struct virtio_device *d, uint64_t features)
{
	if (d->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return -EBUSY;
	d->features = features;
	return 0;
}

void virtio_set_status(struct virtio_device *d, uint8_t status)
{
	if (!status) {
		reset(d);
		return;
	}
	if ((d->features & ~d->kind->offers) || (d->kind->needs & ~d->features))
		status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	d->status = status;
	work_on_all(d, VIRTIO_PARTS); /* buffers that were made available before DRIVER_OK */
}

/* --- its memory: the device, its queues, its kind's state --- */

static uint64_t state_at(const struct virtio_kind *kind)
{
	return ALIGN_UP(sizeof(struct virtio_device) + kind->queues * sizeof(struct virtqueue), 64);
}

uint64_t virtio_bytes(const struct virtio_kind *kind)
{
	return ALIGN_UP(state_at(kind) + kind->state_bytes, 64);
}

void virtio_create(struct virtio_device *d, const struct virtio_kind *kind,
		   const struct virtio_transport *transport, struct guest *g)
{
	d->kind = kind;
	d->transport = transport;
	d->guest = g;
	d->state = (char *)d + state_at(kind);
	if (kind->create)
		kind->create(d);
	reset(d);
}
