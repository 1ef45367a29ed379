// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/acpi_tables.h"

#include "arch/acpi.h"
#include "lib/string.h"
#include "pc/bus.h"
#include "pc/hpet.h"
#include "pc/ioapic.h"
#include "pc/lapic.h"

/* ACPI 6.4, 5.2.7 */
struct rsdt {
	struct acpi_header h;
	uint32_t table[3];
} __attribute__((packed));

/* 5.2.9; ACPI 2.0's length: up to the reset register */
struct fadt {
	struct acpi_header h;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer;
	uint32_t gpe0, gpe1;
	uint8_t pm1_event_bytes, pm1_control_bytes, pm2_control_bytes, pm_timer_bytes;
	uint8_t gpe0_bytes, gpe1_bytes, gpe1_base, cstate;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved1;
	uint32_t flags;
	uint8_t reset_space, reset_bits, reset_offset, reset_access;
	uint64_t reset_address;
	uint8_t reset_value, reserved2[3];
	uint64_t x_facs, x_dsdt;
	uint8_t x_blocks[96];
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 244, "FADT of ACPI 2.0");

#define FADT_WBINVD  0x00001
#define FADT_PROC_C1 0x00004
#define FADT_RESET   0x00400
#define BOOT_LEGACY  0x1
#define BOOT_8042    0x2

/* 5.2.10 */
struct facs {
	char signature[4];
	uint32_t length, hardware, waking, lock, flags;
	uint8_t rest[40];
} __attribute__((packed));

/* Name (_S5, Package () { 5, 5, 0, 0 }): what to write to SLP_TYP to switch off */
static const uint8_t dsdt_code[] = { 0x08, '_',	 'S', '5',  '_', 0x12, 0x08,
				     0x04, 0x0a, 5,   0x0a, 5,	 0x00, 0x00 };

/* 5.2.12 */
struct madt {
	struct acpi_header h;
	uint32_t local_apic, flags;
} __attribute__((packed));
#define MADT_PCAT 1 /* there are 8259s too */

/* 5.2.12.2, .3 and .5 */
struct madt_local_apic {
	uint8_t type, length, processor, apic;
	uint32_t flags;
} __attribute__((packed));
struct madt_io_apic {
	uint8_t type, length, id, reserved;
	uint32_t address, base;
} __attribute__((packed));
struct madt_override {
	uint8_t type, length, bus, source;
	uint32_t interrupt;
	uint16_t flags;
} __attribute__((packed));
#define OVERRIDE_LEVEL_HIGH 0xd

/* IA-PC HPET Specification 1.0a, 3.2.4 */
struct hpet_table {
	struct acpi_header h;
	uint32_t id;
	uint8_t space, bits, offset, reserved; /* a generic address, ACPI 6.4, 5.2.3.2 */
	uint64_t address;
	uint8_t number;
	uint16_t shortest_period; /* in ticks */
	uint8_t protection;
} __attribute__((packed));
_Static_assert(sizeof(struct hpet_table) == 56, "HPET 1.0a");

#define FACS_OFFSET 0x040
#define RSDT_OFFSET 0x080
#define HPET_OFFSET 0x0c0
#define FADT_OFFSET 0x100
#define DSDT_OFFSET 0x200
#define MADT_OFFSET 0x240

static uint8_t sum(const void *at, unsigned bytes)
{
	uint8_t s = 0;

	for (unsigned i = 0; i < bytes; i++)
		s = (uint8_t)(s + ((const uint8_t *)at)[i]);
	return (uint8_t)-s;
}

static void finish(struct acpi_header *h, const char *signature, uint8_t revision, unsigned bytes)
{
	memcpy(h->signature, signature, 4);
	h->length = bytes;
	h->revision = revision;
	memcpy(h->oem, "VENEER", 6);
	memcpy(h->oem_table, "VENEERPC", 8);
	h->oem_revision = 1;
	memcpy(&h->creator, "VNR ", 4);
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = sum(h, bytes);
}

