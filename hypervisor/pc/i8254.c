// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/i8254.h"

#include "lib/math.h"
#include "pc/bus.h"

#define IRQ	 0
#define NS_PER_S 1000000000ull

static uint64_t ticks_from_ns(uint64_t ns)
{
	return mul_div(ns, PIT_HZ, NS_PER_S);
}

static uint64_t ns_from_ticks(uint64_t ticks) /* rounded up: not before the edge */
{
	return mul_div(ticks, NS_PER_S, PIT_HZ) + 1;
}

void pit_reset(struct pit *p)
{
	p->port61 = 0;
	for (unsigned i = 0; i < 3; i++)
		p->channel[i] = (struct pit_channel){
			.reload = 65536, .access = 3, .mode = 3, .gate = i < 2
		};
}

static uint64_t elapsed(const struct pit_channel *c, uint64_t now)
{
	return c->loaded && now > c->start ? ticks_from_ns(now - c->start) : 0;
}

static uint16_t to_bcd(uint32_t v)
{
	return (uint16_t)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

static uint32_t from_bcd(uint16_t v)
{
	return (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 + (v >> 12) * 1000u;
}

static uint16_t count(const struct pit_channel *c, uint64_t now)
{
	uint64_t t = elapsed(c, now);
	uint32_t v;

	switch (c->mode) {
	case 2: v = c->reload - (uint32_t)(t % c->reload); break;
	case 3: v = c->reload - (uint32_t)(t * 2 % c->reload); break;
	default: v = (uint32_t)(c->reload - t); break;
	}
	return c->bcd ? to_bcd(v % 10000) : (uint16_t)v;
}

bool pit_output(const struct pit_channel *c, uint64_t now)
{
	uint64_t t = elapsed(c, now);

	if (!c->loaded)
		return c->mode != 0;
	switch (c->mode) {
	case 2: return t % c->reload != c->reload - 1;
	case 3: return t % c->reload < (c->reload + 1) / 2;
	case 4:
	case 5: return t != c->reload;
	default: return t >= c->reload;
	}
}

uint64_t pit_next_edge(const struct pit_channel *c, uint64_t now)
{
	if (!c->loaded || !c->gate)
		return PIT_NEVER;
	if (c->mode == 2 || c->mode == 3) {
		uint64_t periods = elapsed(c, now) / c->reload + 1;

		return c->start + ns_from_ticks(periods * c->reload);
	}
	uint64_t at = c->start + ns_from_ticks(c->reload);
	return at > now ? at : PIT_NEVER;
}

static void latch_count(struct pit_channel *c, uint64_t now)
{
	if (c->latched)
		return;
	c->latch = count(c, now);
	c->latched = true;
}

static void latch_status(struct pit_channel *c, uint64_t now)
{
	if (c->status_latched)
		return;
	c->status_latch =
		pit_output(c, now) << 7 | !c->loaded << 6 | c->access << 4 | c->mode << 1 | c->bcd;
	c->status_latched = true;
}

static void write_control(struct pit *p, uint8_t v, uint64_t now)
{
	if (v >> 6 == 3) { /* read back */
		for (unsigned i = 0; i < 3; i++) {
			if (!(v >> (i + 1) & 1))
				continue;
			if (!(v & 0x20))
				latch_count(&p->channel[i], now);
			if (!(v & 0x10))
				latch_status(&p->channel[i], now);
		}
		return;
	}
	struct pit_channel *c = &p->channel[v >> 6];
	if (!(v & 0x30)) {
		latch_count(c, now);
		return;
	}
	bool gate = c->gate;
	*c = (struct pit_channel){ .access = v >> 4 & 3, .mode = v >> 1 & 7, .bcd = v & 1 };
	c->gate = gate;
	if (c->mode > 5)
		c->mode -= 4; /* bit 2 does not count for modes 2 and 3 */
	c->reload = c->bcd ? 10000 : 65536;
}

static void load(struct pit_channel *c, uint64_t now)
{
	uint32_t v = c->bcd ? from_bcd(c->written) : c->written;

	c->reload = v ? v : c->bcd ? 10000 : 65536;
	c->start = now;
	c->loaded = true;
}

static void write_count(struct pit_channel *c, uint8_t v, uint64_t now)
{
	switch (c->access) {
	case 1: c->written = v; break;
	case 2: c->written = (uint16_t)(v << 8); break;
	default:
		if (!c->high_next_write) {
			c->written = v;
			c->high_next_write = true;
			if (c->mode == 0)
				c->loaded = false; /* counting stops between the bytes */
			return;
		}
		c->written = (uint16_t)((c->written & 0xff) | v << 8);
		c->high_next_write = false;
	}
	load(c, now);
}

static uint8_t read_count(struct pit_channel *c, uint64_t now)
{
	if (c->status_latched) {
		c->status_latched = false;
		return c->status_latch;
	}
	uint16_t v = c->latched ? c->latch : count(c, now);
	if (c->access == 3) {
		bool high = c->high_next_read;

		c->high_next_read = !high;
		if (high)
			c->latched = false;
		return (uint8_t)(high ? v >> 8 : v);
	}
	c->latched = false;
	return (uint8_t)(c->access == 2 ? v >> 8 : v);
}

/* Port 0x61: bit 0 gate of channel 2, 1 speaker, 4 refresh toggle (15 us), 5 OUT of channel 2. */
static uint8_t read_port61(const struct pit *p, uint64_t now)
{
	return (p->port61 & 0x0f) | (now / 15000 & 1) << 4 | pit_output(&p->channel[2], now) << 5;
}

uint8_t pit_read(struct pit *p, uint16_t port, uint64_t now)
{
	if (port == 0x61)
		return read_port61(p, now);
	return port < 0x43 ? read_count(&p->channel[port & 3], now) : 0xff;
}

void pit_write(struct pit *p, uint16_t port, uint8_t value, uint64_t now)
{
	if (port == 0x61) {
		struct pit_channel *c = &p->channel[2];

		if ((value & 1) && !c->gate && c->loaded)
			c->start = now; /* a rising gate restarts the count */
		c->gate = value & 1;
		p->port61 = value & 0x0f;
	} else if (port == 0x43) {
		write_control(p, value, now);
	} else {
		write_count(&p->channel[port & 3], value, now);
	}
}

_Static_assert(PIT_NEVER == BUS_NEVER, "a timer that is not set");

static uint64_t in(void *device, struct bus_access a)
{
	struct pit *p = device;

	return pit_read(p, (uint16_t)a.at, p->bus->owner->now(p->bus));
}

static void out(void *device, struct bus_access a, uint64_t value)
{
	struct pit *p = device;
	const struct pit_channel *c = &p->channel[0];

	pit_write(p, (uint16_t)a.at, (uint8_t)value, p->bus->owner->now(p->bus));
	if (a.at == 0x40 || a.at == 0x43) /* an edge that is already past is raised at once */
		bus_set_timer(p->bus, p->timer, pit_next_edge(c, c->start));
}

static void fire(void *device)
{
	struct pit *p = device;
	struct bus *b = p->bus;

	bus_set_line(b, IRQ, false);
	bus_set_line(b, IRQ, true);
	bus_set_timer(b, p->timer,
		      pit_next_edge(&p->channel[0], b->owner->now(b) + BUS_TIMER_REST_NS));
}

static void reset(void *device)
{
	pit_reset(device);
}

void pit_attach(struct pit *p, struct bus *b)
{
	static const struct bus_functions functions = { in, out, 1 };

	p->bus = b;
	bus_add_ports(b, 0x40, 4, &functions, p);
	bus_add_ports(b, 0x61, 1, &functions, p);
	bus_add_line(b, IRQ);
	p->timer = bus_add_timer(b, fire, p);
	bus_add_reset(b, reset, p);
}
