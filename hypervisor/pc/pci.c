// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/pci.h"

#include "pc/bus.h"

#define ENABLE	    0x80000000u
#define BUS_TO_FN   0x00ffff00u /* of CONFIG_ADDRESS */
#define HOST_BRIDGE 0		/* bus, device and function */
#define RESET_CPU   0x04	/* of the reset control register */

/* Intel's 82441FX, the host bridge of common PC emulators: the first dwords of its configuration
 * space. */
static const uint32_t host_bridge[] = {
	0x12378086, /* device, vendor */
	0x02800000, /* status: back-to-back, medium DEVSEL; command */
	0x06000002, /* class host bridge; revision */
};

uint8_t pci_read(const struct pci *p, uint16_t port)
{
	unsigned at = (p->address & 0xfc) + port % 4;

	if (port < PCI_DATA_PORT)
		return (uint8_t)(p->address >> 8 * (port % 4));
	if (!(p->address & ENABLE) || (p->address & BUS_TO_FN) != HOST_BRIDGE)
		return 0xff;
	return at / 4 < ARRAY_SIZE(host_bridge) ? (uint8_t)(host_bridge[at / 4] >> 8 * (at % 4))
						: 0;
}

void pci_set_address(struct pci *p, uint32_t value)
{
	p->address = value & 0x80fffffc;
}

static uint64_t in(void *device, struct bus_access a)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < a.width; i++)
		v |= (uint32_t)pci_read(device, (uint16_t)(a.at + i)) << 8 * i;
	return v;
}

static void out(void *device, struct bus_access a, uint64_t value)
{
	struct pci *p = device;

	if (a.at == PCI_ADDRESS_PORT && a.width == 4)
		pci_set_address(p, (uint32_t)value);
	else if (a.at == PCI_RESET_PORT && (value & RESET_CPU))
		p->bus->owner->restart(p->bus);
}

static void reset(void *device)
{
	pci_set_address(device, 0);
}

void pci_attach(struct pci *p, struct bus *b)
{
	static const struct bus_functions functions = { in, out, 1 | 4 };

	p->bus = b;
	bus_add_ports(b, PCI_ADDRESS_PORT, 8, &functions, p);
	bus_add_reset(b, reset, p);
}
