/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI tables of a guest's PC (ACPI 6.4, chapter 5), where a BIOS would leave them. */
#pragma once

#include "lib/types.h"

#define ACPI_TABLES_AT	  0xe0000 /* the RSDP; in the range that a PC's kernel searches */
#define ACPI_TABLES_BYTES 0x1000

/* Where the fixed hardware is, as the FADT says and acpi_pm.c answers. */
#define ACPI_PM1A_EVENT	  0x600 /* status, enable: 2 bytes each */
#define ACPI_PM1A_CONTROL 0x604 /* where QEMU's PC has it */
#define ACPI_PM_TIMER	  0x608
#define ACPI_SCI	  9
#define ACPI_RESET_PORT	  0xcf9
#define ACPI_RESET_VALUE  6

/* Fills the ACPI_TABLES_BYTES at `to`; local APIC n is vCPU n's. */
void acpi_tables_write(void *to, unsigned vcpus);
