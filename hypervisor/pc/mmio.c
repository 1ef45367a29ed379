// SPDX-License-Identifier: GPL-2.0-or-later
/* Accesses to addresses without memory. */
#include "pc/pc.h"

HOT_FRAME uint64_t pc_read(struct vcpu *v, gpa_t at, unsigned width)
{
	struct pc *p = pc_of(v->guest);
	const struct bus_range *r = bus_find(p->bus.memory, BUS_MEMORY_RANGES, at.v, width);
	uint64_t value;

	if (!r)
		return ~0ull;
	spin_lock(&p->lock);
	value = r->functions->read(r->device, (struct bus_access){ at.v, width, v->id });
	pc_unlock(p);
	return value;
}

HOT_FRAME void pc_write(struct vcpu *v, gpa_t at, unsigned width, uint64_t value)
{
	struct pc *p = pc_of(v->guest);
	const struct bus_range *r = bus_find(p->bus.memory, BUS_MEMORY_RANGES, at.v, width);

	if (!r)
		return;
	spin_lock(&p->lock);
	r->functions->write(r->device, (struct bus_access){ at.v, width, v->id }, value);
	pc_unlock(p);
}
