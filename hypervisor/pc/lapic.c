// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/lapic.h"

#include "lib/string.h"

/* Register offsets, table 11-1 */
enum {
	ID = 0x020,
	VERSION = 0x030,
	TPR = 0x080,
	PPR = 0x0a0,
	EOI = 0x0b0,
	LDR = 0x0d0,
	DFR = 0x0e0,
	SVR = 0x0f0,
	ISR = 0x100,
	TMR = 0x180,
	IRR = 0x200,
	ESR = 0x280,
	ICR_LOW = 0x300,
	ICR_HIGH = 0x310,
	LVT = LAPIC_TIMED,
	INITIAL = 0x380,
	CURRENT = 0x390,
	DIVIDE = 0x3e0
};

#define VERSION_VALUE 0x00050014 /* six LVT entries */
#define LVT_MASKED    0x10000u
#define LVT_PERIODIC  0x20000u
#define LVT_MODE      0x00700u
#define LVT_EXTINT    0x00700u
#define LVT_NMI	      0x00400u
#define SVR_ENABLE    0x100u
#define ICR_PENDING   0x1000u

void lapic_reset(struct lapic *l, uint8_t id)
{
	memset(l, 0, sizeof(*l));
	l->id = id;
	l->dfr = ~0u;
	for (unsigned i = 0; i < LAPIC_LVTS; i++)
		l->lvt[i] = LVT_MASKED;
	/* the BIOS's setting: virtual wire mode, Multiprocessor Specification 1.4, 3.6.2.2 */
	l->svr = id ? 0xff : SVR_ENABLE | 0xff;
	if (!id) {
		l->lvt[LAPIC_LVT_LINT0] = LVT_EXTINT;
		l->lvt[LAPIC_LVT_LINT1] = LVT_NMI;
	}
}

static int highest(const uint32_t *bits)
{
	for (int i = 7; i >= 0; i--)
		if (bits[i])
			return i * 32 + 31 - __builtin_clz(bits[i]);
	return -1;
}

/* 11.8.3.1: the higher class of the task priority and of the vector in service. */
static unsigned processor_priority(const struct lapic *l)
{
	int in_service = highest(l->isr);
	unsigned service = in_service < 0 ? 0 : (unsigned)in_service & 0xf0;

	return (l->tpr & 0xf0) >= service ? l->tpr : service;
}

static uint64_t divisor(const struct lapic *l)
{
	unsigned code = (l->divide & 3) | (l->divide >> 1 & 4);

	return code == 7 ? 1 : 2ull << code;
}

static uint64_t period(const struct lapic *l)
{
	return l->initial * divisor(l);
}

static bool is_periodic(const struct lapic *l)
{
	return l->lvt[LAPIC_LVT_TIMER] & LVT_PERIODIC;
}

static uint32_t current_count(const struct lapic *l, uint64_t now)
{
	uint64_t passed = now - l->started, whole = period(l);

	if (!l->initial)
		return 0;
	if (is_periodic(l))
		passed %= whole;
	return passed >= whole ? 0 : (uint32_t)((whole - passed) / divisor(l));
}

uint32_t lapic_read(const struct lapic *l, unsigned offset, uint64_t now)
{
	switch (offset) {
	case ID: return (uint32_t)l->id << 24;
	case VERSION: return VERSION_VALUE;
	case TPR: return l->tpr;
	case PPR: return processor_priority(l);
	case LDR: return l->ldr;
	case DFR: return l->dfr;
	case SVR: return l->svr;
	case ISR ... ISR + 0x70: return l->isr[(offset - ISR) / 16];
	case TMR ... TMR + 0x70: return l->tmr[(offset - TMR) / 16];
	case IRR ... IRR + 0x70: return l->irr[(offset - IRR) / 16];
	case ESR: return l->esr;
	case ICR_LOW: return l->icr_low;
	case ICR_HIGH: return l->icr_high;
	case LVT ... LVT + 0x50: return l->lvt[(offset - LVT) / 16];
	case INITIAL: return l->initial;
	case CURRENT: return current_count(l, now);
	case DIVIDE: return l->divide;
	default: return 0;
	}
}

static bool take_bit(uint32_t *bits, unsigned n)
{
	bool was = bits[n / 32] >> n % 32 & 1;

	bits[n / 32] &= ~(1u << n % 32);
	return was;
}

static enum lapic_effect end_of_interrupt(struct lapic *l, unsigned *vector)
{
	int v = highest(l->isr);

	if (v < 0)
		return LAPIC_NOTHING;
	take_bit(l->isr, (unsigned)v);
	*vector = (unsigned)v;
	return take_bit(l->tmr, (unsigned)v) ? LAPIC_EOI : LAPIC_NOTHING;
}

