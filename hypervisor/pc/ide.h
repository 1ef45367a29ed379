/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primary IDE channel with one or two disks (ATA/ATAPI-4, ports and line of ISA): PIO, with LBA
 * of 28 bits or cylinders, heads and sectors. No DMA, no second channel.
 */
#pragma once

#include "lib/types.h"

struct bus;

#define IDE_SECTOR	512
#define IDE_SECTORS_MAX (1u << 28)
#define IDE_DRIVES	2

struct ide_drive {
	uint8_t *disk;
	uint32_t sectors; /* 0: there is none */
	uint8_t status, error;
	uint8_t multiple; /* sectors between two interrupts of READ and WRITE MULTIPLE; 0: unset */
	uint32_t heads, track; /* as the guest counts them; sectors a track */
};

struct ide {
	struct ide_drive drive[IDE_DRIVES];
	/* registers, which both drives take */
	uint8_t feature, count, low, middle, high, device, control;
	bool pending; /* an interrupt */
	/* the transfer under way, of the drive that got the command */
	struct ide_drive *active;
	uint8_t command;
	uint8_t block,
		in_block;      /* sectors between two interrupts, and how many of these are done */
	uint32_t sector, left; /* the one in the buffer, and how many with it */
	uint32_t at;	       /* bytes of the buffer that have been transferred */
	uint8_t buffer[IDE_SECTOR];
	struct bus *bus;
};

void ide_reset(struct ide *d);
uint32_t ide_read(struct ide *d, uint16_t port, unsigned width);
void ide_write(struct ide *d, uint16_t port, unsigned width, uint32_t value);

/* Drive n reads and writes that many sectors there. Before ide_attach. */
void ide_set_drive(struct ide *d, unsigned n, uint8_t *disk, uint32_t sectors);
void ide_attach(struct ide *d, struct bus *b);
