/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Motorola MC146818 clock with 128 bytes of CMOS RAM, without its interrupts. */
#pragma once

#include "lib/types.h"

struct bus;

struct rtc {
	uint8_t index;
	uint8_t ram[128];
	uint64_t base; /* seconds since 2000-01-01 at time 0 */
	struct bus *bus;
	uint64_t memory_bytes;
};

void rtc_reset(struct rtc *r, uint64_t base_seconds, uint64_t memory_bytes);
uint8_t rtc_read(struct rtc *r, uint16_t port, uint64_t now_ns);
void rtc_write(struct rtc *r, uint16_t port, uint8_t value);

void rtc_attach(struct rtc *r, struct bus *b, uint64_t memory_bytes);
