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
#define B_24_HOURS  0x02
#define B_BINARY    0x04
#define DAY_SECONDS 86400u

static bool leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && leap(year));
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
	while (days >= 365u + leap(year))
		days -= 365 + leap(year++);
	while (days >= month_days(year, month))
		days -= month_days(year, month++);
	switch (r->index) {
	case DAY: return in_format(r, (unsigned)days + 1);
	case MONTH: return in_format(r, month);
	case YEAR: return in_format(r, year % 100);
	default: return in_format(r, year / 100);
	}
}

uint8_t rtc_read(struct rtc *r, uint16_t port, uint64_t now_ns)
{
	uint64_t now = r->base + now_ns / 1000000000;

	if (port == 0x70)
		return 0xff;
	switch (r->index) {
	case SECONDS: return in_format(r, now % 60);
	case MINUTES: return in_format(r, now / 60 % 60);
	case HOURS: return hours(r, now / 3600 % 24);
	case WEEKDAY:
	case DAY:
	case MONTH:
	case YEAR:
	case CENTURY: return date_register(r, now);
	default: return r->ram[r->index];
	}
}

void rtc_write(struct rtc *r, uint16_t port, uint8_t value)
{
	if (port == 0x70)
		r->index = value & 0x7f;
	else if (r->index == STATUS_B)
		r->ram[STATUS_B] = value & (B_24_HOURS | B_BINARY);
	else if (r->index > STATUS_D && r->index != CENTURY)
		r->ram[r->index] = value;
}

static uint64_t in(void *device, struct bus_access a)
{
	struct rtc *r = device;

	return rtc_read(r, (uint16_t)a.at, r->bus->owner->now(r->bus));
}

static void out(void *device, struct bus_access a, uint64_t value)
{
	rtc_write(device, (uint16_t)a.at, (uint8_t)value);
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
	bus_add_reset(b, reset, r);
}
