/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI tables that list processors and interrupt controllers (ACPI 6.4, 5.2). */
#pragma once

#include "lib/types.h"

#define CPUS_MAX 16

/* 5.2.5.3. Before revision 2 it ends after RSDP_1_BYTES; the first checksum covers only these. */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t checksum_all, reserved[3];
} __attribute__((packed));
#define RSDP_1_BYTES offsetof(struct acpi_rsdp, length)

/* 5.2.6: the header of every table but RSDP and FACS */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

/* 5.2.12: types of MADT entries */
enum { MADT_LOCAL_APIC = 0, MADT_IO_APIC = 1, MADT_OVERRIDE = 2 };

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
