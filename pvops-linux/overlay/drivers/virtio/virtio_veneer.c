// SPDX-License-Identifier: GPL-2.0-only
/* virtio devices of the Veneer hypervisor: split virtqueues, and a hypercall for everything else. */
#define pr_fmt(fmt) "virtio-veneer: " fmt

#include <linux/device.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <asm/veneer.h>

struct veneer_device {
	struct virtio_device vdev;
	unsigned int number;	/* the hypervisor's number for the device */
	unsigned int irq;
};

static struct veneer_device *to_veneer(struct virtio_device *vdev)
{
	return container_of(vdev, struct veneer_device, vdev);
}

static long call(struct virtio_device *vdev, unsigned int op, unsigned long arg)
{
	return veneer_call3(VENEER_HC_VIRTIO, to_veneer(vdev)->number, op, arg);
}

static void vv_get(struct virtio_device *vdev, unsigned int offset, void *to, unsigned int bytes)
{
	while (bytes) {
		u64 word = call(vdev, VENEER_VIRTIO_CONFIG, offset);
		unsigned int n = min_t(unsigned int, bytes, sizeof(word));

		memcpy(to, &word, n);
		to += n;
		offset += n;
		bytes -= n;
	}
}

/* No device has a field that the driver may write. */
static void vv_set(struct virtio_device *vdev, unsigned int offset, const void *from,
		   unsigned int bytes)
{
}

static u8 vv_get_status(struct virtio_device *vdev)
{
	return call(vdev, VENEER_VIRTIO_GET_STATUS, 0);
}

static void vv_set_status(struct virtio_device *vdev, u8 status)
{
	call(vdev, VENEER_VIRTIO_SET_STATUS, status);
}

static void vv_reset(struct virtio_device *vdev)
{
	call(vdev, VENEER_VIRTIO_SET_STATUS, 0);
}

static u64 vv_get_features(struct virtio_device *vdev)
{
	return call(vdev, VENEER_VIRTIO_GET_FEATURES, 0);
}

static int vv_finalize_features(struct virtio_device *vdev)
{
	vring_transport_features(vdev);
	return call(vdev, VENEER_VIRTIO_SET_FEATURES, vdev->features);
}

static const char *vv_bus_name(struct virtio_device *vdev)
{
	return "veneer";
}

static bool vv_notify(struct virtqueue *vq)
{
	call(vq->vdev, VENEER_VIRTIO_NOTIFY, vq->index);
	return true;
}

/* One event for all queues of a device. */
static irqreturn_t vv_interrupt(int irq, void *data)
{
	struct veneer_device *dev = data;
	irqreturn_t result = IRQ_NONE;
	struct virtqueue *vq;

	virtio_device_for_each_vq(&dev->vdev, vq)
		result |= vring_interrupt(irq, vq);
	return result;
}

static void vv_del_vqs(struct virtio_device *vdev)
{
	struct veneer_device *dev = to_veneer(vdev);
	struct virtqueue *vq, *next;

	if (dev->irq)
		free_irq(dev->irq, dev);
	dev->irq = 0;
	list_for_each_entry_safe(vq, next, &vdev->vqs, list)
		vring_del_virtqueue(vq);
}

static struct virtqueue *setup_vq(struct virtio_device *vdev, unsigned int index,
				  const struct virtqueue_info *info)
{
	unsigned int max = call(vdev, VENEER_VIRTIO_QUEUE_MAX, index);
	struct veneer_virtio_queue set = { .queue = index };
	struct virtqueue *vq;
	int err;

	if (!max)
		return ERR_PTR(-ENOENT);
	vq = vring_create_virtqueue(index, max, SMP_CACHE_BYTES, vdev, true, true, info->ctx,
				    vv_notify, info->callback, info->name);
	if (!vq)
		return ERR_PTR(-ENOMEM);
	vq->num_max = max;
	set.size = virtqueue_get_vring_size(vq);
	set.desc = virtqueue_get_desc_addr(vq);
	set.avail = virtqueue_get_avail_addr(vq);
	set.used = virtqueue_get_used_addr(vq);
	err = call(vdev, VENEER_VIRTIO_QUEUE_SET, (unsigned long)&set);
	if (err) {
		vring_del_virtqueue(vq);
		return ERR_PTR(err);
	}
	return vq;
}

static int vv_find_vqs(struct virtio_device *vdev, unsigned int count, struct virtqueue *vqs[],
		       struct virtqueue_info infos[], struct irq_affinity *affinity)
{
	struct veneer_device *dev = to_veneer(vdev);
	unsigned int i, index = 0;
	int irq, err;

	irq = veneer_event_irq(call(vdev, VENEER_VIRTIO_EVENT, 0));
	if (!irq)
		return -ENOSPC;
	err = request_irq(irq, vv_interrupt, 0, dev_name(&vdev->dev), dev);
	if (err)
		return err;
	dev->irq = irq;
	for (i = 0; i < count; i++) {
		vqs[i] = infos[i].name ? setup_vq(vdev, index++, &infos[i]) : NULL;
		if (IS_ERR(vqs[i])) {
			err = PTR_ERR(vqs[i]);
			vv_del_vqs(vdev);
			return err;
		}
	}
	return 0;
}

static const struct virtio_config_ops vv_ops = {
	.get			= vv_get,
	.set			= vv_set,
	.get_status		= vv_get_status,
	.set_status		= vv_set_status,
	.reset			= vv_reset,
	.find_vqs		= vv_find_vqs,
	.del_vqs		= vv_del_vqs,
	.get_features		= vv_get_features,
	.finalize_features	= vv_finalize_features,
	.bus_name		= vv_bus_name,
};

static void vv_release(struct device *device)
{
	kfree(to_veneer(dev_to_virtio(device)));
}

static int __init add_device(struct device *parent, unsigned int number, u32 id)
{
	struct veneer_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int err;

	if (!dev)
		return -ENOMEM;
	dev->number = number;
	dev->vdev.id.device = id;
	dev->vdev.id.vendor = VIRTIO_DEV_ANY_ID;
	dev->vdev.config = &vv_ops;
	dev->vdev.dev.parent = parent;
	dev->vdev.dev.release = vv_release;
	err = register_virtio_device(&dev->vdev);
	if (err)
		put_device(&dev->vdev.dev);
	return err;
}

static int __init virtio_veneer_init(void)
{
	struct device *parent;
	unsigned int number;
	long id;

	if (!veneer_guest)
		return 0;
	parent = root_device_register("virtio-veneer");
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	for (number = 0;; number++) {
		id = veneer_call3(VENEER_HC_VIRTIO, number, VENEER_VIRTIO_ID, 0);
		if (id < 0)
			return 0;
		if (add_device(parent, number, id))
			pr_err("device %u of type %ld: cannot be registered\n", number, id);
	}
}
device_initcall(virtio_veneer_init);
