// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/apic.h"

#include "arch/acpi.h"
#include "arch/cpu.h"
#include "kernel/memory.h"
#include "lib/math.h"

#define APIC_BASE	 0xfee00000
#define APIC_EOI	 0x0b0
#define APIC_SPURIOUS	 0x0f0
#define APIC_ICR_LOW	 0x300
#define APIC_ICR_HIGH	 0x310
#define APIC_VERSION	 0x030
#define APIC_LVT_CMCI	 0x2f0
#define APIC_LVT_TIMER	 0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PMC	 0x340
#define APIC_LVT_LINT0	 0x350
#define APIC_LVT_ERROR	 0x370
#define APIC_TIMER_INIT	 0x380
#define APIC_TIMER_NOW	 0x390
#define APIC_TIMER_DIV	 0x3e0

#define ICR_INIT	 0x00004500 /* delivery INIT, assert */
#define ICR_STARTUP	 0x00004600
#define ICR_PENDING	 0x00001000
#define LVT_MASKED	 0x00010000
#define DIVIDE_BY_1	 0x0b

#define PIT_HZ		 1193182

static uint64_t khz;	      /* of the TSC */
static uint64_t apic_per_tsc; /* APIC timer ticks per TSC tick, 32.32 fixed point */

static uint32_t apic_read(unsigned reg)
{
	return *(volatile uint32_t *)direct(MPA(APIC_BASE + reg));
}

static void apic_write(unsigned reg, uint32_t v)
{
	*(volatile uint32_t *)direct(MPA(APIC_BASE + reg)) = v;
}

void pic_disable(void)
{
	static const struct {
		uint8_t port, value;
	} init[] = {
		{ 0x20, 0x11 }, { 0xa0, 0x11 }, { 0x21, 0x20 }, { 0xa1, 0x28 }, { 0x21, 0x04 },
		{ 0xa1, 0x02 }, { 0x21, 0x01 }, { 0xa1, 0x01 }, { 0x21, 0xff }, { 0xa1, 0xff }
	};

	for (unsigned i = 0; i < ARRAY_SIZE(init); i++)
		outb(init[i].port, init[i].value);
}

/* What the firmware may have left on would come at a vector of its choice, which can be a guest's.
 * LINT1 stays: NMIs have no vector. */
static void mask_local_sources(void)
{
	static const uint16_t lvt[] = { APIC_LVT_LINT0, APIC_LVT_ERROR, APIC_LVT_PMC,
					APIC_LVT_THERMAL, APIC_LVT_CMCI };
	static const uint8_t wants[] = { 2, 3, 4, 5, 6 }; /* highest entry, SDM 3A 10.4.8 */
	unsigned highest = apic_read(APIC_VERSION) >> 16 & 0xff;

	for (unsigned i = 0; i < ARRAY_SIZE(lvt); i++)
		if (highest >= wants[i])
			apic_write(lvt[i], LVT_MASKED);
}

