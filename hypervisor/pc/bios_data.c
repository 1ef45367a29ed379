// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/bios_data.h"

#include "lib/string.h"
#include "pc/vga.h"

#define SERIAL_PORT    0x00
#define EXTENDED_DATA  0x0e /* its segment */
#define EQUIPMENT      0x10
#define MEMORY_KIB     0x13
#define KEYS_HEAD      0x1a
#define KEYS_TAIL      0x1c
#define VIDEO_MODE     0x49
#define VIDEO_COLUMNS  0x4a
#define VIDEO_BYTES    0x4c
#define VIDEO_CURSOR   0x60
#define VIDEO_CRTC     0x63
#define KEYS_BEGIN     0x80
#define KEYS_END       0x82
#define VIDEO_LAST_ROW 0x84
#define VIDEO_FONT     0x85

#define HAS_FPU	       0x002
#define HAS_MOUSE      0x004
#define HAS_80_COLUMNS 0x020
#define HAS_ONE_SERIAL 0x200

static void put(void *to, unsigned at, uint16_t value)
{
	memcpy((char *)to + at, &value, sizeof(value));
}

void bios_data_write(void *to, uint64_t low_bytes)
{
	memset(to, 0, BIOS_DATA_BYTES);
	put(to, SERIAL_PORT, 0x3f8);
	put(to, EXTENDED_DATA, (uint16_t)(low_bytes >> 4));
	put(to, EQUIPMENT, HAS_FPU | HAS_MOUSE | HAS_80_COLUMNS | HAS_ONE_SERIAL);
	put(to, MEMORY_KIB, (uint16_t)(low_bytes >> 10));
	put(to, KEYS_HEAD, 0x1e);
	put(to, KEYS_TAIL, 0x1e);
	put(to, VIDEO_MODE, 3);
	put(to, VIDEO_COLUMNS, VGA_COLUMNS);
	put(to, VIDEO_BYTES, 0x1000);
	put(to, VIDEO_CURSOR, 0x0607);
	put(to, VIDEO_CRTC, 0x3d4);
	put(to, KEYS_BEGIN, 0x1e);
	put(to, KEYS_END, 0x3e);
	put(to, VIDEO_LAST_ROW, VGA_ROWS - 1);
	put(to, VIDEO_FONT, 16);
}
