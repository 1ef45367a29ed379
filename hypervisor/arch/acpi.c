// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/acpi.h"

#include "arch/layout.h"
#include "lib/string.h"

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	/* since revision 2 */
	uint32_t length;
	uint64_t xsdt;
	uint8_t checksum_all, reserved[3];
} __attribute__((packed));

#define RSDP_1_BYTES	 20
#define BIOS_START	 0xe0000
#define BIOS_END	 0x100000
#define TABLE_MAX	 KIB(64) /* largest table that is read here; others can be megabytes */
#define MADT_ENTRIES_AT	 44
#define FADT_PM1A_CNT_AT 64

enum { MADT_LOCAL_APIC = 0, MADT_IO_APIC = 1, MADT_OVERRIDE = 2 };
#define ISA_IRQ_COM1 4

static bool adds_up(const void *p, uint64_t bytes)
{
	const uint8_t *at = p;
	uint8_t sum = 0;

	while (bytes--)
		sum += *at++;
	return !sum;
}

/* The bytes at pa; NULL unless all of them can be read. */
static const void *bytes_at(const struct acpi_info *p, uint64_t pa, uint64_t bytes)
{
	return pa && pa < p->reach && bytes <= p->reach - pa ? direct(MPA(pa)) : NULL;
}

/* A complete table with that signature; NULL if it is another or broken. */
static const struct header *table_at(struct acpi_info *p, uint64_t pa, const char *signature)
{
	const struct header *h = bytes_at(p, pa, sizeof(*h));

	if (!h || memcmp(h->signature, signature, sizeof(h->signature)))
		return NULL;
	if (h->length >= sizeof(*h) && h->length <= TABLE_MAX && bytes_at(p, pa, h->length) &&
	    adds_up(h, h->length))
		return h;
	p->wrong = signature;
	return NULL;
}

static const struct rsdp *rsdp_at(const struct acpi_info *p, uint64_t pa)
{
	const struct rsdp *r = bytes_at(p, pa, sizeof(*r));

	return r && !memcmp(r->signature, "RSD PTR ", 8) && adds_up(r, RSDP_1_BYTES) ? r : NULL;
}

/* The boot processor is listed first, wherever it is in the table; duplicates are dropped. */
static void add_cpu(struct acpi_info *p, uint32_t apic_id)
{
	for (unsigned i = 0; i < p->cpus; i++)
		if (p->apic_id[i] == apic_id)
			return;
	p->cpus_found++;
	if (p->cpus < CPUS_MAX)
		p->apic_id[p->cpus++] = apic_id;
}

static uint32_t word_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* ACPI 6.4, 5.2.12 */
static void read_entry(struct acpi_info *p, const uint8_t *e)
{
	uint8_t type = e[0], bytes = e[1];

	if (type == MADT_LOCAL_APIC && bytes >= 8 && (word_at(e + 4) & 1)) {
		add_cpu(p, e[3]);
	} else if (type == MADT_IO_APIC && bytes >= 12 && !p->ioapic.v) {
		p->ioapic = MPA(word_at(e + 4));
		p->ioapic_gsi_base = word_at(e + 8);
	} else if (type == MADT_OVERRIDE && bytes >= 10 && e[3] == ISA_IRQ_COM1) {
		p->com1_gsi = word_at(e + 4);
	}
}

static void read_madt(struct acpi_info *p, const struct header *h)
{
	const uint8_t *table = (const uint8_t *)h;
	uint32_t at = MADT_ENTRIES_AT;

	for (; at + 2 <= h->length; at += table[at + 1]) {
		if (table[at + 1] < 2 || table[at + 1] > h->length - at) {
			p->wrong = "APIC";
			return;
		}
		read_entry(p, table + at);
	}
}

static void read_table(struct acpi_info *p, uint64_t pa)
{
	const struct header *h;

	if ((h = table_at(p, pa, "APIC")))
		read_madt(p, h);
	else if ((h = table_at(p, pa, "FACP")) && h->length >= FADT_PM1A_CNT_AT + 4)
		p->pm1a_port = (uint16_t)word_at((const uint8_t *)h + FADT_PM1A_CNT_AT);
}

void acpi_read(struct acpi_info *p, mpa_t rsdp, uint64_t reach, uint32_t boot_apic_id)
{
	*p = (struct acpi_info){ .reach = reach, .com1_gsi = ISA_IRQ_COM1 };
	add_cpu(p, boot_apic_id);

	const struct rsdp *root = rsdp_at(p, rsdp.v);
	const struct header *list = NULL;
	unsigned width = 8;

	for (uint64_t pa = BIOS_START; !rsdp.v && !root && pa < BIOS_END; pa += 16)
		root = rsdp_at(p, pa);
	if (root && root->revision >= 2)
		list = table_at(p, root->xsdt, "XSDT");
	if (root && !list) {
		width = 4;
		list = table_at(p, root->rsdt, "RSDT");
	}
	for (uint32_t at = sizeof(*list); list && at + width <= list->length; at += width) {
		uint64_t pa = 0;

		memcpy(&pa, (const uint8_t *)list + at, width);
		read_table(p, pa);
	}
}
