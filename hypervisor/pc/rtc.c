// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/rtc.h"

#include "lib/string.h"
#include "pc/bus.h"

enum {
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	WEEKDAY = 6,
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	STATUS_A = 10,
	STATUS_B,
	STATUS_C,
	STATUS_D,
	CENTURY = 0x32
};
#define A_UPDATING    0x80
#define B_24_HOURS    0x02
#define B_BINARY      0x04
#define B_UPDATE      0x10 /* the same bits of register C say what has happened */
#define B_ALARM	      0x20
#define B_PERIODIC    0x40
#define B_SET	      0x80
#define C_INTERRUPT   0x80
#define ALARM_ANY     0xc0
#define IRQ	      8
#define DAY_SECONDS   86400u
#define CALENDAR_DAYS 146097ull /* 400 years, from 2000 on */
#define SECOND_NS     1000000000ull
#define UPDATE_NS     244000 /* before a new second */
#define LATE_SECONDS  8	     /* of which a late timer looks for the alarm */

static bool leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && leap(year));
}

/* In days from 2000-01-01. A guest can choose the year: no loop. */
static uint64_t year_begins(unsigned year)
{
	unsigned n = year - 2000;

	return 365ull * n + (n + 3) / 4 - (n + 99) / 100 + (n + 399) / 400;
}

void rtc_reset(struct rtc *r, uint64_t base, uint64_t memory_bytes)
{
	uint64_t above_1m =
		memory_bytes > MIB(1) ? MIN((memory_bytes - MIB(1)) >> 10, 0xffffull) : 0;
	uint64_t above_16m =
		memory_bytes > MIB(16) ? MIN((memory_bytes - MIB(16)) >> 16, 0xffffull) : 0;

	memset(r->ram, 0, sizeof(r->ram));
	r->index = 0;
	r->base = base;
	r->due = BUS_NEVER;
	r->read_at = r->second = 0;
	r->ram[STATUS_A] = 0x26;
	r->ram[STATUS_B] = B_24_HOURS;
	r->ram[STATUS_D] = 0x80; /* the battery is well */
	/* sizes of memory, where PC BIOSes leave them */
	r->ram[0x15] = 0x80;
	r->ram[0x16] = 0x02;
	r->ram[0x17] = r->ram[0x30] = (uint8_t)above_1m;
	r->ram[0x18] = r->ram[0x31] = (uint8_t)(above_1m >> 8);
	r->ram[0x34] = (uint8_t)above_16m;
	r->ram[0x35] = (uint8_t)(above_16m >> 8);
}

static uint8_t in_format(const struct rtc *r, unsigned v)
{
	return (uint8_t)(r->ram[STATUS_B] & B_BINARY ? v : v % 10 | v / 10 << 4);
}

static uint8_t hours(const struct rtc *r, unsigned h)
{
	if (r->ram[STATUS_B] & B_24_HOURS)
		return in_format(r, h);
	return in_format(r, h % 12 ? h % 12 : 12) | (h >= 12 ? 0x80 : 0);
}

static uint8_t date_register(const struct rtc *r, uint64_t now)
{
	uint64_t days = now / DAY_SECONDS;
	unsigned year = 2000, month = 1;

	if (r->index == WEEKDAY)
		return in_format(r, (unsigned)((days + 6) % 7 + 1)); /* 2000-01-01 was a Saturday */
	year += (unsigned)(days * 400 / CALENDAR_DAYS);
	year += days >= year_begins(year + 1);
	year -= days < year_begins(year);
	days -= year_begins(year);
	while (days >= month_days(year, month))
		days -= month_days(year, month++);
	switch (r->index) {
	case DAY: return in_format(r, (unsigned)days + 1);
	case MONTH: return in_format(r, month);
	case YEAR: return in_format(r, year % 100);
	default: return in_format(r, year / 100);
	}
}

static bool is_time(unsigned index)
{
	return index == SECONDS || index == MINUTES || index == HOURS ||
	       (index >= WEEKDAY && index <= YEAR) || index == CENTURY;
}