static void write_fadt(struct fadt *f)
{
	f->facs = ACPI_TABLES_AT + FACS_OFFSET;
	f->dsdt = ACPI_TABLES_AT + DSDT_OFFSET;
	f->sci = ACPI_SCI;
	f->pm1a_event = ACPI_PM1A_EVENT;
	f->pm1a_control = ACPI_PM1A_CONTROL;
	f->pm_timer = ACPI_PM_TIMER;
	f->pm1_event_bytes = 4;
	f->pm1_control_bytes = 2;
	f->pm_timer_bytes = 4;
	f->c2_latency = 0xffff; /* none deeper than C1 */
	f->c3_latency = 0xffff;
	f->boot_flags = BOOT_LEGACY | BOOT_8042;
	f->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_RESET;
	f->reset_space = 1; /* a port */
	f->reset_bits = 8;
	f->reset_access = 1;
	f->reset_address = ACPI_RESET_PORT;
	f->reset_value = ACPI_RESET_VALUE;
	finish(&f->h, "FACP", 3, sizeof(*f));
}

static void write_madt(struct madt *m, unsigned vcpus)
{
	struct madt_local_apic *cpu = (void *)(m + 1);
	struct madt_io_apic *io = (void *)(cpu + vcpus);
	struct madt_override *irq = (void *)(io + 1);

	m->local_apic = LAPIC_AT;
	m->flags = MADT_PCAT;
	for (unsigned i = 0; i < vcpus; i++)
		cpu[i] = (struct madt_local_apic){ MADT_LOCAL_APIC, sizeof(*cpu), (uint8_t)i,
						   (uint8_t)i, 1 };
	*io = (struct madt_io_apic){ MADT_IO_APIC, sizeof(*io), IOAPIC_ID, 0, IOAPIC_AT, 0 };
	irq[0] = (struct madt_override){ MADT_OVERRIDE, sizeof(*irq), 0, 0, 2, 0 };
	irq[1] = (struct madt_override){ MADT_OVERRIDE, sizeof(*irq), 0,
					 ACPI_SCI,	ACPI_SCI,     OVERRIDE_LEVEL_HIGH };
	finish(&m->h, "APIC", 3, (unsigned)((char *)(irq + 2) - (char *)m));
}

static void write_hpet(struct hpet_table *t)
{
	t->id = HPET_ID;
	t->address = HPET_AT;
	t->shortest_period = BUS_TIMER_REST_NS / (HPET_PERIOD_FS / 1000000);
	finish(&t->h, "HPET", 1, sizeof(*t));
}

void acpi_tables_write(void *to, unsigned vcpus)
{
	char *base = to;
	struct acpi_rsdp *rsdp = to;
	struct facs *facs = (void *)(base + FACS_OFFSET);
	struct rsdt *rsdt = (void *)(base + RSDT_OFFSET);
	struct acpi_header *dsdt = (void *)(base + DSDT_OFFSET);

	memset(to, 0, ACPI_TABLES_BYTES);
	memcpy(facs->signature, "FACS", 4);
	facs->length = sizeof(*facs);
	memcpy(dsdt + 1, dsdt_code, sizeof(dsdt_code));
	finish(dsdt, "DSDT", 2, sizeof(*dsdt) + sizeof(dsdt_code));
	write_fadt((void *)(base + FADT_OFFSET));
	write_madt((void *)(base + MADT_OFFSET), vcpus);
	write_hpet((void *)(base + HPET_OFFSET));
	rsdt->table[0] = ACPI_TABLES_AT + FADT_OFFSET;
	rsdt->table[1] = ACPI_TABLES_AT + MADT_OFFSET;
	rsdt->table[2] = ACPI_TABLES_AT + HPET_OFFSET;
	finish(&rsdt->h, "RSDT", 1, sizeof(*rsdt));
	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem, "VENEER", 6);
	rsdp->rsdt = ACPI_TABLES_AT + RSDT_OFFSET;
	rsdp->checksum = sum(rsdp, RSDP_1_BYTES);
}
_Static_assert(RSDT_OFFSET + sizeof(struct rsdt) <= HPET_OFFSET, "RSDT");
_Static_assert(HPET_OFFSET + sizeof(struct hpet_table) <= FADT_OFFSET, "HPET");
_Static_assert(FADT_OFFSET + sizeof(struct fadt) <= DSDT_OFFSET, "FADT");
_Static_assert(DSDT_OFFSET + sizeof(struct acpi_header) + sizeof(dsdt_code) <= MADT_OFFSET, "DSDT");
_Static_assert(sizeof(struct acpi_rsdp) == 36 && sizeof(struct acpi_header) == 36, "ACPI 6.4, 5.2");
