/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bus of a PC: which device has which ports, memory addresses, interrupt line and timer.
 * Devices register once, when the PC is created; after that the tables are constant and can be read
 * without a lock. Overlapping registrations are a bug, and asserted.
 *
 * Devices know nothing else of their environment. Time is in nanoseconds since the last reset.
 */
#pragma once

#include "lib/types.h"

#define BUS_PORT_RANGES	  32 /* powers of two; the first entry is unused */
#define BUS_MEMORY_RANGES 4
#define BUS_LINES	  16 /* ISA's */
#define BUS_TIMERS	  4
#define BUS_RESETS	  16

#define BUS_END		  (1ull << 63) /* no address lies there */
#define BUS_NEVER	  (~0ull)

/* Edges closer together than this are merged: a guest can program a timer for more than a million
 * interrupts a second, which would take time from its neighbours. */
#define BUS_TIMER_REST_NS 50000

struct bus_access {
	uint64_t at;	/* port, or guest-physical address */
	uint32_t width; /* bytes: 1, 2 or 4, in memory 8 too */
	uint32_t vcpu;	/* that makes it */
};

/* Handlers of a range. They get accesses that lie within the range and have one of `widths`, an OR
 * of widths. Other port accesses are split into bytes. */
struct bus_functions {
	uint64_t (*read)(void *device, struct bus_access a);
	void (*write)(void *device, struct bus_access a, uint64_t value);
	unsigned widths;
};

struct bus_range {
	uint64_t first, last;
	const struct bus_functions *functions;
	void *device;
};

struct bus_timer {
	void (*fire)(void *device);
	void *device;
	uint64_t at; /* BUS_NEVER: it is not set */
};

struct bus_reset {
	void (*reset)(void *device);
	void *device;
};

struct bus;

/* What the PC does for its devices. */
struct bus_owner {
	uint64_t (*now)(const struct bus *b);
	uint64_t (*seconds)(const struct bus *b); /* since 2000-01-01 UTC, at time 0 */
	void (*set_line)(struct bus *b, unsigned irq, bool high);
	void (*set_timer)(struct bus *b, unsigned timer); /* timer[].at has changed */
	void (*input)(struct bus *b);		    /* a device may have room for console input */
	bool (*print)(struct bus *b, uint8_t byte); /* false: no room for more behind it */
	void (*prompt)(struct bus *b);		    /* it seems to wait for input */
	void (*restart)(struct bus *b);		    /* the guest wants its reset */
	void (*end)(struct bus *b, uint8_t code, const char *how);
};

struct bus {
	const struct bus_owner *owner;
	struct bus_range port[BUS_PORT_RANGES], memory[BUS_MEMORY_RANGES]; /* by address */
	unsigned ports, memories; /* in use, with nobody's */
	unsigned timers, resets;
	uint32_t lines;	     /* taken, as bits */
	uint32_t lines_lent; /* to the HPET, which drives them instead of their devices */
	struct bus_timer timer[BUS_TIMERS];
	struct bus_reset reset[BUS_RESETS];
};

void bus_init(struct bus *b, const struct bus_owner *owner);

/* While the PC is put together. */
void bus_add_ports(struct bus *b, uint16_t first, unsigned count, const struct bus_functions *f,
		   void *device);
void bus_add_memory(struct bus *b, uint64_t first, uint64_t bytes, const struct bus_functions *f,
		    void *device);
void bus_add_line(struct bus *b, unsigned irq);
unsigned bus_add_timer(struct bus *b, void (*fire)(void *device), void *device);
void bus_add_reset(struct bus *b, void (*reset)(void *device), void *device);

/* Looks an access up in one of the tables; NULL if no device handles it in that width. The
 * candidate is the last range that begins at or before the address: entry 0 is unused and begins at
 * 0, entries after the last begin at BUS_END. Whatever the address, even under speculation, only
 * the table is read. */
static inline const struct bus_range *bus_find(const struct bus_range *r, unsigned size,
					       uint64_t at, unsigned width)
{
#pragma GCC unroll 8
	for (unsigned half = size / 2; half; half /= 2)
		r = r[half].first <= at ? r + half : r;
	return (r->functions->widths & width) && at + width - 1 <= r->last ? r : NULL;
}

/* A device drives its line; without effect while that is lent. */
void bus_set_line(struct bus *b, unsigned irq, bool high);

/* Resets all devices to power-on state and cancels timers. */
void bus_reset(struct bus *b);

void bus_set_timer(struct bus *b, unsigned timer, uint64_t at);
void bus_fire(struct bus *b, unsigned timer);
