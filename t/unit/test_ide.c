// SPDX-License-Identifier: GPL-2.0-or-later
/* The IDE disk against ATA/ATAPI-4, and with random accesses: nothing but the disk's own bytes is
 * read or written. */
#include "pc/bus.h"
#include "pc/ide.h"
#include "tap.h"

#define SECTORS 2100 /* two cylinders, and some that only LBA reaches */

static uint8_t *disk, copy[SECTORS * IDE_SECTOR];
static bool line;
static unsigned edges;

static void set_line(struct bus *b, unsigned irq, bool high)
{
	(void)b;
	edges += irq == 14 && high && !line;
	line = high;
}

static const struct bus_owner owner = { .set_line = set_line };
static struct bus bus;
static struct ide d;

static uint8_t in(uint16_t port)
{
	return (uint8_t)ide_read(&d, port, 1);
}

static void out(uint16_t port, uint8_t value)
{
	ide_write(&d, port, 1, value);
}

static void command(uint8_t c, uint32_t lba, uint8_t count)
{
	out(0x1f2, count);
	out(0x1f3, (uint8_t)lba);
	out(0x1f4, (uint8_t)(lba >> 8));
	out(0x1f5, (uint8_t)(lba >> 16));
	out(0x1f6, (uint8_t)(0xe0 | lba >> 24));
	out(0x1f7, c);
}

static uint32_t named(void)
{
	return in(0x1f3) | (uint32_t)in(0x1f4) << 8 | (uint32_t)in(0x1f5) << 16 |
	       (uint32_t)(in(0x1f6) & 15) << 24;
}

static void start(void)
{
	for (unsigned i = 0; i < SECTORS * IDE_SECTOR; i++)
		disk[i] = (uint8_t)(i / IDE_SECTOR * 7 + i);
	memcpy(copy, disk, sizeof(copy));
	bus_init(&bus, &owner);
	memset(&d, 0, sizeof(d));
	ide_set_drive(&d, 0, disk, SECTORS);
	ide_attach(&d, &bus);
	bus_reset(&bus);
	edges = 0;
}

/* Reads what is there to be read; whether it is these sectors. */
static bool reads(uint32_t from, unsigned sectors, unsigned width)
{
	bool same = true;

	for (unsigned at = 0; at < sectors * IDE_SECTOR; at += width) {
		uint32_t want = 0, got;

		memcpy(&want, disk + from * IDE_SECTOR + at, width);
		same &= in(0x3f6) == 0x58;
		got = ide_read(&d, 0x1f0, width);
		same &= got == want;
	}
	return same && in(0x3f6) == 0x50;
}

static void reading(void)
{
	start();
	is(in(0x1f7), 0x50, "it is ready");
	ok(in(0x1f2) == 1 && in(0x1f3) == 1 && !in(0x1f4) && !in(0x1f5) && in(0x1f1) == 1,
	   "with a disk's signature");
	command(0x20, 5, 3);
	is(edges, 1, "READ: an interrupt before the first sector");
	in(0x1f7);
	bool same = !line;
	for (unsigned i = 0; i < IDE_SECTOR; i += 2) {
		uint16_t want;

		memcpy(&want, disk + 5 * IDE_SECTOR + i, 2);
		same &= ide_read(&d, 0x1f0, 2) == want;
	}
	ok(same, "READ: a sector");
	in(0x1f7);
	is(edges, 2, "READ: an interrupt before the next");
	start();
	command(0x20, 5, 3);
	for (unsigned i = 0; i < 3; i++) {
		in(0x1f7);
		for (unsigned n = 0; n < IDE_SECTOR / 4; n++)
			ide_read(&d, 0x1f0, 4);
	}
	ok(edges == 3 && named() == 7 && !in(0x1f2), "READ: three interrupts, and where it ended");
	command(0x20, SECTORS - 1, 2);
	reads(SECTORS - 1, 1, 4);
	ok(in(0x1f7) == 0x51 && in(0x1f1) == 0x10 && in(0x1f2) == 1,
	   "READ: beyond the end is an error after what is there");
	command(0x20, SECTORS, 1);
	is(in(0x1f7), 0x51, "READ: nothing there");
	command(0x20, 0x0fffffff, 0);
	is(in(0x1f7), 0x51, "READ: far beyond");
	out(0x1f6, 0xa1); /* head 1 */
	out(0x1f2, 1);
	out(0x1f3, 3);
	out(0x1f4, 1);
	out(0x1f5, 0);
	out(0x1f7, 0x20);
	ok(reads((16 + 1) * 63 + 2, 1, 2), "READ: by cylinder, head and sector");
	out(0x1f3, 0);
	out(0x1f7, 0x20);
	is(in(0x1f7), 0x51, "READ: there is no sector 0 in a track");
}

static void writing(void)
{
	start();
	command(0x30, 2, 2);
	ok(!edges && in(0x1f7) == 0x58, "WRITE: wants data, without an interrupt");
	for (unsigned i = 0; i < 2 * IDE_SECTOR / 2; i++) {
		ide_write(&d, 0x1f0, 2, i);
		copy[2 * IDE_SECTOR + 2 * i] = (uint8_t)i;
		copy[2 * IDE_SECTOR + 2 * i + 1] = (uint8_t)(i >> 8);
		if (i % 256 == 255)
			in(0x1f7);
	}
	ok(edges == 2 && in(0x1f7) == 0x50 && !memcmp(disk, copy, sizeof(copy)),
	   "WRITE: an interrupt after each sector, and the disk has them");
	command(0x30, SECTORS, 1);
	is(in(0x1f7), 0x51, "WRITE: nothing there");
	ide_write(&d, 0x1f0, 4, ~0u);
	ok(!memcmp(disk, copy, sizeof(copy)), "WRITE: data that is not wanted is dropped");
}