void apic_init(void)
{
	hv_map_device(MPA(APIC_BASE));
	wrmsr(MSR_APIC_BASE, (rdmsr(MSR_APIC_BASE) & 0xf00) | APIC_BASE | 0x800);
	apic_write(APIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
	mask_local_sources();
	apic_write(APIC_TIMER_DIV, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_timer_set(uint64_t tsc)
{
	uint64_t ticks = (uint64_t)(((unsigned __int128)tsc * apic_per_tsc) >> 32);

	if (tsc && !ticks)
		ticks = 1;
	apic_write(APIC_TIMER_INIT, (uint32_t)MIN(ticks, 0xffffffffull));
}

static void send(uint32_t apic_id, uint32_t low)
{
	apic_write(APIC_ICR_HIGH, apic_id << 24);
	apic_write(APIC_ICR_LOW, low);
	while (apic_read(APIC_ICR_LOW) & ICR_PENDING)
		cpu_relax();
}

void apic_send(uint32_t apic_id, uint8_t vector)
{
	send(apic_id, 0x4000 | vector);
}

void apic_start_cpu(uint32_t apic_id, uint8_t page)
{
	send(apic_id, ICR_INIT);
	delay_us(10000);
	send(apic_id, ICR_STARTUP | page);
	delay_us(200);
	send(apic_id, ICR_STARTUP | page);
}

void ioapic_route(const struct acpi_platform *p, uint32_t gsi, uint8_t vector, uint32_t apic_id)
{
	volatile uint32_t *regs = direct(p->ioapic);

	if (!p->ioapic.v)
		return;
	hv_map_device(p->ioapic);
	regs[0] = 1;
	unsigned pins = (regs[4] >> 16 & 0xff) + 1;
	for (unsigned pin = 0; pin < pins; pin++) {
		regs[0] = 0x10 + 2 * pin;
		regs[4] = LVT_MASKED;
	}
	uint32_t entry = 0x10 + 2 * (gsi - p->ioapic_gsi_base);
	regs[0] = entry + 1;
	regs[4] = apic_id << 24;
	regs[0] = entry;
	regs[4] = vector; /* fixed, physical, edge, high */
}

/* Counts TSC and APIC timer ticks during 1/100 s of the 8254's channel 2. */
static void calibrate_by_pit(uint64_t *tsc, uint32_t *apic)
{
	const unsigned count = PIT_HZ / 100;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0); /* channel 2, both bytes, mode 0 */
	outb(0x42, count & 0xff);
	apic_write(APIC_TIMER_INIT, 0xffffffff);
	uint64_t start = rdtsc();
	outb(0x42, count >> 8);
	while (!(inb(0x61) & 0x20) && rdtsc() - start < 20000000000ull)
		;
	*tsc = rdtsc() - start;
	*apic = 0xffffffff - apic_read(APIC_TIMER_NOW);
	apic_write(APIC_TIMER_INIT, 0);
}

/* CPUID leaf 0x15 (SDM 2A): core crystal clock and its ratio to the TSC. */
static uint64_t tsc_khz_by_cpuid(void)
{
	uint32_t r[4];

	cpuid_if_there(0x15, 0, r);
	return r[0] && r[1] && r[2] ? (uint64_t)r[2] * r[1] / r[0] / 1000 : 0;
}

void clock_calibrate(void)
{
	uint64_t tsc;
	uint32_t apic;

	calibrate_by_pit(&tsc, &apic);
	khz = tsc_khz_by_cpuid();
	if (!khz)
		khz = tsc / 10;
	apic_per_tsc = tsc ? ((uint64_t)apic << 32) / tsc : 1ull << 32;
}

uint64_t tsc_khz(void)
{
	return khz;
}

uint64_t tsc_from_ns(uint64_t ns)
{
	return mul_div(ns, khz, 1000000);
}

uint64_t ns_from_tsc(uint64_t tsc)
{
	return mul_div(tsc, 1000000, khz);
}

void delay_us(unsigned us)
{
	uint64_t end = rdtsc() + tsc_from_ns(us * 1000ull);

	while (rdtsc() < end)
		cpu_relax();
}

static unsigned cmos(uint8_t index)
{
	outb(0x70, index);
	uint8_t bcd = inb(0x71);
	return (bcd >> 4) * 10u + (bcd & 15);
}

#define DAYS_TO_2000 10957 /* from 1970 */

/* Years of the 21st century. */
static uint64_t days(unsigned year, unsigned month, unsigned day)
{
	static const uint16_t before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };

	return DAYS_TO_2000 + year * 365 + (year + 3) / 4 + before[(month - 1) % 12] +
	       (year % 4 == 0 && month > 2) + day - 1;
}

uint64_t clock_boot_seconds(void)
{
	static uint64_t at_boot;

	if (!at_boot)
		at_boot = days(cmos(9), cmos(8), cmos(7)) * 86400 + cmos(4) * 3600 + cmos(2) * 60 +
			  cmos(0) - ns_from_tsc(rdtsc()) / 1000000000;
	return at_boot;
}
