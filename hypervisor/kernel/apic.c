// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/apic.h"

#include "arch/acpi.h"
#include "arch/cpu.h"
#include "kernel/clock.h"
#include "kernel/memory.h"

#define APIC_BASE	 0xfee00000
#define APIC_EOI	 0x0b0
#define APIC_SPURIOUS	 0x0f0
#define APIC_ISR_LAST	 0x170 /* vectors 0xe0 to 0xff */
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

#define ICR_PENDING	 0x00001000
#define ICR_SELF	 0x00040000
#define LVT_MASKED	 0x00010000
#define DIVIDE_BY_1	 0x0b

#define PIT_HZ		 1193182

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

/* Masks what the firmware may have left enabled: its interrupts would use a vector of its choice,
 * which can be a guest's. LINT1 stays: NMIs have no vector. */
static void mask_local_sources(void)
{
	static const uint16_t lvt[] = { APIC_LVT_LINT0, APIC_LVT_ERROR, APIC_LVT_PMC,
					APIC_LVT_THERMAL, APIC_LVT_CMCI };
	unsigned highest = apic_read(APIC_VERSION) >> 16 & 0xff;

	for (unsigned i = 0; i < ARRAY_SIZE(lvt); i++)
		if (highest >= i + 2) /* as many are there, SDM 3A 10.4.8 */
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

	ticks = MAX(ticks, tsc != 0); /* 0 would stop it */
	apic_write(APIC_TIMER_INIT, (uint32_t)MIN(ticks, 0xffffffffull));
}

void apic_send(uint32_t apic_id, uint32_t command)
{
	apic_write(APIC_ICR_HIGH, apic_id << 24);
	apic_write(APIC_ICR_LOW, command);
	while (apic_read(APIC_ICR_LOW) & ICR_PENDING)
		cpu_relax();
}

void apic_raise_again(void)
{
	uint32_t in_service = apic_read(APIC_ISR_LAST);

	if (!in_service)
		return;
	apic_eoi();
	apic_write(APIC_ICR_LOW,
		   ICR_SELF | ICR_FIXED | (255 - (unsigned)__builtin_clz(in_service)));
}

void ioapic_route(const struct acpi_info *p, uint32_t gsi, uint8_t vector, uint32_t apic_id)
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

void apic_sample(struct clock_sample *s)
{
	const unsigned count = PIT_HZ * CLOCK_SAMPLE_MS / 1000;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0); /* channel 2, both bytes, mode 0 */
	outb(0x42, count & 0xff);
	apic_write(APIC_TIMER_INIT, 0xffffffff);
	uint64_t start = rdtsc();
	outb(0x42, count >> 8);
	while (!(inb(0x61) & 0x20) && rdtsc() - start < 20000000000ull)
		;
	s->tsc = rdtsc() - start;
	s->apic = 0xffffffff - apic_read(APIC_TIMER_NOW);
	apic_write(APIC_TIMER_INIT, 0);
}
