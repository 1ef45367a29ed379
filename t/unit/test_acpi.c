// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Firmware tables, valid and broken: valid entries are found, invalid ones skipped, and nothing
 * outside the tables is read. Machine memory is an array that ends where the tables do, so that the
 * address sanitizer detects every read beyond them.
 */
#include "arch/acpi.h"
#include "kernel/memory.h"
#include "tap.h"

#define MEMORY	 (MIB(1) + 8192)
#define RSDP_AT	 0xf0010
#define XSDT_AT	 MIB(1)
#define MADT_AT	 (MEMORY - madt_bytes) /* at the very end */
#define FADT_AT	 (MIB(1) + 512)
#define MADT_MAX 4096
#define BOOT_ID	 7

char *host_memory;
static uint8_t madt[MADT_MAX];
static unsigned madt_bytes;
static struct acpi_info p;

static void add_up(uint8_t *table, unsigned bytes, unsigned checksum_at)
{
	uint8_t sum = 0;

	table[checksum_at] = 0;
	for (unsigned i = 0; i < bytes; i++)
		sum += table[i];
	table[checksum_at] = (uint8_t)-sum;
}

static void put32(void *at, uint32_t v)
{
	memcpy(at, &v, 4);
}

static void put64(void *at, uint64_t v)
{
	memcpy(at, &v, 8);
}

static void begin_table(uint8_t *t, const char *signature, uint32_t length)
{
	memset(t, 0, length);
	memcpy(t, signature, 4);
	put32(t + 4, length);
}

static void begin_madt(void)
{
	begin_table(madt, "APIC", 44);
	madt_bytes = 44;
}

static void add_entry(uint8_t type, uint8_t length, uint32_t at_2, uint32_t at_4, uint32_t at_8)
{
	uint8_t e[16] = { type, length, (uint8_t)at_2, (uint8_t)(at_2 >> 8) };

	put32(e + 4, at_4);
	put32(e + 8, at_8);
	memcpy(madt + madt_bytes, e, sizeof(e));
	madt_bytes += length < sizeof(e) ? length : sizeof(e);
}

static void add_local_apic(uint8_t id, bool enabled)
{
	add_entry(0, 8, (uint32_t)id << 8, enabled, 0);
}

/* A complete set: RSDP, XSDT, FADT, and the MADT as it is, with that length in its header. */
static void put_tables(uint32_t madt_length)
{
	uint8_t *m = (uint8_t *)host_memory, *rsdp = m + RSDP_AT, *xsdt = m + XSDT_AT;

	memset(m, 0xa5, MEMORY);
	memset(rsdp, 0, 36);
	memcpy(rsdp, "RSD PTR ", 8);
	rsdp[15] = 2;
	put32(rsdp + 20, 36);
	put64(rsdp + 24, XSDT_AT);
	add_up(rsdp, 20, 8);
	begin_table(xsdt, "XSDT", 36 + 16);
	put64(xsdt + 36, FADT_AT);
	put64(xsdt + 44, MADT_AT);
	add_up(xsdt, 36 + 16, 9);
	begin_table(m + FADT_AT, "FACP", 116);
	put32(m + FADT_AT + 64, 0x604);
	add_up(m + FADT_AT, 116, 9);
	put32(madt + 4, madt_length);
	add_up(madt, madt_length < madt_bytes ? madt_length : madt_bytes, 9);
	memcpy(m + MADT_AT, madt, madt_bytes);
}

static void read_tables(void)
{
	acpi_read(&p, MPA(0), MEMORY, BOOT_ID);
}

static void whole(void)
{
	begin_madt();
	add_local_apic(3, true);
	add_local_apic(4, false);
	add_local_apic(BOOT_ID, true);
	add_entry(1, 12, 9, 0xfec00000, 0);
	add_entry(2, 10, 4 << 8, 20, 0);
	put_tables(madt_bytes);
	read_tables();
	ok(p.cpus == 2 && p.cpus_found == 2, "two processors, the disabled one not");
	ok(p.apic_id[0] == BOOT_ID && p.apic_id[1] == 3, "the boot processor is the first");
	ok(p.ioapic.v == 0xfec00000 && p.com1_gsi == 20, "I/O APIC and override");
	is(p.pm1a_port, 0x604, "the port for power-off");
	ok(!p.wrong, "no error is reported");
	acpi_read(&p, MPA(RSDP_AT), MEMORY, BOOT_ID);
	is(p.cpus, 2, "the same from the loader's pointer");
}

