// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/mp_table.h"

#include "lib/string.h"
#include "pc/ioapic.h"
#include "pc/lapic.h"

#define REVISION 4 /* of the specification: 1.4 */

/* 4.1 */
struct mp_pointer {
	char signature[4];
	uint32_t table;
	uint8_t paragraphs, revision, checksum, features[5];
};

/* 4.2 */
struct mp_header {
	char signature[4];
	uint16_t bytes;
	uint8_t revision, checksum;
	char oem[8], product[12];
	uint32_t oem_table;
	uint16_t oem_bytes, entries;
	uint32_t local_apic;
	uint32_t extended;
};

/* 4.3.1 to 4.3.5 */
struct mp_processor {
	uint8_t type, apic, version, flags;
	uint32_t signature, features, reserved[2];
};
#define MP_PROCESSOR   0
#define ENABLED	       1
#define BOOT_PROCESSOR 2

struct mp_bus {
	uint8_t type, id;
	char name[6];
};
#define MP_BUS 1

struct mp_io_apic {
	uint8_t type, id, version, flags;
	uint32_t address;
};
#define MP_IO_APIC 2

struct mp_interrupt {
	uint8_t type, kind;
	uint16_t flags;
	uint8_t bus, source, apic, pin;
};
#define MP_IO_INTERRUPT	   3
#define MP_LOCAL_INTERRUPT 4
#define KIND_INT	   0
#define KIND_NMI	   1
#define KIND_EXTINT	   3
#define LEVEL_HIGH	   0xd

#define ISA		   0
#define IOAPIC_VERSION	   0x11
#define ALL_LOCAL_APICS	   0xff
#define POWER_MANAGEMENT   9 /* the only line that is level-triggered */

struct table {
	struct mp_header *header;
	char *end;
};

static void add(struct table *t, const void *entry, unsigned bytes)
{
	memcpy(t->end, entry, bytes);
	t->end += bytes;
	t->header->entries++;
}

static void add_interrupt(struct table *t, struct mp_interrupt i)
{
	add(t, &i, sizeof(i));
}

static void add_processors(struct table *t, unsigned vcpus)
{
	for (unsigned i = 0; i < vcpus; i++) {
		struct mp_processor p = { .type = MP_PROCESSOR,
					  .apic = (uint8_t)i,
					  .version = 0x14,
					  .flags = ENABLED | (i ? 0 : BOOT_PROCESSOR),
					  .signature = 0x600,
					  .features = 0x201 }; /* APIC, FPU */

		add(t, &p, sizeof(p));
	}
}

/* The timer is at pin 2, and nothing at line 2, which joins the 8259s. */
static void add_interrupts(struct table *t)
{
	for (uint8_t line = 0; line < 16; line++) {
		uint16_t flags = line == POWER_MANAGEMENT ? LEVEL_HIGH : 0;

		if (line != 2)
			add_interrupt(t,
				      (struct mp_interrupt){ MP_IO_INTERRUPT, KIND_INT, flags, ISA,
							     line, IOAPIC_ID, line ? line : 2 });
	}
	add_interrupt(t, (struct mp_interrupt){ MP_LOCAL_INTERRUPT, KIND_EXTINT, 0, ISA, 0,
						ALL_LOCAL_APICS, 0 });
	add_interrupt(t, (struct mp_interrupt){ MP_LOCAL_INTERRUPT, KIND_NMI, 0, ISA, 0,
						ALL_LOCAL_APICS, 1 });
}

static uint8_t sum(const void *at, unsigned bytes)
{
	uint8_t s = 0;

	for (unsigned i = 0; i < bytes; i++)
		s = (uint8_t)(s + ((const uint8_t *)at)[i]);
	return (uint8_t)-s;
}

void mp_table_write(void *to, unsigned vcpus)
{
	struct mp_pointer *p = to;
	struct mp_header *h = (void *)(p + 1);
	struct table t = { h, (char *)(h + 1) };
	const struct mp_bus isa = { MP_BUS, ISA, { 'I', 'S', 'A', ' ', ' ', ' ' } };
	const struct mp_io_apic io = { MP_IO_APIC, IOAPIC_ID, IOAPIC_VERSION, ENABLED, IOAPIC_AT };

	memset(to, 0, MP_TABLE_BYTES);
	*h = (struct mp_header){ .revision = REVISION, .local_apic = LAPIC_AT };
	memcpy(h->signature, "PCMP", 4);
	memcpy(h->oem, "VENEER  ", 8);
	memcpy(h->product, "PC          ", 12);
	add_processors(&t, vcpus);
	add(&t, &isa, sizeof(isa));
	add(&t, &io, sizeof(io));
	add_interrupts(&t);
	h->bytes = (uint16_t)(t.end - (char *)h);
	h->checksum = sum(h, h->bytes);
	*p = (struct mp_pointer){ .table = MP_TABLE_AT + sizeof(*p),
				  .paragraphs = 1,
				  .revision = REVISION };
	memcpy(p->signature, "_MP_", 4);
	p->checksum = sum(p, sizeof(*p));
}
_Static_assert(sizeof(struct mp_pointer) == 16 && sizeof(struct mp_header) == 44 &&
		       sizeof(struct mp_processor) == 20 && sizeof(struct mp_interrupt) == 8,
	       "MP 1.4, chapter 4");
