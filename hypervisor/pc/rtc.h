/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Motorola MC146818 clock with its interrupts and 128 bytes of CMOS RAM. It can be set; that
 * lasts until the reset. */
#pragma once

#include "lib/types.h"

struct bus;

struct rtc {
	uint8_t index;
	uint8_t ram[128]; /* with the time, while register B's SET stops it */
	uint64_t base;	  /* seconds since 2000-01-01 at time 0 */
	uint64_t due;	  /* ns: the next periodic interrupt; BUS_NEVER */
	uint64_t read_at; /* ns: when register C was read last */
	uint64_t second;  /* the last one whose beginning was seen */
	unsigned timer;
	struct bus *bus;
	uint64_t memory_bytes;
};

void rtc_reset(struct rtc *r, uint64_t base_seconds, uint64_t memory_bytes);
uint8_t rtc_read(struct rtc *r, uint16_t port, uint64_t now_ns);
void rtc_write(struct rtc *r, uint16_t port, uint8_t value, uint64_t now_ns);
/* The time has come for which rtc_next asked; true: there is an interrupt. */
bool rtc_fire(struct rtc *r, uint64_t now_ns);
uint64_t rtc_next(const struct rtc *r, uint64_t now_ns); /* or BUS_NEVER */

void rtc_attach(struct rtc *r, struct bus *b, uint64_t memory_bytes);
