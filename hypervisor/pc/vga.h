/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registers of a VGA in its 80x25 text mode (IBM VGA reference). Its memory is plain RAM at
 * guest-physical 0xb8000, so drawing costs nothing. */
#pragma once

#include "lib/types.h"

struct bus;

#define VGA_TEXT_AT 0xb8000
#define VGA_ROWS    25
#define VGA_COLUMNS 80

struct vga {
	uint8_t crtc_index, crtc[32];
	uint8_t sequencer_index, sequencer[8];
	uint8_t graphics_index, graphics[16];
	uint8_t attribute_index, attribute[32];
	uint8_t misc;
	bool attribute_data; /* the next write to 0x3c0 is data */
	uint8_t dac[768];
	unsigned dac_read, dac_write;
	struct bus *bus;
};

void vga_reset(struct vga *v);
uint8_t vga_read(struct vga *v, uint16_t port, uint64_t now_ns);
void vga_write(struct vga *v, uint16_t port, uint8_t value);
unsigned vga_start(const struct vga *v); /* first character shown */

void vga_attach(struct vga *v, struct bus *b);
