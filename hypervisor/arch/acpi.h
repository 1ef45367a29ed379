/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few ACPI tables that tell where processors and interrupt controllers are (ACPI 6.4, 5.2). */
#ifndef VENEER_ACPI_H
#define VENEER_ACPI_H

#include "lib/types.h"

#define CPUS_MAX 16

struct acpi_info {
	uint32_t apic_id[CPUS_MAX];
	unsigned cpus;
	unsigned cpus_found; /* cpus, and those beyond CPUS_MAX */
	mpa_t ioapic;	     /* 0: none */
	uint32_t ioapic_gsi_base;
	uint32_t com1_gsi;  /* ISA IRQ 4 after overrides */
	uint16_t pm1a_port; /* for power-off, 0: none */
	const char *wrong;  /* a broken table that was passed over, by its signature; or NULL */
	uint64_t reach;	    /* what can be read: machine memory below this */
};

/* Reads the tables from rsdp (0: where a BIOS leaves it); without any, one processor and a PC's
 * usual places. Firmware is believed, but not followed out of reach, and what does not add up is
 * passed over. */
void acpi_read(struct acpi_info *p, mpa_t rsdp, uint64_t reach, uint32_t boot_apic_id);

#endif
