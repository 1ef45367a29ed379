// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/pci.h"

#define ENABLE	    0x80000000u
#define BUS_TO_FN   0x00ffff00u /* of CONFIG_ADDRESS */
#define HOST_BRIDGE 0		/* bus, device and function */

/* Intel's 82441FX, which every PC emulator shows: the first dwords of its configuration space. */
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
