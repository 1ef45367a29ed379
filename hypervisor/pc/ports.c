// SPDX-License-Identifier: GPL-2.0-or-later
/* Accesses to ports. If no device handles the full width, they are split into bytes. */
#include "pc/pc.h"

static uint32_t in_bytes(struct vcpu *v, uint16_t port, unsigned width)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (pc_in(v, (uint16_t)(port + i), 1) & 0xff) << 8 * i;
	return value;
}

HOT_FRAME uint32_t pc_in(struct vcpu *v, uint16_t port, unsigned width)
{
	struct pc *p = pc_of(v->guest);
	const struct bus_range *r = bus_find(p->bus.port, BUS_PORT_RANGES, port, width);
	uint32_t value;

	if (!r)
		return width > 1 ? in_bytes(v, port, width) : 0xff;
	spin_lock(&p->lock);
	value = (uint32_t)r->functions->read(r->device, (struct bus_access){ port, width, v->id });
	pc_unlock(p);
	return value;
}

static void out_bytes(struct vcpu *v, uint16_t port, unsigned width, uint32_t value)
{
	for (unsigned i = 0; i < width; i++)
		pc_out(v, (uint16_t)(port + i), 1, value >> 8 * i & 0xff);
}

HOT_FRAME void pc_out(struct vcpu *v, uint16_t port, unsigned width, uint32_t value)
{
	struct pc *p = pc_of(v->guest);
	const struct bus_range *r = bus_find(p->bus.port, BUS_PORT_RANGES, port, width);

	if (!r) {
		if (width > 1)
			out_bytes(v, port, width, value);
		return;
	}
	spin_lock(&p->lock);
	r->functions->write(r->device, (struct bus_access){ port, width, v->id }, value);
	pc_unlock(p);
}
