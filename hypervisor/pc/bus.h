/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bus of a PC: which device answers to which port and to which address in memory, which has
 * which interrupt line and which timer. A device says so once, when the PC is put together; then
 * the tables are constant and may be read without a lock. What one device has another cannot get:
 * that would be a bug, and is asserted.
 *
 * It is all that a device knows of its surroundings. Time is in nanoseconds since the last reset.
 */
#ifndef VENEER_PC_BUS_H
#define VENEER_PC_BUS_H

#include "lib/types.h"

#define BUS_PORT_RANGES	  32 /* powers of two; one of them is nobody's */
#define BUS_MEMORY_RANGES 4
#define BUS_LINES	  16 /* ISA's */
#define BUS_TIMERS	  4
#define BUS_RESETS	  16

#define BUS_END		  (1ull << 63) /* no address lies there */
#define BUS_NEVER	  (~0ull)

/* Edges nearer together than this become one: a timer can ask for more than a million interrupts a
 * second, and they would come out of the neighbours' time. */
#define BUS_TIMER_REST_NS 50000

struct bus_access {
	uint64_t at;	/* port, or guest-physical address */
	uint32_t width; /* bytes: 1, 2 or 4, in memory 8 too */
	uint32_t vcpu;	/* that makes it */
};

/* What a device does for a range. It is asked for accesses that lie in the range and whose width is
 * one of widths, an OR of them. Of ports, others are done byte by byte. */
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
	void (*input)(struct bus *b); /* a device may have room for console input again */
	bool (*print)(struct bus *b, uint8_t byte); /* false: no room for more behind it */
	void (*restart)(struct bus *b);		    /* the guest wants its reset */
	void (*end)(struct bus *b, uint8_t code, const char *how);
};

struct bus {
	const struct bus_owner *owner;
	struct bus_range port[BUS_PORT_RANGES], memory[BUS_MEMORY_RANGES]; /* by address */
	unsigned ports, memories; /* in use, with nobody's */
	unsigned timers, resets;
	uint32_t lines; /* taken, as bits */
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

/* Who answers, in one of the tables, or NULL: nobody to an access of that width. It is the last
 * range that begins at or before the address: the first of them is nobody's and begins at 0, those
 * behind the last in use at BUS_END. Whatever the address, and however the
 * processor guesses, nothing but the table is read. */
static inline const struct bus_range *bus_find(const struct bus_range *r, unsigned size,
					       uint64_t at, unsigned width)
{
#pragma GCC unroll 8
	for (unsigned half = size / 2; half; half /= 2)
		r = r[half].first <= at ? r + half : r;
	return (r->functions->widths & width) && at + width - 1 <= r->last ? r : NULL;
}

/* All devices as they are at power-on; no timer is set. */
void bus_reset(struct bus *b);

void bus_set_timer(struct bus *b, unsigned timer, uint64_t at);
void bus_fire(struct bus *b, unsigned timer);

#endif
