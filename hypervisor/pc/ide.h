/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One IDE disk, the first of the primary channel (ATA/ATAPI-4, ports and line of ISA): PIO, with
 * LBA of 28 bits or cylinders, heads and sectors. No second disk, no second channel, no DMA.
 */
#pragma once

#include "lib/types.h"

struct bus;

#define IDE_SECTOR	512
#define IDE_SECTORS_MAX (1u << 28)

struct ide {
	uint8_t *disk;
	uint32_t sectors;
	uint8_t feature, error, count, low, middle, high, device, control;
	uint8_t command, status;
	uint8_t multiple; /* sectors between two interrupts of READ and WRITE MULTIPLE; 0: unset */
	uint8_t block;	  /* the same for the transfer under way, and how many of these are done */
	uint8_t in_block;
	bool pending;	       /* an interrupt */
	uint32_t heads, track; /* as the guest counts them; sectors a track */
	uint32_t sector, left; /* of the transfer: the one in the buffer, and how many with it */
	uint32_t at;	       /* bytes of the buffer that have been transferred */
	uint8_t buffer[IDE_SECTOR];
	struct bus *bus;
};

void ide_reset(struct ide *d);
uint32_t ide_read(struct ide *d, uint16_t port, unsigned width);
void ide_write(struct ide *d, uint16_t port, unsigned width, uint32_t value);

/* A disk of that many sectors, which it reads and writes there. */
void ide_attach(struct ide *d, struct bus *b, uint8_t *disk, uint32_t sectors);
