// SPDX-License-Identifier: GPL-2.0-or-later
#include "x86/acpi.h"

#include "core/string.h"
#include "mmu/memory.h"
#include "x86/cpu.h"

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

#define MADT_LOCAL_APIC 0
#define MADT_IO_APIC	1
#define MADT_OVERRIDE	2

static const uint8_t *find_rsdp(void)
{
	for (uint64_t pa = 0xe0000; pa < 0x100000; pa += 16)
		if (!memcmp(direct(MPA(pa)), "RSD PTR ", 8))
			return direct(MPA(pa));
	return NULL;
}

static void read_madt(const struct header *h, struct acpi_platform *p)
{
	const uint8_t *e = (const uint8_t *)h + sizeof(*h) + 8,
		      *end = (const uint8_t *)h + h->length;

	p->cpus = 0;
	for (; e + 2 <= end && e[1] >= 2; e += e[1]) {
		uint32_t at_4, at_8;

		memcpy(&at_4, e + 4, 4);
		memcpy(&at_8, e + 8, 4);
		if (e[0] == MADT_LOCAL_APIC && (at_4 & 1) && p->cpus < CPUS_MAX) {
			p->apic_id[p->cpus++] = e[3];
		} else if (e[0] == MADT_IO_APIC && !p->ioapic.v) {
			p->ioapic = MPA(at_4);
			p->ioapic_gsi_base = at_8;
		} else if (e[0] == MADT_OVERRIDE && e[3] == 4) {
			p->com1_gsi = at_4;
		}
	}
	if (!p->cpus)
		p->cpus = 1;
}

static void read_fadt(const struct header *h, struct acpi_platform *p)
{
	uint32_t pm1a;

	memcpy(&pm1a, (const uint8_t *)h + 64, 4); /* PM1a_CNT_BLK */
	p->pm1a_port = (uint16_t)pm1a;
}

void acpi_read(mpa_t rsdp, struct acpi_platform *p)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	*p = (struct acpi_platform){ .cpus = 1, .apic_id = { r[1] >> 24 }, .com1_gsi = 4 };
	const uint8_t *root = rsdp.v ? direct(rsdp) : find_rsdp();
	if (!root || memcmp(root, "RSD PTR ", 8))
		return;

	bool extended = root[15] >= 2;
	uint64_t table_at = 0;
	memcpy(&table_at, root + (extended ? 24 : 16), extended ? 8 : 4);
	const struct header *list = direct(MPA(table_at));
	unsigned width = extended ? 8 : 4;
	for (uint32_t at = sizeof(*list); at + width <= list->length; at += width) {
		uint64_t pa = 0;

		memcpy(&pa, (const uint8_t *)list + at, width);
		const struct header *h = direct(MPA(pa));
		if (!memcmp(h->signature, "APIC", 4))
			read_madt(h, p);
		else if (!memcmp(h->signature, "FACP", 4))
			read_fadt(h, p);
	}
}
