/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BIOS's data area, of which kernels read where their memory ends and what the machine has
 * (Ralf Brown's interrupt list, MEMORY.LST). */
#pragma once

#include "lib/types.h"

#define BIOS_DATA_AT	0x400
#define BIOS_DATA_BYTES 0x100

/* Fills the BIOS_DATA_BYTES at `to`. low_bytes: where the extended data area begins. */
void bios_data_write(void *to, uint64_t low_bytes);
