/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few ACPI tables that tell where processors and interrupt controllers are (ACPI 6.4, 5.2). */
#ifndef VENEER_ACPI_H
#define VENEER_ACPI_H

#include "core/types.h"

#define CPUS_MAX 16

struct acpi_platform {
	uint32_t apic_id[CPUS_MAX];
	unsigned cpus;
	mpa_t ioapic; /* 0: none */
	uint32_t ioapic_gsi_base;
	uint32_t com1_gsi;  /* ISA IRQ 4 after overrides */
	uint16_t pm1a_port; /* for power-off, 0: none */
};

/* Reads the tables; without any, one processor and a PC's usual places. */
void acpi_read(mpa_t rsdp, struct acpi_platform *p);

#endif
