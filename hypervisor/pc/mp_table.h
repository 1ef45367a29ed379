/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of Intel's MultiProcessor Specification 1.4, chapter 4, for kernels that do not know
 * ACPI; where a BIOS would leave them. */
#pragma once

#include "lib/types.h"

#define MP_TABLE_AT    0xf0000 /* the floating pointer; in the range that a kernel searches */
#define MP_TABLE_BYTES 0x1000

/* Fills the MP_TABLE_BYTES at `to`; local APIC n is vCPU n's. */
void mp_table_write(void *to, unsigned vcpus);