static void several(void)
{
	start();
	command(0xc4, 0, 4);
	is(in(0x1f7), 0x51, "READ MULTIPLE: not before it is set");
	command(0xc6, 0, 3);
	is(in(0x1f7), 0x51, "SET MULTIPLE: a power of two");
	command(0xc6, 0, 4);
	is(in(0x1f7), 0x50, "SET MULTIPLE");
	edges = 0;
	command(0xc4, 10, 6);
	for (unsigned i = 0; i < 6; i++) {
		in(0x1f7);
		for (unsigned n = 0; n < IDE_SECTOR / 2; n++)
			ide_read(&d, 0x1f0, 2);
	}
	ok(edges == 2 && named() == 15, "READ MULTIPLE: an interrupt for each block");
}

static void others(void)
{
	uint16_t word[256];

	start();
	out(0x1f7, 0xec);
	for (unsigned i = 0; i < 256; i++)
		word[i] = (uint16_t)ide_read(&d, 0x1f0, 2);
	ok(edges == 1 && in(0x1f7) == 0x50, "IDENTIFY");
	ok(word[1] == 2 && word[3] == 16 && word[6] == 63, "its geometry");
	ok((word[60] | word[61] << 16) == SECTORS && word[49] == 0x200, "its sectors, and LBA");
	is(word[27], 'V' << 8 | 'e', "its name");
	out(0x1f6, 0xb0);
	ok(!in(0x1f7) && !in(0x3f6), "there is no second disk");
	out(0x1f7, 0xec);
	ok(!in(0x1f7), "and it does nothing");
	out(0x1f6, 0xa0);
	out(0x3f6, 2);
	in(0x1f7);
	edges = 0;
	out(0x1f7, 0xe7);
	ok(!edges && !line, "no interrupt when they are off");
	out(0x3f6, 0);
	ok(line, "until they are on");
	out(0x1f7, 0xa1);
	ok(in(0x1f7) == 0x51 && in(0x1f1) == 4, "it is no CD");
	out(0x3f6, 4);
	is(in(0x3f6), 0x80, "busy while it is reset");
	out(0x3f6, 0);
	ok(in(0x1f7) == 0x50 && in(0x1f1) == 1 && !line, "and ready after it");
	out(0x1f2, 10);
	out(0x1f6, 0xa3);
	out(0x1f7, 0x91);
	out(0x1f6, 0xa3);
	out(0x1f2, 1);
	out(0x1f3, 10);
	out(0x1f4, 0);
	out(0x1f5, 0);
	out(0x1f7, 0x20);
	ok(reads(39, 1, 4), "another geometry: 4 heads, 10 sectors");
}

static void two_drives(void)
{
	uint8_t *other = malloc(3 * IDE_SECTOR);

	memset(other, 0x5a, 3 * IDE_SECTOR);
	start();
	ide_set_drive(&d, 1, other, 3);
	bus_reset(&bus);
	command(0x20, 0, 1);
	out(0x1f6, 0xf0);
	is(in(0x1f7), 0x50, "the second drive is not in the first one's transfer");
	is(ide_read(&d, 0x1f0, 2), ~0u, "and has no data");
	out(0x1f6, 0xe0);
	ok(in(0x1f7) == 0x58 && reads(0, 1, 2), "which goes on");
	out(0x1f6, 0xf0);
	out(0x1f2, 1);
	out(0x1f3, 2);
	out(0x1f4, 0);
	out(0x1f5, 0);
	out(0x1f7, 0x30);
	for (unsigned i = 0; i < IDE_SECTOR / 4; i++)
		ide_write(&d, 0x1f0, 4, 0x01020304);
	ok(other[2 * IDE_SECTOR] == 4 && other[2 * IDE_SECTOR - 1] == 0x5a &&
		   !memcmp(disk, copy, sizeof(copy)),
	   "a sector of the second drive is written");
	out(0x1f3, 3);
	out(0x1f7, 0x20);
	ok(in(0x1f7) == 0x51 && in(0x1f1) == 0x10, "it has an end of its own");
	out(0x1f6, 0xe0);
	ok(in(0x1f7) == 0x50 && !in(0x1f1), "and an error of its own");
	free(other);
}

/* A disk that ends where its memory ends: the sanitizer sees what is beyond. */
static void random_accesses(void)
{
	unsigned data = 0;

	start();
	for (unsigned i = 0; i < 3000000; i++) {
		uint16_t port = (uint16_t)(rnd() % 3 ? 0x1f0 : 0x1f0 + rnd() % 8);
		unsigned width = 1u << rnd() % 3;

		if (rnd() % 200 == 0)
			port = 0x3f6;
		if (rnd() % 2)
			ide_read(&d, port, width);
		else
			ide_write(&d, port, width,
				  port == 0x1f7 ? (uint8_t[]){ 0x20, 0x30, 0xc4, 0xc5, 0xc6, 0xec,
							       0x91, 0x40 }[rnd() % 8]
						: (uint32_t)rnd());
		data += d.at != 0;
	}
	ok(data > 100000, "random accesses: %u with data under way", data);
}

int main(void)
{
	disk = malloc(SECTORS * IDE_SECTOR);
	reading();
	writing();
	several();
	others();
	two_drives();
	random_accesses();
	return done_testing();
}