static void many(void)
{
	begin_madt();
	for (unsigned i = 0; i < 200; i++)
		add_local_apic((uint8_t)i, true);
	put_tables(madt_bytes);
	read_tables();
	ok(p.cpus == CPUS_MAX && p.cpus_found > p.cpus, "too many: %u of %u are taken", p.cpus,
	   p.cpus_found);
	begin_madt();
	for (unsigned i = 0; i < 100; i++)
		add_local_apic(5, true);
	put_tables(madt_bytes);
	read_tables();
	ok(p.cpus == 2 && p.cpus_found == 2, "a processor that is named again and again is one");
}

static void is_passed_over(const char *what, const char *wrong)
{
	read_tables();
	ok(p.cpus == 1 && p.apic_id[0] == BOOT_ID && !p.ioapic.v, "%s: one processor", what);
	ok(wrong ? p.wrong && !strcmp(p.wrong, wrong) : !p.wrong, "%s: %s", what,
	   wrong ? "is said" : "no error is reported then");
}

static void good_madt(void)
{
	begin_madt();
	add_local_apic(3, true);
	add_entry(1, 12, 9, 0xfec00000, 0);
}

static void broken_tables(void)
{
	uint8_t *m = (uint8_t *)host_memory;

	good_madt();
	put_tables(madt_bytes);
	m[MADT_AT + 9]++;
	is_passed_over("a MADT that does not add up", "APIC");
	for (uint64_t length = 0; length < 0x100000000; length = length * 2 + 1) {
		put_tables((uint32_t)length);
		if (length < 36 || length > madt_bytes)
			is_passed_over("a MADT of a wrong length", "APIC");
		else
			read_tables();
	}
	good_madt();
	put_tables(madt_bytes);
	m[RSDP_AT + 8]++;
	is_passed_over("a pointer that does not add up", NULL);
	put_tables(madt_bytes);
	m[XSDT_AT + 9]++;
	is_passed_over("a list that does not add up", "XSDT");
	put_tables(madt_bytes);
	put32(m + XSDT_AT + 4, 0xffffffff);
	is_passed_over("a list without an end", "XSDT");
	static const uint64_t places[] = { 0,	       MEMORY - 1, MEMORY - 35, MEMORY,
					   1ull << 32, ~0ull,	   ~0ull - 35 };
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		put_tables(madt_bytes);
		put64(m + XSDT_AT + 44, places[i]);
		add_up(m + XSDT_AT, 36 + 16, 9);
		is_passed_over("a table that is nowhere", NULL);
		put_tables(madt_bytes);
		put64(m + RSDP_AT + 24, places[i]);
		is_passed_over("a list that is nowhere", NULL);
	}
}

/* Entries of every length, also of length zero or past the end of the table. */
static void broken_entries(void)
{
	for (unsigned length = 0; length < 256; length++)
		for (uint8_t type = 0; type < 3; type++) {
			begin_madt();
			add_local_apic(3, true);
			add_entry(type, (uint8_t)length, 4 << 8, 1, 0);
			put_tables(madt_bytes);
			read_tables();
			if (p.cpus < 2 || (length > 16 && !p.wrong))
				ok(false, "an entry of type %u with length %u", type, length);
		}
	ok(true, "entries of every length");
	begin_madt();
	add_local_apic(3, true);
	add_entry(0, 0, 4 << 8, 1, 0);
	madt_bytes += 2;
	put_tables(madt_bytes);
	read_tables();
	ok(p.cpus == 2 && p.wrong, "an entry without a length: the rest is skipped");
}

/* Random bytes in valid tables, with the checksums corrected. */
static void noise(void)
{
	uint8_t *m = (uint8_t *)host_memory;

	for (unsigned round = 0; round < 20000; round++) {
		good_madt();
		put_tables(madt_bytes);
		for (unsigned i = 0; i < 4; i++) {
			m[XSDT_AT + 4 + rnd() % 48] = (uint8_t)rnd();
			m[MADT_AT + 4 + rnd() % (madt_bytes - 4)] = (uint8_t)rnd();
		}
		add_up(m + XSDT_AT, 36 + 16, 9);
		add_up(m + MADT_AT, madt_bytes, 9);
		read_tables();
		if (!p.cpus || p.cpus > CPUS_MAX || p.apic_id[0] != BOOT_ID)
			ok(false, "random bytes, round %u", round);
	}
	ok(true, "random bytes in the tables");
}

int main(void)
{
	host_memory = malloc(MEMORY);
	whole();
	many();
	broken_tables();
	broken_entries();
	noise();
	free(host_memory);
	return done_testing();
}
