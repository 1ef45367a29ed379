/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI tables that list processors and interrupt controllers (ACPI 6.4, 5.2). */
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
	const char *wrong;  /* signature of a broken table that was ignored, or NULL */
	uint64_t reach;	    /* what can be read: machine memory below this */
};

/* Reads the tables from rsdp (0: search where a BIOS puts it). Without tables: one processor, and a
 * PC's usual addresses. Pointers beyond `reach` are not followed, and inconsistent tables are
 * ignored. */
void acpi_read(struct acpi_info *p, mpa_t rsdp, uint64_t reach, uint32_t boot_apic_id);

#endif
