// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/vga.h"

#include "lib/string.h"
#include "pc/bus.h"

enum { CURSOR_START = 10, CURSOR_END, START_HIGH, START_LOW, CURSOR_HIGH, CURSOR_LOW };
#define FRAME_NS   14268000 /* 70 Hz */
#define RETRACE_NS 1000000

void vga_reset(struct vga *v)
{
	*v = (struct vga){
		.misc = 0x67,
		.crtc = { [CURSOR_START] = 13, [CURSOR_END] = 14 },
		.bus = v->bus,
	};
}

unsigned vga_start(const struct vga *v)
{
	return v->crtc[START_HIGH] << 8 | v->crtc[START_LOW];
}

uint8_t vga_read(struct vga *v, uint16_t port, uint64_t now)
{
	switch (port) {
	case 0x3c0: return v->attribute_index;
	case 0x3c1: return v->attribute[v->attribute_index & 31];
	case 0x3c4: return v->sequencer_index;
	case 0x3c5: return v->sequencer[v->sequencer_index & 7];
	case 0x3c7: return 3;
	case 0x3c8: return (uint8_t)(v->dac_write / 3);
	case 0x3c9: return v->dac[v->dac_read++ % sizeof(v->dac)];
	case 0x3cc: return v->misc;
	case 0x3ce: return v->graphics_index;
	case 0x3cf: return v->graphics[v->graphics_index & 15];
	case 0x3d4: return v->crtc_index;
	case 0x3d5: return v->crtc[v->crtc_index & 31];
	case 0x3da:
		v->attribute_data = false;
		return now % FRAME_NS < RETRACE_NS ? 0x09 : now / 16000 & 1;
	default: return 0xff;
	}
}

static void write_attribute(struct vga *v, uint8_t value)
{
	if (v->attribute_data)
		v->attribute[v->attribute_index & 31] = value;
	else
		v->attribute_index = value;
	v->attribute_data = !v->attribute_data;
}

void vga_write(struct vga *v, uint16_t port, uint8_t value)
{
	switch (port) {
	case 0x3c0: write_attribute(v, value); break;
	case 0x3c2: v->misc = value; break;
	case 0x3c4: v->sequencer_index = value; break;
	case 0x3c5: v->sequencer[v->sequencer_index & 7] = value; break;
	case 0x3c7: v->dac_read = value * 3; break;
	case 0x3c8: v->dac_write = value * 3; break;
	case 0x3c9: v->dac[v->dac_write++ % sizeof(v->dac)] = value; break;
	case 0x3ce: v->graphics_index = value; break;
	case 0x3cf: v->graphics[v->graphics_index & 15] = value; break;
	case 0x3d4: v->crtc_index = value; break;
	case 0x3d5: v->crtc[v->crtc_index & 31] = value; break;
	default: break;
	}
}

static uint64_t in(void *device, struct bus_access a)
{
	struct vga *v = device;

	return vga_read(v, (uint16_t)a.at, v->bus->owner->now(v->bus));
}

static void out(void *device, struct bus_access a, uint64_t value)
{
	vga_write(device, (uint16_t)a.at, (uint8_t)value);
}

static void reset(void *device)
{
	vga_reset(device);
}

void vga_attach(struct vga *v, struct bus *b)
{
	static const struct bus_functions functions = { in, out, 1 };

	v->bus = b;
	bus_add_ports(b, 0x3b0, 0x30, &functions, v);
	bus_add_reset(b, reset, v);
}