static uint8_t time_register(struct rtc *r, uint64_t now_ns)
{
	/* bounded: a guest can set it to anything */
	uint64_t now = (r->base + now_ns / SECOND_NS) % (CALENDAR_DAYS * DAY_SECONDS);

	if (r->ram[STATUS_B] & B_SET)
		return r->ram[r->index];
	switch (r->index) {
	case SECONDS: return in_format(r, now % 60);
	case MINUTES: return in_format(r, now / 60 % 60);
	case HOURS: return hours(r, now / 3600 % 24);
	default: return date_register(r, now);
	}
}

/* --- setting it --- */

static unsigned number(const struct rtc *r, unsigned index)
{
	uint8_t v = r->ram[index];

	if (index == HOURS && !(r->ram[STATUS_B] & B_24_HOURS))
		v &= 0x7f;
	return r->ram[STATUS_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static void stop_clock(struct rtc *r, uint64_t now_ns)
{
	uint8_t index = r->index;

	for (r->index = 0; r->index < sizeof(r->ram); r->index++)
		if (is_time(r->index))
			r->ram[r->index] = time_register(r, now_ns);
	r->index = index;
}

/* From what is in the registers. */
static void start_clock(struct rtc *r, uint64_t now_ns)
{
	unsigned year = number(r, CENTURY) * 100 + number(r, YEAR), month = number(r, MONTH);
	unsigned hour = number(r, HOURS);
	uint64_t days = 0;

	if (!(r->ram[STATUS_B] & B_24_HOURS))
		hour = hour % 12 + (r->ram[HOURS] & 0x80 ? 12 : 0);
	if (year > 2000 && year < 2400)
		days = year_begins(year);
	for (unsigned m = 1; m < month && m <= 12; m++)
		days += month_days(year, m);
	days += MAX(number(r, DAY), 1u) - 1;
	r->base = ((days * 24 + hour) * 60 + number(r, MINUTES)) * 60 + number(r, SECONDS) -
		  now_ns / SECOND_NS;
}

static void write_time(struct rtc *r, uint8_t value, uint64_t now_ns)
{
	bool runs = !(r->ram[STATUS_B] & B_SET);

	if (runs)
		stop_clock(r, now_ns);
	r->ram[r->index] = value;
	if (runs)
		start_clock(r, now_ns);
}

/* --- interrupts --- */

static uint64_t period(const struct rtc *r)
{
	unsigned rate = r->ram[STATUS_A] & 15;

	return rate < 3 ? rate * 3906250ull : (SECOND_NS << (rate - 1)) / 32768;
}

static void arm(struct rtc *r, uint64_t now_ns)
{
	bool on = (r->ram[STATUS_B] & B_PERIODIC) && period(r);

	r->due = on ? now_ns + period(r) : BUS_NEVER;
}

static void write_b(struct rtc *r, uint8_t value, uint64_t now_ns)
{
	uint8_t changed = r->ram[STATUS_B] ^ value;

	if (changed & value & B_SET)
		stop_clock(r, now_ns);
	r->ram[STATUS_B] = value;
	if (changed & ~value & B_SET)
		start_clock(r, now_ns);
	if (changed & B_PERIODIC)
		arm(r, now_ns);
	if (changed & (B_UPDATE | B_ALARM | B_SET))
		r->second = now_ns / SECOND_NS;
}

uint64_t rtc_next(const struct rtc *r, uint64_t now_ns)
{
	uint64_t second = (now_ns / SECOND_NS + 1) * SECOND_NS;
	bool seconds = (r->ram[STATUS_B] & (B_UPDATE | B_ALARM)) && !(r->ram[STATUS_B] & B_SET);

	return seconds ? MIN(second, r->due) : r->due;
}

static bool alarm_is_now(struct rtc *r, uint64_t now_ns)
{
	uint8_t index = r->index;
	bool now = true;

	for (r->index = SECONDS; r->index <= HOURS; r->index += 2) {
		uint8_t at = r->ram[r->index + 1];

		now &= at >= ALARM_ANY || at == time_register(r, now_ns);
	}
	r->index = index;
	return now;
}

/* The seconds that have begun since the last time. */
static uint8_t new_seconds(struct rtc *r, uint64_t now_ns)
{
	uint64_t now = now_ns / SECOND_NS, second = r->second;
	uint8_t happened = B_UPDATE;

	if (second == now || (r->ram[STATUS_B] & B_SET))
		return 0;
	for (second = MAX(second + 1, now - MIN(now, LATE_SECONDS)); second <= now; second++)
		happened |= alarm_is_now(r, second * SECOND_NS) ? B_ALARM : 0;
	r->second = now;
	return happened;
}

bool rtc_fire(struct rtc *r, uint64_t now_ns)
{
	uint8_t b = r->ram[STATUS_B], *c = &r->ram[STATUS_C];

	if (r->due <= now_ns) {
		*c |= B_PERIODIC;
		r->due += period(r);
		if (r->due <= now_ns) /* late by more than one */
			r->due = now_ns + period(r);
	}
	*c |= new_seconds(r, now_ns);
	if (*c & b & (B_PERIODIC | B_ALARM | B_UPDATE))
		*c |= C_INTERRUPT;
	return *c & C_INTERRUPT;
}

/* What has happened since the last time, whether it interrupts or not. */
static uint8_t read_c(struct rtc *r, uint64_t now_ns)
{
	uint8_t c = r->ram[STATUS_C];
	uint64_t p = period(r);

	if (now_ns / SECOND_NS != r->read_at / SECOND_NS && !(r->ram[STATUS_B] & B_SET))
		c |= B_UPDATE;
	if (p && now_ns / p != r->read_at / p)
		c |= B_PERIODIC;
	r->ram[STATUS_C] = 0;
	r->read_at = now_ns;
	return c;
}

/* --- registers --- */

uint8_t rtc_read(struct rtc *r, uint16_t port, uint64_t now_ns)
{
	bool updates = !(r->ram[STATUS_B] & B_SET) && now_ns % SECOND_NS >= SECOND_NS - UPDATE_NS;

	if (port == 0x70)
		return 0xff;
	if (is_time(r->index))
		return time_register(r, now_ns);
	if (r->index == STATUS_A)
		return r->ram[STATUS_A] | (updates ? A_UPDATING : 0);
	return r->index == STATUS_C ? read_c(r, now_ns) : r->ram[r->index];
}

void rtc_write(struct rtc *r, uint16_t port, uint8_t value, uint64_t now_ns)
{
	if (port == 0x70) {
		r->index = value & 0x7f;
	} else if (is_time(r->index)) {
		write_time(r, value, now_ns);
	} else if (r->index == STATUS_A) {
		r->ram[STATUS_A] = value & ~A_UPDATING;
		arm(r, now_ns);
	} else if (r->index == STATUS_B) {
		write_b(r, value, now_ns);
	} else if (r->index != STATUS_C && r->index != STATUS_D) {
		r->ram[r->index] = value;
	}
}

static void update(struct rtc *r)
{
	struct bus *b = r->bus;

	bus_set_line(b, IRQ, r->ram[STATUS_C] & C_INTERRUPT);
	bus_set_timer(b, r->timer, rtc_next(r, b->owner->now(b)));
}

static void fire(void *device)
{
	struct rtc *r = device;

	rtc_fire(r, r->bus->owner->now(r->bus));
	update(r);
}

static uint64_t in(void *device, struct bus_access a)
{
	struct rtc *r = device;
	uint8_t value = rtc_read(r, (uint16_t)a.at, r->bus->owner->now(r->bus));

	if (r->index == STATUS_C)
		update(r);
	return value;
}

static void out(void *device, struct bus_access a, uint64_t value)
{
	struct rtc *r = device;

	rtc_write(r, (uint16_t)a.at, (uint8_t)value, r->bus->owner->now(r->bus));
	if (a.at == 0x71)
		update(r);
}

static void reset(void *device)
{
	struct rtc *r = device;

	rtc_reset(r, r->bus->owner->seconds(r->bus), r->memory_bytes);
}

void rtc_attach(struct rtc *r, struct bus *b, uint64_t memory_bytes)
{
	static const struct bus_functions functions = { in, out, 1 };

	r->bus = b;
	r->memory_bytes = memory_bytes;
	bus_add_ports(b, 0x70, 2, &functions, r);
	bus_add_line(b, IRQ);
	r->timer = bus_add_timer(b, fire, r);
	bus_add_reset(b, reset, r);
}
