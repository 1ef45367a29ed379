/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices of a guest that do not belong to a board. virtio/ implements them; guest/ only uses these
 * functions. guest->devices is NULL if there are none.
 */
#pragma once

#include "lib/types.h"

struct regs;

struct devices {
	int (*create)(struct guest *g); /* once; 0, or -ENOMEM */
	void (*reset)(struct guest *g); /* all vCPUs are stopped */
	/* On vCPU 0's CPU */
	void (*park)(struct guest *g); /* cancels their timers */
	void (*work)(struct guest *g); /* the console has input or room, or work is left */
};

extern const struct devices virtio_devices;

/* VENEER_HC_VIRTIO, of a guest with devices */
int64_t virtio_hypercall(struct vcpu *v, struct regs *r);
