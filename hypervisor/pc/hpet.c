// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/hpet.h"

#include "lib/string.h"
#include "pc/bus.h"

#define TICK_NS (HPET_PERIOD_FS / 1000000)

enum { CAPABILITIES = 0x00, CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xf0, TIMERS = 0x100 };
enum { TIMER_CONFIG = 0x00, TIMER_COMPARATOR = 0x08, TIMER_BYTES = 0x20 };

#define CONFIG_ENABLE  (1u << 0)
#define CONFIG_LEGACY  (1u << 1) /* timer 0 interrupts instead of the 8254, timer 1 of the clock */

#define TIMER_LEVEL    (1u << 1)
#define TIMER_ENABLE   (1u << 2)
#define TIMER_PERIODIC (1u << 3)
#define TIMER_CAN      ((1u << 4) | (1u << 5)) /* be periodic, have 64 bits */
#define TIMER_SET                                                                         \
	(1u << 6) /* the next write to the comparator is for it, not for the period alone \
		   */
#define TIMER_32    (1u << 8)
#define TIMER_ROUTE 0x3e00u
#define TIMER_WRITABLE \
	(TIMER_LEVEL | TIMER_ENABLE | TIMER_PERIODIC | TIMER_SET | TIMER_32 | TIMER_ROUTE)

#define FIRST_IRQ 10
#define IRQS	  2
#define ROUTES	  (((1ull << IRQS) - 1) << FIRST_IRQ << 32)

void hpet_reset(struct hpet *h)
{
	h->config = h->status = 0;
	h->counter = h->since = h->rest = 0;
	for (unsigned i = 0; i < HPET_TIMERS; i++)
		h->timer[i] = (struct hpet_timer){ .comparator = ~0ull, .due = HPET_NEVER };
}

/* Ticks since `since`. */
static uint64_t elapsed(const struct hpet *h, uint64_t now)
{
	return h->config & CONFIG_ENABLE ? (now - h->since) / TICK_NS : 0;
}

static uint64_t counter(const struct hpet *h, uint64_t now)
{
	return h->counter + elapsed(h, now);
}

static uint64_t mask(const struct hpet_timer *t)
{
	return t->config & TIMER_32 ? UINT32_MAX : ~0ull;
}

/* When the timer matches next, that many ticks after `since` or later. */
static void set_due(struct hpet *h, struct hpet_timer *t, uint64_t from)
{
	uint64_t distance = (t->comparator - (h->counter + from)) & mask(t);

	t->due = HPET_NEVER;
	if (!(h->config & CONFIG_ENABLE) || !(t->config & TIMER_ENABLE))
		return;
	if (from + distance >= from)
		t->due = from + distance;
}

static void set_all(struct hpet *h, uint64_t now)
{
	for (unsigned i = 0; i < HPET_TIMERS; i++)
		set_due(h, &h->timer[i], elapsed(h, now));
}

int hpet_irq(const struct hpet *h, unsigned timer)
{
	unsigned route = (h->timer[timer].config & TIMER_ROUTE) >> 9;

	if ((h->config & CONFIG_LEGACY) && timer < 2)
		return timer ? 8 : 0;
	return route - FIRST_IRQ < IRQS ? (int)route : -1;
}

/* --- registers --- */

static uint64_t timer_register(const struct hpet_timer *t, unsigned offset)
{
	switch (offset) {
	case TIMER_CONFIG: return t->config | TIMER_CAN | ROUTES;
	case TIMER_COMPARATOR: return t->comparator;
	default: return 0;
	}
}

/* All 64 bits of it. */
static uint64_t whole_register(const struct hpet *h, unsigned offset, uint64_t now)
{
	unsigned timer = (offset - TIMERS) / TIMER_BYTES;

	if (offset >= TIMERS && timer < HPET_TIMERS)
		return timer_register(&h->timer[timer], offset % TIMER_BYTES);
	switch (offset) {
	case CAPABILITIES: return HPET_ID | (uint64_t)HPET_PERIOD_FS << 32;
	case CONFIG: return h->config;
	case STATUS: return h->status;
	case COUNTER: return counter(h, now);
	default: return 0;
	}
}

uint64_t hpet_read(const struct hpet *h, unsigned offset, unsigned width, uint64_t now)
{
	uint64_t value = whole_register(h, offset & ~7u, now);

	if (width == 8)
		return offset & 7 ? 0 : value;
	return (uint32_t)(value >> (offset & 4) * 8);
}

static void write_config(struct hpet *h, uint32_t value, uint64_t now)
{
	h->counter = counter(h, now);
	h->since = now;
	h->config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
	set_all(h, now);
}

static void write_counter(struct hpet *h, uint64_t value, uint64_t now)
{
	h->counter = value;
	h->since = now;
	set_all(h, now);
}

/* 2.3.9.2.2: of a periodic timer it is the period too, unless VAL_SET asks for the comparator. */
static void write_comparator(struct hpet *h, struct hpet_timer *t, uint64_t value, uint64_t now)
{
	bool periodic = t->config & TIMER_PERIODIC;

	value &= mask(t);
	if (periodic)
		t->period = value;
	if (periodic && !(t->config & TIMER_SET))
		return;
	t->comparator = value;
	t->config &= ~TIMER_SET;
	set_due(h, t, elapsed(h, now));
}

