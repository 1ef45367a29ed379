/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI configuration by ports 0xcf8 and 0xcfc (PCI Local Bus 3.0, 3.2.2.3.2): a host bridge, so that
 * guests accept the mechanism, and the IDE function of a guest that has a disk. */
#pragma once

#include "lib/types.h"

struct bus;

struct pci {
	uint32_t address; /* CONFIG_ADDRESS */
	bool has_ide;
	struct bus *bus;
};

#define PCI_ADDRESS_PORT 0xcf8
#define PCI_RESET_PORT	 0xcf9 /* reset control, in bytes */
#define PCI_DATA_PORT	 0xcfc

uint8_t pci_read(const struct pci *p, uint16_t port);
/* Only 32-bit writes to CONFIG_ADDRESS; smaller ones are for other devices at these ports. */
void pci_set_address(struct pci *p, uint32_t value);

void pci_attach(struct pci *p, struct bus *b, bool has_ide);
