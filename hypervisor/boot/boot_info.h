/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the boot loader told us, whichever it was. */
#ifndef VENEER_BOOT_INFO_H
#define VENEER_BOOT_INFO_H

#include "core/types.h"

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

/* Both read the loader's structures through the direct map. 0, or -EINVAL. */
int pvh_read(mpa_t start_info, struct boot_info *info);
int multiboot2_read(mpa_t mbi, struct boot_info *info);

static inline void boot_add_ram(struct boot_info *info, uint64_t start, uint64_t bytes)
{
	if (info->ram_ranges < BOOT_RANGES && bytes)
		info->ram[info->ram_ranges++] = (struct memory_range){ start, start + bytes };
}

#endif
