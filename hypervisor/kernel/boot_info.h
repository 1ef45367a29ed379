/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Information from the boot loader, independent of its protocol. */
#pragma once

#include "lib/types.h"

#define BOOT_RANGES 64

struct memory_range {
	uint64_t start, end; /* bytes, [start, end) */
};

struct boot_info {
	const char *loader; /* "PVH" or "Multiboot2" */
	struct memory_range ram[BOOT_RANGES];
	unsigned ram_ranges;
	mpa_t bundle;
	uint64_t bundle_bytes;
	mpa_t rsdp; /* 0: look for it */
	uint8_t rsdp_copy[36];
};

/* Both read the loader's structures through the direct map. Return 0, or -EINVAL. */
int pvh_read(mpa_t start_info, struct boot_info *info);
int multiboot2_read(mpa_t mbi, struct boot_info *info);

/* Of the loader's memory map, the same in both. */
struct memmap_entry {
	uint64_t address, bytes;
	uint32_t type, reserved;
};
#define MEMMAP_RAM 1

static inline void boot_add_memory(struct boot_info *info, const struct memmap_entry *e)
{
	if (e->type == MEMMAP_RAM && e->bytes && info->ram_ranges < BOOT_RANGES)
		info->ram[info->ram_ranges++] =
			(struct memory_range){ e->address, e->address + e->bytes };
}
