/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU's local APIC, Intel SDM 3A chapter 11, with its page of registers. Its timer counts
 * nanoseconds. */
#pragma once

#include "lib/types.h"

#define LAPIC_AT    0xfee00000
#define LAPIC_NEVER (~0ull)

#define LAPIC_TIMED 0x320 /* registers below it do not need the time: pass LAPIC_NEVER */

enum {
	LAPIC_LVT_TIMER,
	LAPIC_LVT_THERMAL,
	LAPIC_LVT_PERF,
	LAPIC_LVT_LINT0,
	LAPIC_LVT_LINT1,
	LAPIC_LVT_ERROR,
	LAPIC_LVTS
};

struct lapic {
	uint8_t id;
	uint32_t tpr, ldr, dfr, svr, icr_high, icr_low, esr;
	uint32_t lvt[LAPIC_LVTS];
	uint32_t initial, divide;
	uint64_t started; /* ns, when the timer was set; it counts initial * divisor from there */
	bool expired;	  /* a one-shot timer has expired, masked or not */
	uint32_t isr[8], tmr[8], irr[8];
	uint8_t irr_words; /* a bit for each of irr[] that is not 0 */
};

/* What a write asks of others. */
enum lapic_effect { LAPIC_NOTHING, LAPIC_TIMER, LAPIC_EOI, LAPIC_SEND };

void lapic_reset(struct lapic *l, uint8_t id);
uint32_t lapic_read(const struct lapic *l, unsigned offset, uint64_t now);
/* LAPIC_EOI: of the level-triggered interrupt *vector. LAPIC_SEND: send the IPI in icr_low and
 * icr_high. */
enum lapic_effect lapic_write(struct lapic *l, unsigned offset, uint32_t value, uint64_t now,
			      unsigned *vector);

void lapic_accept(struct lapic *l, unsigned vector, bool level);
/* The vector to deliver, or -1. */
int lapic_pending(const struct lapic *l);
void lapic_acknowledge(struct lapic *l, unsigned vector);

/* Whether the 8259s' INTR line reaches the processor through LINT0. */
bool lapic_passes_intr(const struct lapic *l);

/* When the timer next fires, in ns, or LAPIC_NEVER: a periodic one after `since`, a one-shot one
 * when it expires, even if that is before `since`. Then what firing does. */
uint64_t lapic_timer_at(const struct lapic *l, uint64_t since);
void lapic_timer_fired(struct lapic *l);

/* Whether this APIC is a destination of the interrupt, 11.6.2. */
bool lapic_is_destination(const struct lapic *l, uint8_t destination, bool logical);
