// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/ide.h"

#include "lib/string.h"
#include "pc/bus.h"

#define IRQ	      14
#define PORT	      0x1f0
#define CONTROL_PORT  0x3f6

#define READY	      0x50 /* status: DRDY, DSC */
#define WANTS_DATA    0x08
#define FAILED	      0x01
#define ABORTED	      0x04 /* error */
#define NOT_FOUND     0x10

#define NO_INTERRUPT  0x02 /* control */
#define SOFT_RESET    0x04
#define IS_LBA	      0x40 /* device */
#define SECOND	      0x10

#define MULTIPLE_MAX  16
#define HEADS	      16
#define TRACK	      63
#define CYLINDERS_MAX 16383

enum {
	READ = 0x20,
	WRITE = 0x30,
	VERIFY = 0x40,
	SEEK = 0x70,
	DIAGNOSE = 0x90,
	SET_GEOMETRY = 0x91,
	READ_MULTIPLE = 0xc4,
	WRITE_MULTIPLE = 0xc5,
	SET_MULTIPLE = 0xc6,
	STANDBY_NOW = 0xe0,
	CHECK_POWER = 0xe5,
	SLEEP = 0xe6,
	FLUSH = 0xe7,
	IDENTIFY = 0xec,
	SET_FEATURES = 0xef,
};

static void update_line(struct ide *d)
{
	if (d->bus)
		d->bus->owner->set_line(d->bus, IRQ, d->pending && !(d->control & NO_INTERRUPT));
}

static void interrupt(struct ide *d)
{
	d->pending = true;
	update_line(d);
}

/* After a reset and DIAGNOSE; 9.12 of the standard. */
static void set_signature(struct ide *d)
{
	d->count = d->low = 1;
	d->middle = d->high = d->device = 0;
	d->left = d->at = 0;
	for (unsigned i = 0; i < IDE_DRIVES; i++) {
		d->drive[i].error = 1;
		d->drive[i].status = d->drive[i].sectors ? READY : 0;
	}
}

void ide_reset(struct ide *d)
{
	for (unsigned i = 0; i < IDE_DRIVES; i++) {
		d->drive[i].heads = HEADS;
		d->drive[i].track = TRACK;
		d->drive[i].multiple = 0;
	}
	d->active = &d->drive[0];
	d->control = d->feature = 0;
	d->pending = false;
	set_signature(d);
	update_line(d);
}

static struct ide_drive *selected(struct ide *d)
{
	return &d->drive[d->device & SECOND ? 1 : 0];
}

/* --- where a transfer is --- */

/* The sector that the registers name; IDE_SECTORS_MAX: none. */
static uint32_t named_sector(const struct ide *d)
{
	uint32_t cylinder = d->middle | (uint32_t)d->high << 8, head = d->device & 15;

	if (d->device & IS_LBA)
		return d->low | cylinder << 8 | head << 24;
	if (!d->low || d->low > d->active->track || head >= d->active->heads)
		return IDE_SECTORS_MAX;
	return (cylinder * d->active->heads + head) * d->active->track + d->low - 1;
}

static void name_sector(struct ide *d, uint32_t sector)
{
	uint32_t cylinder = sector / d->active->track / d->active->heads,
		 head = sector / d->active->track % d->active->heads;

	d->low = (uint8_t)(sector % d->active->track + 1);
	if (d->device & IS_LBA) {
		d->low = (uint8_t)sector;
		cylinder = sector >> 8;
		head = sector >> 24;
	}
	d->middle = (uint8_t)cylinder;
	d->high = (uint8_t)(cylinder >> 8);
	d->device = (uint8_t)((d->device & 0xf0) | (head & 15));
}

static void done(struct ide *d)
{
	d->left = d->at = 0;
	d->active->status = READY;
}

static void fail(struct ide *d, uint8_t error)
{
	done(d);
	d->active->error = error;
	d->active->status |= FAILED;
	interrupt(d);
}

static bool is_write(const struct ide *d)
{
	return d->command == WRITE || d->command == WRITE_MULTIPLE;
}

/* The sector that is next: into the buffer, or the buffer is to be filled. False: it is not there.
 */
static bool take_sector(struct ide *d)
{
	if (d->sector >= d->active->sectors) {
		fail(d, NOT_FOUND);
		return false;
	}
	if (!is_write(d))
		memcpy(d->buffer, d->active->disk + (uint64_t)d->sector * IDE_SECTOR, IDE_SECTOR);
	d->at = 0;
	d->active->status = READY | WANTS_DATA;
	return true;
}

