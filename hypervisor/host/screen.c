// SPDX-License-Identifier: GPL-2.0-or-later
#include "screen.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FONT_PATH   "/usr/share/grub/unicode.pf2" /* Debian package grub-common */
#define CELL_WIDTH  8
#define CELL_HEIGHT 16
#define BASELINE    13 /* rows above it */

/* The text after "GUEST: WHAT NN ", if NN is a row; else NULL. */
static const char *row_of(const char *said, const char *guest, const char *what, unsigned *row)
{
	char head[64];
	int used = snprintf(head, sizeof(head), "%s: %s ", guest, what);

	if (strncmp(said, head, (size_t)used) || sscanf(said + used, "%2u", row) != 1 ||
	    *row >= SCREEN_ROWS)
		return NULL;
	return said + used + 3;
}

bool screen_take(struct screen *s, const char *guest, const char *said)
{
	unsigned row;
	const char *text = row_of(said, guest, "cells", &row);

	if (!text || strlen(text) < 4 * SCREEN_COLUMNS)
		return false;
	for (unsigned i = 0; i < SCREEN_COLUMNS; i++) {
		char hex[5] = { 0 };

		memcpy(hex, text + 4 * i, 4);
		s->cell[row][i] = (uint16_t)strtoul(hex, NULL, 16);
	}
	s->rows++;
	return true;
}

bool text_screen_take(struct text_screen *s, const char *guest, const char *said)
{
	unsigned row;
	const char *text = row_of(said, guest, "screen", &row);

	if (!text || strlen(text) < SCREEN_COLUMNS + 2)
		return false;
	memcpy(s->row[row], text + 1, SCREEN_COLUMNS);
	s->row[row][SCREEN_COLUMNS] = '\n';
	s->rows++;
	return true;
}

const char *text_screen_string(const struct text_screen *s)
{
	static char text[sizeof(s->row) + 1];

	memcpy(text, s->row, sizeof(s->row));
	return text;
}

/* Code page 437 above ASCII. */
static const uint16_t cp437_high[128] = {
	0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8,
	0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2,
	0x00fb, 0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1,
	0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd,
	0x00bc, 0x00a1, 0x00ab, 0x00bb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562,
	0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534,
	0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560,
	0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b,
	0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580, 0x03b1, 0x00df, 0x0393,
	0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6,
	0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248, 0x00b0,
	0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

struct font {
	uint8_t *data;
	size_t bytes;
	const uint8_t *index; /* entries of 9 bytes: code point, flags, offset */
	size_t entries;
};

static uint32_t big32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static int16_t big16(const uint8_t *p)
{
	return (int16_t)(p[0] << 8 | p[1]);
}

/* An entry of the index: a character, a byte of flags, an offset in the file. */
#define ENTRY_BYTES 9

/* A PFF2 file is a sequence of sections: name, length, contents. */
static int font_read(struct font *f)
{
	FILE *in = fopen(FONT_PATH, "rb");
	long size = -1;

	if (in && !fseek(in, 0, SEEK_END))
		size = ftell(in);
	f->data = size > 0 ? malloc((size_t)size) : NULL;
	f->bytes = size > 0 ? (size_t)size : 0;
	if (f->data)
		rewind(in);
	bool good = f->data && fread(f->data, 1, f->bytes, in) == f->bytes;
	if (in)
		fclose(in);
	for (size_t at = 0; good && at + 8 <= f->bytes;) {
		uint32_t length = big32(f->data + at + 4);

		if (!memcmp(f->data + at, "DATA", 4))
			break;
		if (length > f->bytes - at - 8)
			break;
		if (!memcmp(f->data + at, "CHIX", 4)) {
			f->index = f->data + at + 8;
			f->entries = length / ENTRY_BYTES;
		}
		at += 8 + length;
	}
	if (f->index)
		return 0;
	fprintf(stderr, "veneer: %s: no font to draw with: install the package grub-common\n",
		FONT_PATH);
	return -1;
}

static int character_of_entry(const void *character, const void *entry)
{
	uint32_t wanted = *(const uint32_t *)character, here = big32(entry);

	return (wanted > here) - (wanted < here);
}

static const uint8_t *glyph(const struct font *f, uint32_t code)
{
	const uint8_t *e = bsearch(&code, f->index, f->entries, ENTRY_BYTES, character_of_entry);
	uint32_t offset = e ? big32(e + 5) : 0;

	return e && offset + 10 + 32 <= f->bytes ? f->data + offset : NULL;
}

/* The sixteen colours of a VGA. */
static const uint32_t palette[16] = { 0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa,
				      0xaa5500, 0xaaaaaa, 0x555555, 0x5555ff, 0x55ff55, 0x55ffff,
				      0xff5555, 0xff55ff, 0xffff55, 0xffffff };

#define WIDTH  (SCREEN_COLUMNS * CELL_WIDTH)
#define HEIGHT (SCREEN_ROWS * CELL_HEIGHT)

static void put_pixel(uint8_t *image, unsigned x, unsigned y, uint32_t colour)
{
	uint8_t *p = image + 3 * (y * WIDTH + x);

	p[0] = colour >> 16;
	p[1] = colour >> 8 & 0xff;
	p[2] = colour & 0xff;
}

static void draw_cell(uint8_t *image, const struct font *f, unsigned row, unsigned column,
		      uint16_t cell)
{
	uint8_t c = cell & 0xff;
	uint32_t code = c < 128 ? c : cp437_high[c - 128];
	uint32_t fore = palette[cell >> 8 & 15], back = palette[cell >> 12 & 7];
	const uint8_t *g = code > ' ' ? glyph(f, code) : NULL;

	for (unsigned y = 0; y < CELL_HEIGHT; y++)
		for (unsigned x = 0; x < CELL_WIDTH; x++)
			put_pixel(image, column * CELL_WIDTH + x, row * CELL_HEIGHT + y, back);
	if (!g)
		return;
	int width = big16(g), height = big16(g + 2), left = big16(g + 4), bottom = big16(g + 6);
	int top = BASELINE - bottom - height;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			int bit = y * width + x, px = left + x, py = top + y;

			if ((g[10 + bit / 8] >> (7 - bit % 8) & 1) && px >= 0 && px < CELL_WIDTH &&
			    py >= 0 && py < CELL_HEIGHT)
				put_pixel(image, column * CELL_WIDTH + (unsigned)px,
					  row * CELL_HEIGHT + (unsigned)py, fore);
		}
}

int screen_png(const struct screen *s, const char *path)
{
	png_image png = { .version = PNG_IMAGE_VERSION,
			  .width = WIDTH,
			  .height = HEIGHT,
			  .format = PNG_FORMAT_RGB };
	struct font f = { 0 };
	int err = font_read(&f);
	uint8_t *image = calloc(3 * WIDTH, HEIGHT);

	if (!err && image) {
		for (unsigned row = 0; row < SCREEN_ROWS; row++)
			for (unsigned column = 0; column < SCREEN_COLUMNS; column++)
				draw_cell(image, &f, row, column, s->cell[row][column]);
		if (!png_image_write_to_file(&png, path, 0, image, 0, NULL)) {
			fprintf(stderr, "veneer: %s: %s\n", path, png.message);
			err = -1;
		}
	}
	free(image);
	free(f.data);
	return err;
}
