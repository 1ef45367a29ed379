// SPDX-License-Identifier: GPL-2.0-or-later
/* The hypercall transport: abi/veneer.h, VENEER_HC_VIRTIO. */
#include "virtio/device.h"

#include <linux/virtio_config.h>

#include "abi/veneer.h"
#include "arch/cpu.h"
#include "arch/speculation.h"
#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"

static void reset(struct virtio_device *d)
{
	d->status = 0;
	d->features = 0;
	d->busy = false;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		d->queue[i] = (struct virtqueue){ 0 };
}

void virtio_reset(struct virtio_device *d)
{
	spin_lock(&d->lock);
	reset(d);
	spin_unlock(&d->lock);
}

/* A status that claims features we did not offer loses FEATURES_OK: section 3.1.1, step 6. */
static void set_status(struct virtio_device *d, uint32_t status)
{
	if (!status)
		reset(d);
	d->status = status;
	if ((status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    ((d->features & ~d->kind->features) || !(d->features >> VIRTIO_F_VERSION_1 & 1)))
		d->status &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
}

static int64_t set_queue(struct virtio_device *d, struct vcpu *v, uint64_t at)
{
	struct veneer_virtio_queue set;

	if (mmu_read(&v->mmu, GVA(at), &set, sizeof(set), 0, NULL))
		return -EFAULT;
	if (set.queue >= d->kind->queues)
		return -EINVAL;
	return virtqueue_set(&d->queue[index_nospec(set.queue, VIRTIO_QUEUES)], &v->guest->mmu,
			     set.size, GPA(set.desc), GPA(set.avail), GPA(set.used));
}

static void go_on(struct timer *t)
{
	virtio_kick(container_of(t, struct virtio_device, timer));
}

#define GO_ON_NS 50000 /* the driver runs meanwhile */

/* Work is done in parts, the next one by and by, in the guest's share. */
static void work_later(struct virtio_device *d)
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

static bool work(struct virtio_device *d, uint64_t queue)
{
	if (!(d->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return false;
	d->again = false;
	bool tell = d->kind->work(d, (unsigned)queue);
	if (d->again)
		work_later(d);
	return tell;
}

static int64_t call(struct virtio_device *d, struct vcpu *v, uint64_t op, uint64_t arg)
{
	switch (op) {
	case VENEER_VIRTIO_ID: return d->kind->id;
	case VENEER_VIRTIO_GET_FEATURES: return (int64_t)d->kind->features;
	case VENEER_VIRTIO_SET_FEATURES: d->features = arg; return 0;
	case VENEER_VIRTIO_GET_STATUS: return d->status;
	case VENEER_VIRTIO_SET_STATUS: set_status(d, (uint8_t)arg); return 0;
	case VENEER_VIRTIO_QUEUE_MAX: return arg < d->kind->queues ? VIRTQUEUE_MAX : 0;
	case VENEER_VIRTIO_QUEUE_SET: return set_queue(d, v, arg);
	case VENEER_VIRTIO_EVENT: return d->event;
	case VENEER_VIRTIO_CONFIG: return 0; /* no device has one yet */
	default: return -EINVAL;
	}
}

static bool work_all(struct virtio_device *d)
{
	bool tell = false;

	for (unsigned i = 0; i < d->kind->queues; i++)
		tell |= work(d, i);
	return tell;
}

int64_t virtio_call(struct virtio_device *d, struct vcpu *v, uint64_t op, uint64_t arg)
{
	bool tell = false;
	int64_t result = 0;

	spin_lock(&d->lock);
	if (op != VENEER_VIRTIO_NOTIFY)
		result = call(d, v, op, arg);
	else if (arg < d->kind->queues)
		tell = work(d, arg);
	else
		result = -EINVAL;
	if (op == VENEER_VIRTIO_SET_STATUS)
		tell = work_all(d); /* what was made available before DRIVER_OK */
	spin_unlock(&d->lock);
	if (tell)
		vcpu_event_from(d->guest->vcpu, d->event);
	return result;
}

void virtio_kick(struct virtio_device *d)
{
	spin_lock(&d->lock);
	bool tell = work_all(d);
	spin_unlock(&d->lock);
	if (tell)
		vcpu_event_from(d->guest->vcpu, d->event);
}