/* All of the buffer has been read or written. */
static void end_sector(struct ide *d)
{
	if (d->command == IDENTIFY) {
		done(d);
		return;
	}
	if (is_write(d))
		memcpy(d->active->disk + (uint64_t)d->sector * IDE_SECTOR, d->buffer, IDE_SECTOR);
	name_sector(d, d->sector++);
	d->count--;
	d->left--;
	bool block = !d->left || ++d->in_block == d->block;
	if (block)
		d->in_block = 0;
	if (d->left && !take_sector(d))
		return;
	if (!d->left)
		done(d);
	if (is_write(d) ? block : block && d->left)
		interrupt(d);
}

static uint32_t read_data(struct ide *d, unsigned width)
{
	uint32_t value = 0;

	if (selected(d) != d->active || !(d->active->status & WANTS_DATA) || is_write(d) ||
	    width > IDE_SECTOR - d->at)
		return ~0u;
	memcpy(&value, d->buffer + d->at, width);
	d->at += width;
	if (d->at == IDE_SECTOR)
		end_sector(d);
	return value;
}

static void write_data(struct ide *d, unsigned width, uint32_t value)
{
	if (selected(d) != d->active || !(d->active->status & WANTS_DATA) || !is_write(d) ||
	    width > IDE_SECTOR - d->at)
		return;
	memcpy(d->buffer + d->at, &value, width);
	d->at += width;
	if (d->at == IDE_SECTOR)
		end_sector(d);
}

/* --- commands --- */

static void put_words(struct ide *d, unsigned word, uint64_t value, unsigned words)
{
	memcpy(d->buffer + 2 * word, &value, 2 * words);
}

/* Two characters a word, the first above. */
static void put_text(struct ide *d, unsigned word, const char *text, unsigned words)
{
	for (unsigned i = 0; i < 2 * words; i++)
		d->buffer[2 * word + (i ^ 1)] = (uint8_t)(*text ? *text++ : ' ');
}

/* 8.12 */
static void identify(struct ide *d)
{
	uint32_t cylinders = MIN(d->active->sectors / (HEADS * TRACK), (uint32_t)CYLINDERS_MAX),
		 now = MIN(d->active->sectors / (d->active->heads * d->active->track), 0xffffu);

	memset(d->buffer, 0, sizeof(d->buffer));
	put_words(d, 0, 0x40, 1); /* a disk that stays */
	put_words(d, 1, cylinders, 1);
	put_words(d, 3, HEADS, 1);
	put_words(d, 6, TRACK, 1);
	put_text(d, 10, "1", 10);
	put_text(d, 23, "1", 4);
	put_text(d, 27, "Veneer disk", 20);
	put_words(d, 47, 0x8000 | MULTIPLE_MAX, 1);
	put_words(d, 49, 0x0200, 1); /* LBA */
	put_words(d, 53, 1, 1);	     /* the next five are valid */
	put_words(d, 54, now, 1);
	put_words(d, 55, d->active->heads, 1);
	put_words(d, 56, d->active->track, 1);
	put_words(d, 57, now * d->active->heads * d->active->track, 2);
	put_words(d, 59, d->active->multiple ? 0x100 | d->active->multiple : 0, 1);
	put_words(d, 60, d->active->sectors, 2);
	put_words(d, 80, 0x1e, 1); /* up to ATA-4 */
	put_words(d, 83, 0x4000, 1);
	put_words(d, 84, 0x4000, 1);
	put_words(d, 87, 0x4000, 1);
	d->at = 0;
	d->left = 1;
	d->active->status = READY | WANTS_DATA;
	interrupt(d);
}

static void begin_transfer(struct ide *d, unsigned block)
{
	if (!block) {
		fail(d, ABORTED);
		return;
	}
	d->sector = named_sector(d);
	d->left = d->count ? d->count : 256;
	d->block = (uint8_t)block;
	d->in_block = 0;
	if (take_sector(d) && !is_write(d))
		interrupt(d);
}

static void set_multiple(struct ide *d)
{
	if (d->count > MULTIPLE_MAX || (d->count & (d->count - 1))) {
		fail(d, ABORTED);
		return;
	}
	d->active->multiple = d->count;
	interrupt(d);
}

