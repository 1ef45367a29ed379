// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's descriptor table, made fit for ring 1: code and data segments of DPL 0 get DPL 1,
 * nothing is 64-bit, everything is marked accessed (the processor must not write to the gate area),
 * and system descriptors, which could hold a way into ring 0, are left out.
 */
#include "core/cpu.h"
#include "core/guest.h"
#include "core/string.h"
#include "ring/ring.h"
#include "x86/descriptor.h"

static uint64_t fit_for_ring1(uint64_t d)
{
	if (!(d & DESC_S) || !(d & DESC_P))
		return 0;
	if (desc_dpl(d) == 0)
		d |= DESC_DPL(1);
	if (d & DESC_CODE)
		d &= ~DESC_L;
	return d | DESC_ACCESSED;
}

void ring_gdt_load(struct vcpu *v)
{
	const struct legacy_state *l = &v->legacy;
	unsigned limit = MIN((l->gdt_limit + 1u) / 8, PAGE_SIZE / 8), i;
	uint64_t d;

	for (i = 1; i < limit; i++) {
		gva_t at = GVA((uint32_t)(l->gdt_base + 8 * i));

		if (mmu_read(&v->guest->mmu, &v->paging, at, &d, 8, 0, NULL))
			break;
		v->gdt[i] = fit_for_ring1(d);
	}
	if (i < v->gdt_entries)
		memset(&v->gdt[i], 0, 8 * (v->gdt_entries - i));
	v->gdt_entries = i;
}

bool ring_gdt_read(struct vcpu *v, uint16_t selector, uint64_t *descriptor)
{
	const struct legacy_state *l = &v->legacy;
	unsigned at = selector & ~7u;

	if (!at || (selector & 4) || at + 7 > l->gdt_limit)
		return false;
	return !mmu_read(&v->guest->mmu, &v->paging, GVA((uint32_t)(l->gdt_base + at)), descriptor,
			 8, 0, NULL);
}

/* Whether ring 0 may load the selector into DS, ES, FS or GS without a fault: SDM 3A, 5.6. */
bool ring_selector_fits(const struct vcpu *v, uint16_t selector)
{
	unsigned at = selector & ~7u;
	uint64_t d;

	if (selector < 4)
		return true;
	if (selector & 4)
		return false;
	if (at == (SEL_BOOT_DS32 & ~7u))
		return (selector & 3) <= 1;
	if (at >= SEL_GUEST_MAX)
		return false;
	d = v->gdt[at / 8];
	if (!(d & DESC_P) || !(d & DESC_S))
		return false;
	if (d & DESC_CODE)
		return (d & DESC_WRITE) && ((d & DESC_CONFORM) || (selector & 3) <= desc_dpl(d));
	return (selector & 3) <= desc_dpl(d);
}
