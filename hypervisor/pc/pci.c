// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/pci.h"

#include "pc/bus.h"

#define ENABLE	    0x80000000u
#define BUS_TO_FN   0x00ffff00u /* of CONFIG_ADDRESS */
#define HOST_BRIDGE 0x0000	/* bus, device and function, as in CONFIG_ADDRESS */
#define ISA_BRIDGE  0x0800
#define IDE	    0x0900
#define RESET_CPU   0x04 /* of the reset control register */

/* What is not 0 of the configuration spaces: Intel's 82441FX, the host bridge of common PC
 * emulators, and where there is a disk 82371SB, an ISA bridge with an IDE function. That one is at
 * ISA's ports, has no bus master, and its primary channel is enabled. */
static const struct {
	uint32_t function;
	uint8_t at;
	uint32_t value;
} registers[] = {
	{ HOST_BRIDGE, 0x00, 0x12378086 }, /* device, vendor */
	{ HOST_BRIDGE, 0x04, 0x02800000 }, /* status: back-to-back, medium DEVSEL; command */
	{ HOST_BRIDGE, 0x08, 0x06000002 }, /* class host bridge; revision */
	{ ISA_BRIDGE, 0x00, 0x70008086 },
	{ ISA_BRIDGE, 0x04, 0x02800007 },
	{ ISA_BRIDGE, 0x08, 0x06010000 },
	{ ISA_BRIDGE, 0x0c, 0x00800000 }, /* several functions */
	{ IDE, 0x00, 0x70108086 },
	{ IDE, 0x04, 0x02800001 }, /* answers at ports */
	{ IDE, 0x08, 0x01010000 },
	{ IDE, 0x40, 0x00008000 }, /* IDETIM: the primary channel's ports */
};

/* All ones: there is no such function. */
static uint32_t read_register(const struct pci *p, uint32_t function, unsigned at)
{
	uint32_t value = function == HOST_BRIDGE ||
					 (p->has_ide && (function == ISA_BRIDGE || function == IDE))
				 ? 0
				 : ~0u;

	for (unsigned i = 0; i < ARRAY_SIZE(registers) && !value; i++)
		if (registers[i].function == function && registers[i].at == at)
			value = registers[i].value;
	return value;
}

uint8_t pci_read(const struct pci *p, uint16_t port)
{
	if (port < PCI_DATA_PORT)
		return (uint8_t)(p->address >> 8 * (port % 4));
	if (!(p->address & ENABLE))
		return 0xff;
	uint32_t value = read_register(p, p->address & BUS_TO_FN, p->address & 0xfc);
	return (uint8_t)(value >> 8 * (port % 4));
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

void pci_attach(struct pci *p, struct bus *b, bool has_ide)
{
	static const struct bus_functions functions = { in, out, 1 | 4 };

	p->bus = b;
	p->has_ide = has_ide;
	bus_add_ports(b, PCI_ADDRESS_PORT, 8, &functions, p);
	bus_add_reset(b, reset, p);
}
