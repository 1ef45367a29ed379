// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/bus.h"

#include "lib/panic.h"
#include "lib/string.h"

static void init_table(struct bus_range *range, unsigned size)
{
	static const struct bus_functions nobody;

	for (unsigned i = 0; i < size; i++)
		range[i] = (struct bus_range){ i ? BUS_END : 0, 0, &nobody, NULL };
}

void bus_init(struct bus *b, const struct bus_owner *owner)
{
	memset(b, 0, sizeof(*b));
	b->owner = owner;
	init_table(b->port, BUS_PORT_RANGES);
	init_table(b->memory, BUS_MEMORY_RANGES);
	b->ports = b->memories = 1;
}

/* In its place by address. */
static void insert(struct bus_range *range, unsigned ranges, const struct bus_range *r)
{
	unsigned at = ranges;

	assert(r->first && r->first <= r->last && r->last < BUS_END);
	for (; range[at - 1].first > r->first; at--)
		range[at] = range[at - 1];
	assert(range[at - 1].last < r->first);
	assert(at == ranges || range[at + 1].first > r->last);
	range[at] = *r;
}

void bus_add_ports(struct bus *b, uint16_t first, unsigned count, const struct bus_functions *f,
		   void *device)
{
	const struct bus_range r = { first, first + count - 1ull, f, device };

	assert(b->ports < BUS_PORT_RANGES && r.last <= UINT16_MAX);
	insert(b->port, b->ports++, &r);
}

void bus_add_memory(struct bus *b, uint64_t first, uint64_t bytes, const struct bus_functions *f,
		    void *device)
{
	const struct bus_range r = { first, first + bytes - 1, f, device };

	assert(b->memories < BUS_MEMORY_RANGES);
	insert(b->memory, b->memories++, &r);
}

void bus_add_line(struct bus *b, unsigned irq)
{
	assert(irq < BUS_LINES && !(b->lines >> irq & 1));
	b->lines |= 1u << irq;
}

unsigned bus_add_timer(struct bus *b, void (*fire)(void *device), void *device)
{
	assert(b->timers < BUS_TIMERS);
	b->timer[b->timers] = (struct bus_timer){ fire, device, BUS_NEVER };
	return b->timers++;
}

void bus_add_reset(struct bus *b, void (*reset)(void *device), void *device)
{
	assert(b->resets < BUS_RESETS);
	b->reset[b->resets++] = (struct bus_reset){ reset, device };
}

void bus_set_line(struct bus *b, unsigned irq, bool high)
{
	if (!(b->lines_lent >> irq & 1))
		b->owner->set_line(b, irq, high);
}

void bus_reset(struct bus *b)
{
	for (unsigned i = 0; i < b->timers; i++)
		b->timer[i].at = BUS_NEVER;
	for (unsigned i = 0; i < b->resets; i++)
		b->reset[i].reset(b->reset[i].device);
}

void bus_set_timer(struct bus *b, unsigned timer, uint64_t at)
{
	if (b->timer[timer].at == at)
		return;
	b->timer[timer].at = at;
	b->owner->set_timer(b, timer);
}

void bus_fire(struct bus *b, unsigned timer)
{
	struct bus_timer *t = &b->timer[timer];

	t->at = BUS_NEVER;
	t->fire(t->device);
}
