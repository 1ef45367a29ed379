/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI's fixed hardware (ACPI 6.4, 4.8.3), where the FADT says: no event ever happens, the timer of
 * 24 bits runs, and a sleep is the end. */
#pragma once

#include "lib/types.h"

struct bus;

struct acpi_pm {
	uint16_t enable; /* PM1 */
	struct bus *bus;
};

void acpi_pm_attach(struct acpi_pm *a, struct bus *b);