static void write_timer(struct hpet *h, unsigned timer, unsigned offset, uint64_t value,
			uint64_t now)
{
	struct hpet_timer *t = &h->timer[timer];

	if (offset == TIMER_COMPARATOR)
		write_comparator(h, t, value, now);
	if (offset != TIMER_CONFIG)
		return;
	t->config = (uint32_t)value & TIMER_WRITABLE;
	t->comparator &= mask(t);
	if (!(t->config & TIMER_LEVEL))
		h->status &= ~(1u << timer);
	set_due(h, t, elapsed(h, now));
}

void hpet_write(struct hpet *h, unsigned offset, unsigned width, uint64_t value, uint64_t now)
{
	unsigned place = offset & ~7u, shift = (offset & 4) * 8,
		 timer = (place - TIMERS) / TIMER_BYTES;

	if (width == 8 && (offset & 7))
		return;
	if (width == 4) { /* the other half stays; bits of the status are cleared by a 1 */
		uint64_t old = place == STATUS ? 0 : whole_register(h, place, now);

		value = (old & ~((uint64_t)UINT32_MAX << shift)) | (value & UINT32_MAX) << shift;
	}
	if (place >= TIMERS && timer < HPET_TIMERS)
		write_timer(h, timer, place % TIMER_BYTES, value, now);
	else if (place == CONFIG)
		write_config(h, (uint32_t)value, now);
	else if (place == STATUS)
		h->status &= ~(uint32_t)value;
	else if (place == COUNTER)
		write_counter(h, value, now);
}

/* --- interrupts --- */

uint64_t hpet_next(const struct hpet *h)
{
	uint64_t due = HPET_NEVER;

	for (unsigned i = 0; i < HPET_TIMERS; i++)
		due = MIN(due, h->timer[i].due);
	if (due > (HPET_NEVER - h->since) / TICK_NS - 1)
		return HPET_NEVER;
	return h->since + due * TICK_NS;
}

/* A periodic timer that is late by more than a period goes on in its rhythm. */
static void go_on(struct hpet *h, struct hpet_timer *t, uint64_t ticks)
{
	uint64_t late = ticks - t->due;

	if ((t->config & TIMER_PERIODIC) && t->period)
		t->comparator = (t->comparator + (late / t->period + 1) * t->period) & mask(t);
	set_due(h, t, ticks + 1);
}

unsigned hpet_fire(struct hpet *h, uint64_t now)
{
	unsigned fired = 0;
	uint64_t ticks = elapsed(h, now);

	for (unsigned i = 0; i < HPET_TIMERS; i++) {
		struct hpet_timer *t = &h->timer[i];

		if (t->due > ticks)
			continue;
		fired |= (1u << i);
		if (t->config & TIMER_LEVEL)
			h->status |= (1u << i);
		go_on(h, t, ticks);
	}
	return fired;
}

_Static_assert(HPET_NEVER == BUS_NEVER, "a timer that is not set");

static void set_line(struct hpet *h, unsigned timer, bool high)
{
	int irq = hpet_irq(h, timer);

	if (irq >= 0 && h->timer[timer].high != high)
		h->bus->owner->set_line(h->bus, (unsigned)irq, high);
	h->timer[timer].high = high;
}

/* The lines of level-triggered timers, and when the next one fires. */
static void update(struct hpet *h)
{
	uint64_t at = MAX(hpet_next(h), h->rest);

	for (unsigned i = 0; i < HPET_TIMERS; i++)
		if (h->timer[i].config & TIMER_LEVEL)
			set_line(h, i,
				 (h->status & (1u << i)) && (h->timer[i].config & TIMER_ENABLE));
	bus_set_timer(h->bus, h->bus_timer, at);
}

static void fire(void *device)
{
	struct hpet *h = device;
	uint64_t now = h->bus->owner->now(h->bus);
	unsigned fired = hpet_fire(h, now);

	for (unsigned i = 0; i < HPET_TIMERS; i++) {
		if (!(fired >> i & 1) || (h->timer[i].config & TIMER_LEVEL))
			continue;
		set_line(h, i, false);
		set_line(h, i, true);
	}
	h->rest = now + BUS_TIMER_REST_NS;
	update(h);
}

static uint64_t in(void *device, struct bus_access a)
{
	const struct hpet *h = device;

	return hpet_read(h, (unsigned)(a.at - HPET_AT), a.width, h->bus->owner->now(h->bus));
}

/* The lines go down first: a timer may get another IRQ. */
static void out(void *device, struct bus_access a, uint64_t value)
{
	struct hpet *h = device;
	unsigned offset = (unsigned)(a.at - HPET_AT);

	if (offset >= TIMERS || (offset & ~7u) == CONFIG)
		for (unsigned i = 0; i < HPET_TIMERS; i++)
			set_line(h, i, false);
	hpet_write(h, offset, a.width, value, h->bus->owner->now(h->bus));
	h->bus->lines_lent = h->config & CONFIG_LEGACY ? (1u << 0) | (1u << 8) : 0;
	update(h);
}

static void reset(void *device)
{
	struct hpet *h = device;

	hpet_reset(h);
	h->bus->lines_lent = 0;
}

void hpet_attach(struct hpet *h, struct bus *b)
{
	static const struct bus_functions functions = { in, out, 4 | 8 };

	h->bus = b;
	bus_add_memory(b, HPET_AT, HPET_BYTES, &functions, h);
	for (unsigned i = 0; i < IRQS; i++)
		bus_add_line(b, FIRST_IRQ + i);
	h->bus_timer = bus_add_timer(b, fire, h);
	bus_add_reset(b, reset, h);
}
