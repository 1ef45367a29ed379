/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An I/O APIC (Intel 82093AA data sheet): 24 pins, each with a redirection entry. */
#pragma once

#include "lib/types.h"

#define IOAPIC_AT   0xfec00000
#define IOAPIC_PINS 24
#define IOAPIC_ID   0xf /* at reset, and in the tables */

struct ioapic {
	uint32_t index, id;
	uint32_t lines; /* as they are */
	uint64_t redirect[IOAPIC_PINS];
};

/* A redirection entry: vector 7:0, delivery mode 10:8, logical 11, remote IRR 14, level 15, masked
 * 16, destination 63:56. */
#define IOAPIC_VECTOR(r)      ((unsigned)(r)&0xff)
#define IOAPIC_MODE(r)	      ((unsigned)((r) >> 8) & 7)
#define IOAPIC_LOGICAL	      0x00800ull
#define IOAPIC_REMOTE_IRR     0x04000ull
#define IOAPIC_LEVEL	      0x08000ull
#define IOAPIC_MASKED	      0x10000ull
#define IOAPIC_DESTINATION(r) ((uint8_t)((r) >> 56))

void ioapic_reset(struct ioapic *io);
uint32_t ioapic_read(const struct ioapic *io, unsigned offset);
/* Returns the pins whose interrupt must be sent now, as bits. */
uint32_t ioapic_write(struct ioapic *io, unsigned offset, uint32_t value);
uint32_t ioapic_set_line(struct ioapic *io, unsigned pin, bool high);
uint32_t ioapic_end_of_interrupt(struct ioapic *io, unsigned vector);
