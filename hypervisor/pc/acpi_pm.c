// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/acpi_pm.h"

#include "pc/acpi_tables.h"
#include "pc/bus.h"

#define ENABLE	     (ACPI_PM1A_EVENT + 2)
#define SLEEP_ENABLE 0x2000
#define SCI_ENABLE   0x0001
#define TIMER_HZ     3579545

static uint64_t in(void *device, struct bus_access a)
{
	const struct acpi_pm *pm = device;

	if (a.at == ACPI_PM1A_EVENT && a.width == 2)
		return 0;
	if (a.at == ENABLE && a.width == 2)
		return pm->enable;
	if (a.at == ACPI_PM1A_CONTROL && a.width == 2)
		return SCI_ENABLE;
	if (a.at == ACPI_PM_TIMER && a.width == 4)
		return (pm->bus->owner->now(pm->bus) / 1000 * TIMER_HZ / 1000000) & 0xffffff;
	return ~0ull;
}

static void out(void *device, struct bus_access a, uint64_t value)
{
	struct acpi_pm *pm = device;

	if (a.at == ACPI_PM1A_CONTROL && a.width == 2 && (value & SLEEP_ENABLE))
		pm->bus->owner->end(pm->bus, 0, "powered off");
	if (a.at == ENABLE && a.width == 2)
		pm->enable = (uint16_t)value;
}

static void reset(void *device)
{
	((struct acpi_pm *)device)->enable = 0;
}

void acpi_pm_attach(struct acpi_pm *a, struct bus *b)
{
	static const struct bus_functions functions = { in, out, 2 | 4 };

	a->bus = b;
	bus_add_ports(b, ACPI_PM1A_EVENT, ACPI_PM_TIMER + 4 - ACPI_PM1A_EVENT, &functions, a);
	bus_add_reset(b, reset, a);
}
