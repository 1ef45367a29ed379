/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An Intel 8254 interval timer (data sheet 231164), with the PC's port 0x61 on channel 2. */
#pragma once

#include "lib/types.h"

struct bus;

#define PIT_HZ 1193182

struct pit_channel {
	uint32_t reload; /* 1 to 65536 */
	uint64_t start;	 /* ns, when counting began */
	uint16_t latch, written;
	uint8_t mode, access; /* access 1 low, 2 high, 3 both */
	uint8_t status_latch;
	bool bcd, latched, status_latched, high_next_read, high_next_write, loaded, gate;
};

struct pit {
	struct pit_channel channel[3];
	uint8_t port61;
	struct bus *bus;
	unsigned timer; /* for the next edge of channel 0 */
};

#define PIT_NEVER (~0ull)

void pit_reset(struct pit *p);
uint8_t pit_read(struct pit *p, uint16_t port, uint64_t now);
void pit_write(struct pit *p, uint16_t port, uint8_t value, uint64_t now);
bool pit_output(const struct pit_channel *c, uint64_t now);

/* When OUT of a channel next rises, after now; PIT_NEVER if it does not. */
uint64_t pit_next_edge(const struct pit_channel *c, uint64_t now);

void pit_attach(struct pit *p, struct bus *b);
