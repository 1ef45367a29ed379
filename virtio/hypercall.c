// SPDX-License-Identifier: GPL-2.0-or-later
/* The hypercall transport, of PV guests: abi/veneer.h, VENEER_HC_VIRTIO. */
#include "arch/cpu.h"
#include "arch/speculation.h"
#include "guest/devices.h"
#include "guest/guest.h"
#include "kernel/cpu.h"
#include "virtio/device.h"

/* A queue's interrupt is an event of a vCPU. */
#define TARGET(vcpu, event) ((uint32_t)(vcpu) << 8 | (uint32_t)(event))

static void interrupt(struct virtio_device *d, uint32_t target)
{
	struct vcpu *v = &d->guest->vcpu[target >> 8];

	if (v->cpu == this_cpu())
		vcpu_event(v, target & 0xff);
	else
		vcpu_event_from(v, target & 0xff);
}

const struct virtio_transport virtio_by_hypercall = {
	.target = TARGET(0, VENEER_EVENT_DEVICES),
	.interrupt = interrupt,
};

static int64_t set_queue(struct virtio_device *d, struct vcpu *v, uint64_t at)
{
	struct veneer_virtio_queue set;

	if (guest_read(v->view, GVA(at), &set, sizeof(set), 0, NULL))
		return -EFAULT;
	struct virtqueue *q = virtio_queue(d, set.queue);
	if (!q)
		return -EINVAL;
	return virtqueue_set(q, &v->guest->memory, set.size, GPA(set.desc), GPA(set.avail),
			     GPA(set.used));
}

static int64_t set_event(struct virtio_device *d, uint64_t what)
{
	struct virtqueue *q = virtio_queue(d, what & 0xffff);
	uint64_t vcpu = what >> 16 & 0xffff, event = what >> 32;
	unsigned vcpus = d->guest->vcpus;

	if (!q || vcpu >= vcpus || event >= VENEER_EVENTS)
		return -EINVAL;
	__atomic_store_n(&q->target,
			 TARGET(index_nospec(vcpu, vcpus), index_nospec(event, VENEER_EVENTS)),
			 __ATOMIC_RELAXED);
	return 0;
}

static int64_t read_config(const struct virtio_device *d, uint64_t offset)
{
	int64_t word;

	virtio_read_config(d, offset, &word, sizeof(word));
	return word;
}

static int64_t __attribute__((noinline)) /* keeps this out of notify's path */
call(struct virtio_device *d, struct vcpu *v, uint64_t op, uint64_t arg)
{
	switch (op) {
	case VENEER_VIRTIO_ID: return d->kind->id;
	case VENEER_VIRTIO_GET_FEATURES: return (int64_t)d->kind->offers;
	case VENEER_VIRTIO_SET_FEATURES: return virtio_set_features(d, arg);
	case VENEER_VIRTIO_GET_STATUS: return d->status;
	case VENEER_VIRTIO_SET_STATUS: virtio_set_status(d, (uint8_t)arg); return 0;
	case VENEER_VIRTIO_QUEUE_MAX: return virtio_queue(d, arg) ? VIRTQUEUE_MAX : 0;
	case VENEER_VIRTIO_QUEUE_SET: return set_queue(d, v, arg);
	case VENEER_VIRTIO_EVENT: return VENEER_EVENT_DEVICES;
	case VENEER_VIRTIO_CONFIG: return read_config(d, arg);
	case VENEER_VIRTIO_QUEUE_EVENT: return set_event(d, arg);
	default: return -EINVAL;
	}
}

int64_t virtio_hypercall(struct vcpu *v, struct regs *r)
{
	const struct virtio_guest *all = v->guest->virtio;

	if (r->rdi >= all->devices)
		return -ENODEV;
	struct virtio_device *d = all->device[index_nospec(r->rdi, all->devices)];
	spin_lock(&d->lock);
	int64_t result = r->rsi == VENEER_VIRTIO_NOTIFY ? virtio_notify(d, r->rdx)
							: call(d, v, r->rsi, r->rdx);
	virtio_unlock(d);
	return result;
}