static void set_geometry(struct ide *d)
{
	if (!d->count) {
		fail(d, ABORTED);
		return;
	}
	d->active->track = d->count;
	d->active->heads = (d->device & 15) + 1;
	interrupt(d);
}

static void verify(struct ide *d)
{
	uint32_t first = named_sector(d), n = d->count ? d->count : 256;

	if (first >= d->active->sectors || n > d->active->sectors - first) {
		fail(d, NOT_FOUND);
		return;
	}
	name_sector(d, first + n - 1);
	d->count = 0;
	interrupt(d);
}

static void execute(struct ide *d, uint8_t command)
{
	d->active->status &= (uint8_t)~WANTS_DATA; /* of a transfer that is given up */
	d->active = selected(d);
	d->command = command >= 0x10 && command < 0x20
			     ? 0x10 /* recalibrate; the step rate is below */
		     : command < DIAGNOSE ? command & 0xfe
					  : command;
	done(d);
	d->active->error = 0;
	switch (d->command) {
	case READ:
	case WRITE: begin_transfer(d, 1); break;
	case READ_MULTIPLE:
	case WRITE_MULTIPLE: begin_transfer(d, d->active->multiple); break;
	case VERIFY: verify(d); break;
	case DIAGNOSE:
		set_signature(d);
		interrupt(d);
		break;
	case SET_GEOMETRY: set_geometry(d); break;
	case SET_MULTIPLE: set_multiple(d); break;
	case IDENTIFY: identify(d); break;
	case CHECK_POWER:
		d->count = 0xff;
		interrupt(d);
		break;
	case 0x10:
	case SEEK:
	case STANDBY_NOW ... STANDBY_NOW + 3:
	case SLEEP:
	case FLUSH:
	case SET_FEATURES: interrupt(d); break;
	default: fail(d, ABORTED);
	}
}

/* --- registers --- */

static uint8_t read_status(struct ide *d)
{
	return d->control & SOFT_RESET ? 0x80 : selected(d)->status;
}

uint32_t ide_read(struct ide *d, uint16_t port, unsigned width)
{
	switch (port) {
	case PORT: return read_data(d, width);
	case PORT + 1: return selected(d)->error;
	case PORT + 2: return d->count;
	case PORT + 3: return d->low;
	case PORT + 4: return d->middle;
	case PORT + 5: return d->high;
	case PORT + 6: return d->device | 0xa0;
	case PORT + 7:
		d->pending = false;
		update_line(d);
		return read_status(d);
	default: return read_status(d);
	}
}

static void write_control(struct ide *d, uint8_t value)
{
	if ((d->control & ~value) & SOFT_RESET)
		ide_reset(d);
	d->control = value;
	update_line(d);
}

void ide_write(struct ide *d, uint16_t port, unsigned width, uint32_t value)
{
	uint8_t byte = (uint8_t)value;

	switch (port) {
	case PORT: write_data(d, width, value); break;
	case PORT + 1: d->feature = byte; break;
	case PORT + 2: d->count = byte; break;
	case PORT + 3: d->low = byte; break;
	case PORT + 4: d->middle = byte; break;
	case PORT + 5: d->high = byte; break;
	case PORT + 6: d->device = byte & (IS_LBA | SECOND | 15); break;
	case PORT + 7:
		d->pending = false;
		update_line(d);
		if (selected(d)->sectors || byte == DIAGNOSE)
			execute(d, byte);
		break;
	default: write_control(d, byte);
	}
}

static uint64_t in(void *device, struct bus_access a)
{
	return ide_read(device, (uint16_t)a.at, a.width);
}

static void out(void *device, struct bus_access a, uint64_t value)
{
	ide_write(device, (uint16_t)a.at, a.width, (uint32_t)value);
}

static void reset(void *device)
{
	ide_reset(device);
}

void ide_set_drive(struct ide *d, unsigned n, uint8_t *disk, uint32_t sectors)
{
	d->drive[n].disk = disk;
	d->drive[n].sectors = sectors;
}

void ide_attach(struct ide *d, struct bus *b)
{
	static const struct bus_functions registers = { in, out, 1 | 2 | 4 },
					  control = { in, out, 1 };

	d->bus = b;
	bus_add_ports(b, PORT, 8, &registers, d);
	bus_add_ports(b, CONTROL_PORT, 1, &control, d);
	bus_add_line(b, IRQ);
	bus_add_reset(b, reset, d);
}
