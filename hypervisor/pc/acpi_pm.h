/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI's fixed hardware (ACPI 6.4, 4.8.3), where the FADT says: no event ever happens, the timer of
 * 24 bits runs, and a sleep is the end. */
#ifndef VENEER_PC_ACPI_PM_H
#define VENEER_PC_ACPI_PM_H

#include "lib/types.h"

struct bus;

struct acpi_pm {
	uint16_t enable; /* PM1 */
	bool readable;
	struct bus *bus;
};

/* A PC without ACPI's tables can be switched off all the same: no more than that. */
void acpi_pm_attach(struct acpi_pm *a, struct bus *b, bool has_tables);

#endif