static void set_svr(struct lapic *l, uint32_t value)
{
	l->svr = value & 0x1ff;
	for (unsigned i = 0; i < LAPIC_LVTS && !(value & SVR_ENABLE); i++)
		l->lvt[i] |= LVT_MASKED;
}

/* A timer that expires while masked does not fire when it is unmasked. */
static void note_expiry(struct lapic *l, uint64_t now)
{
	if ((l->lvt[LAPIC_LVT_TIMER] & LVT_MASKED) && !is_periodic(l) &&
	    now - l->started >= period(l))
		l->expired = true;
}

static void set_lvt(struct lapic *l, unsigned n, uint32_t value)
{
	static const uint32_t writable[LAPIC_LVTS] = { 0x300ff, 0x107ff, 0x107ff,
						       0x1a7ff, 0x1a7ff, 0x100ff };

	l->lvt[n] = value & writable[n];
	if (!(l->svr & SVR_ENABLE))
		l->lvt[n] |= LVT_MASKED;
}

enum lapic_effect lapic_write(struct lapic *l, unsigned offset, uint32_t value, uint64_t now,
			      unsigned *vector)
{
	switch (offset) {
	case TPR: l->tpr = value & 0xff; break;
	case EOI: return end_of_interrupt(l, vector);
	case LDR: l->ldr = value & 0xff000000; break;
	case DFR: l->dfr = value | 0x0fffffff; break;
	case SVR: set_svr(l, value); break;
	case ESR: l->esr = 0; break;
	case ICR_HIGH: l->icr_high = value & 0xff000000; break;
	case ICR_LOW: l->icr_low = value & ~ICR_PENDING & 0xccfff; return LAPIC_SEND;
	case LVT ... LVT + 0x50:
		note_expiry(l, now);
		set_lvt(l, (offset - LVT) / 16, value);
		return LAPIC_TIMER;
	case DIVIDE: l->divide = value & 0xb; return LAPIC_TIMER;
	case INITIAL:
		l->initial = value;
		l->started = now;
		l->expired = false;
		return LAPIC_TIMER;
	default: break;
	}
	return LAPIC_NOTHING;
}

void lapic_accept(struct lapic *l, unsigned vector, bool level)
{
	if (vector < 16 || vector > 255 || !(l->svr & SVR_ENABLE))
		return;
	take_bit(l->tmr, vector);
	if (level)
		l->tmr[vector / 32] |= 1u << vector % 32;
	l->irr[vector / 32] |= 1u << vector % 32;
	l->irr_words |= (uint8_t)(1 << vector / 32);
}

int lapic_pending(const struct lapic *l)
{
	int v;

	if (!l->irr_words) /* looked at before every entry */
		return -1;
	v = highest(l->irr);
	return ((unsigned)v & 0xf0) > (processor_priority(l) & 0xf0) ? v : -1;
}

void lapic_acknowledge(struct lapic *l, unsigned vector)
{
	take_bit(l->irr, vector);
	if (!l->irr[vector / 32])
		l->irr_words &= (uint8_t) ~(1 << vector / 32);
	l->isr[vector / 32] |= 1u << vector % 32;
}

bool lapic_passes_intr(const struct lapic *l)
{
	return (l->lvt[LAPIC_LVT_LINT0] & (LVT_MASKED | LVT_MODE)) == LVT_EXTINT;
}

uint64_t lapic_timer_at(const struct lapic *l, uint64_t since)
{
	uint64_t whole = period(l);

	if (!l->initial || (l->lvt[LAPIC_LVT_TIMER] & LVT_MASKED))
		return LAPIC_NEVER;
	if (!is_periodic(l)) /* possibly in the past, if we are late; it must fire nevertheless */
		return l->expired ? LAPIC_NEVER : l->started + whole;
	if (since < l->started + whole)
		return l->started + whole;
	return l->started + ((since - l->started) / whole + 1) * whole;
}

void lapic_timer_fired(struct lapic *l)
{
	l->expired = !is_periodic(l);
	if (!(l->lvt[LAPIC_LVT_TIMER] & LVT_MASKED))
		lapic_accept(l, l->lvt[LAPIC_LVT_TIMER] & 0xff, false);
}

bool lapic_is_destination(const struct lapic *l, uint8_t destination, bool logical)
{
	unsigned mine = l->ldr >> 24;

	if (!logical)
		return destination == 0xff || destination == l->id;
	if (l->dfr >> 28 == 15) /* flat */
		return mine & destination;
	return (mine >> 4) == destination >> 4 && (mine & destination & 15);
}
