/* SPDX-License-Identifier: GPL-2.0-or-later */
/* High Precision Event Timers (IA-PC HPET Specification 1.0a): a counter of 64 bits that counts 10
 * ns, and three timers, which interrupt through IRQ 10 or 11, or instead of the 8254 and the clock.
 */
#pragma once

#include "lib/types.h"

#define HPET_AT	    0xfed00000
#define HPET_BYTES  1024
#define HPET_TIMERS 3
#define HPET_ID                                                                                   \
	0x8086a201u /* 2.3.4, low half: two more timers than one, 64 bits, IRQs 0 and 8, revision \
		       1 */
#define HPET_PERIOD_FS 10000000u
#define HPET_NEVER     (~0ull)

struct bus;

struct hpet_timer {
	uint32_t config; /* 2.3.8, low half */
	uint64_t comparator, period;
	uint64_t due; /* when it fires next, in ticks after `since`; HPET_NEVER */
	bool high;    /* its line */
};

struct hpet {
	uint32_t config, status; /* 2.3.5, 2.3.6 */
	uint64_t counter;	 /* at time `since`, from when it counts if it is enabled */
	uint64_t since;		 /* ns */
	uint64_t rest;		 /* ns: until then what is due is merged */
	struct hpet_timer timer[HPET_TIMERS];
	struct bus *bus;
	unsigned bus_timer;
};

void hpet_reset(struct hpet *h);
/* width: 4 or 8 bytes */
uint64_t hpet_read(const struct hpet *h, unsigned offset, unsigned width, uint64_t now);
void hpet_write(struct hpet *h, unsigned offset, unsigned width, uint64_t value, uint64_t now);
/* When a timer fires next, in ns; HPET_NEVER. */
uint64_t hpet_next(const struct hpet *h);
/* Timers that are due by now fire; returns them as bits. */
unsigned hpet_fire(struct hpet *h, uint64_t now);
/* The IRQ of a timer; -1: it has none. */
int hpet_irq(const struct hpet *h, unsigned timer);

void hpet_attach(struct hpet *h, struct bus *b);
