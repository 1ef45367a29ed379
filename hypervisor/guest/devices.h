/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices of a guest that are no board's: virtio/ has them, and guest/ reaches them through
 * these functions alone. A guest that has none has guest->devices NULL.
 */
#ifndef VENEER_DEVICES_H
#define VENEER_DEVICES_H

#include "lib/types.h"

struct regs;

struct devices {
	int (*create)(struct guest *g); /* once; 0, or -ENOMEM */
	void (*reset)(struct guest *g); /* all vCPUs are stopped */
	/* On vCPU 0's CPU: no more timers; the console has input or room, or work was left over. */
	void (*park)(struct guest *g);
	void (*work)(struct guest *g);
};

extern const struct devices virtio_devices;

/* VENEER_HC_VIRTIO, of a guest with devices */
int64_t virtio_hypercall(struct vcpu *v, struct regs *r);

#endif
