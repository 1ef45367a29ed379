// SPDX-License-Identifier: GPL-2.0-or-later
/* A guest's GDT and LDT under the ring engine; guest/descriptor.c decides which descriptors are
 * allowed. */
#include "engine/ring/ring.h"
#include "kernel/cpu.h"
#include "lib/string.h"

static bool are_same(const uint64_t *a, const uint64_t *b, uint64_t n)
{
	bool same;

	__asm__ volatile("cmp %%ecx, %%ecx; repe cmpsq"
			 : "=@cce"(same), "+S"(a), "+D"(b), "+c"(n)::"memory");
	return same;
}

#define CHANGED_PARTS 2 /* for one instruction */

unsigned ring_gdt_load(struct vcpu *v)
{
	struct ring_vcpu *own = v->ring;
	const struct legacy_state *l = &v->legacy;
	unsigned limit = MIN((l->gdt_limit + 1u) / 8, PAGE_SIZE / 8), i, n, changed = 0;
	uint64_t d[DESCRIPTORS];

	for (i = 1; i < limit; i += n) {
		gva_t at = GVA((uint32_t)(l->gdt_base + 8 * i));
		unsigned in_page = (unsigned)(PAGE_SIZE - (at.v & ~PAGE_MASK)) / 8;

		n = MIN(limit - i, MIN(MAX(in_page, 1u), DESCRIPTORS));
		if (guest_read(v->view, at, d, 8 * n, 0, NULL))
			break;
		if (i + n <= own->gdt_entries && are_same(d, &own->guest_gdt[i], n))
			continue;
		if (changed++ == CHANGED_PARTS)
			return 0;
		memcpy(&own->guest_gdt[i], d, 8 * n);
		descriptors_fit(&own->gdt[i], d, n, 1, false);
		own->gdt_entries = MAX(own->gdt_entries, i + n);
	}
	if (i < own->gdt_entries)
		memset(&own->gdt[i], 0, 8 * (own->gdt_entries - i));
	own->gdt_entries = i;
	return 1 + changed;
}

void ring_gdt_keep(struct vcpu *v, const uint64_t before[2])
{
	static const uint16_t kept[2] = { SEL_KEPT_CS, SEL_KEPT_SS };
	uint64_t *selector[2] = { &v->regs->cs, &v->regs->ss };

	for (unsigned i = 0; i < 2; i++) {
		if (!before[i] || ring_descriptor(v, *selector[i]) == before[i])
			continue;
		if ((*selector[i] & ~3ull) != (kept[i] & ~3u))
			v->ring->kept_selector[i] = (uint16_t)*selector[i];
		v->ring->kept[i] = v->cpu->gdt[SEL_OWN(kept[i])] = before[i];
		*selector[i] = kept[i];
	}
}

uint64_t ring_gdt_read(struct vcpu *v, uint16_t selector)
{
	const struct legacy_state *l = &v->legacy;
	bool local = selector & 4;
	uint64_t base = local ? l->ldt_base : l->gdt_base;
	unsigned at = selector & ~7u;
	uint64_t d;

	if ((!at && !local) || at + 7 > (local ? l->ldt_limit : l->gdt_limit) ||
	    guest_read(v->view, GVA((uint32_t)(base + at)), &d, sizeof(d), 0, NULL))
		return 0;
	return d;
}

/*
 * A kernel's selectors in our page of the GDT. A PV kernel has a 64-bit code segment. A legacy one
 * must not: 64-bit mode gives access to the gate area and to hypercalls. It has the segments that
 * it starts with, and SYSCALL is #UD (SYSENTER #GP, see load_entries).
 */
void ring_load_selectors(struct cpu *cpu, bool pv)
{
	uint64_t efer = rdmsr(MSR_EFER), wanted = pv ? efer | EFER_SCE : efer & ~(uint64_t)EFER_SCE;
	uint64_t *gdt = cpu->gdt;

	gdt[SEL_OWN(SEL_BOOT_CS32)] = pv ? 0 : DESC_CODE32(1);
	gdt[SEL_OWN(SEL_BOOT_DS32)] = pv ? 0 : DESC_DATA(1);
	gdt[SEL_OWN(SEL_KEPT_CS)] = gdt[SEL_OWN(SEL_KEPT_SS)] = 0;
	gdt[SEL_OWN(SEL_PV_CS)] = pv ? DESC_CODE64(1) : 0;
	gdt[SEL_OWN(SEL_PV_SS)] = pv ? DESC_DATA(1) : 0;
	if (efer != wanted)
		wrmsr(MSR_EFER, wanted);
}

/* The LDT's own descriptor, SDM 3A 3.5; its pages are mapped as far as they are in use. */
void ring_load_ldt(struct vcpu *v)
{
	const struct ring_vcpu *own = v->ring;
	struct cpu *cpu = v->cpu;
	uint64_t *d = &cpu->gdt[SEL_OWN(SEL_LDT)];
	unsigned pages = (own->ldt_entries + 511) / 512;

	if (!pages && !cpu->ring->ldt_pages)
		return;
	for (unsigned i = 0; i < pages; i++)
		ring_gate_page(cpu, GATE_LDT + i * PAGE_SIZE, own->ldt[i], 0);
	/* clear the previous one: ring 1 can read the gate area */
	for (unsigned i = pages; i < cpu->ring->ldt_pages; i++)
		ring_gate_page(cpu, GATE_LDT + i * PAGE_SIZE, NULL, 0);
	cpu->ring->ldt_pages = pages;
	d[0] = 0;
	if (pages)
		desc_system(d, DESC_TYPE_LDT, GATE_LDT, own->ldt_entries * 8 - 1);
	__asm__ volatile("lldt %w0" ::"r"(pages ? SEL_LDT : 0));
}

_Static_assert(512 % DESCRIPTORS == 0, "a part lies in one page");
_Static_assert(512 * GATE_LDT_PAGES == PV_LDT_MAX, "the gate area has room for all");

/* Reads a part; -EAGAIN: more is left. */
static int fill_ldt(struct vcpu *v, struct ldt_load *l)
{
	unsigned n = MIN(l->entries - l->done, DESCRIPTORS);
	uint64_t **page = &v->ring->ldt[l->done / 512];
	bool again = false;

	if (!n)
		return 0;
	if (!*page)
		*page = mmu_take_page(v->ring->view.mmu, &again);
	if (!*page)
		return again ? -EAGAIN : -ENOMEM;
	if (descriptors_read(v, l->at, l->done, n, *page + l->done % 512))
		return -EFAULT;
	l->done += n;
	return l->done < l->entries ? -EAGAIN : 0;
}

static void use_ldt(struct vcpu *v, unsigned entries)
{
	struct ring_vcpu *own = v->ring;

	own->ldt_entries = entries;
	if (v->loaded)
		ring_load_ldt(v); /* before pages are given back */
	for (unsigned i = (own->ldt_entries + 511) / 512; i < GATE_LDT_PAGES; i++) {
		if (own->ldt[i])
			mmu_give_page(v->ring->view.mmu, own->ldt[i]);
		own->ldt[i] = NULL;
	}
}

int ring_ldt_part(struct vcpu *v)
{
	struct ring_vcpu *own = v->ring;
	int err = fill_ldt(v, &own->ldt_load);

	if (err == -EAGAIN) {
		vcpu_request_from(v, REQUEST_WORK);
		return err;
	}
	use_ldt(v, err ? 0 : own->ldt_load.entries);
	own->ldt_load.entries = 0;
	return err;
}

int ring_set_ldt(struct vcpu *v, gva_t at, uint64_t entries)
{
	v->ring->ldt_load = (struct ldt_load){ .at = at, .entries = (unsigned)entries };
	return ring_ldt_part(v);
}

void ring_ldt_refresh(struct vcpu *v, uint16_t selector)
{
	struct ring_vcpu *own = v->ring;
	unsigned index = selector >> 3;

	if ((selector & 4) && index < own->ldt_entries)
		descriptors_read(v, GVA(v->legacy.ldt_base), index, 1,
				 &own->ldt[index / 512][index % 512]);
}

unsigned ring_selector_fault(const struct vcpu *v, uint16_t selector)
{
	unsigned at = selector & ~7u;
	uint64_t d;

	if (selector < 4)
		return 0;
	if (!(selector & 4) && at == (SEL_BOOT_DS32 & ~7u))
		return v->guest->board && (selector & 3) <= 1 ? 0 : VECTOR_GP;
	d = ring_descriptor(v, selector);
	if (!desc_readable(d) || !desc_reachable(d, selector & 3))
		return VECTOR_GP;
	return d & DESC_P ? 0 : VECTOR_NP;
}

unsigned ring_code_fault(struct vcpu *v, uint16_t selector, uint32_t offset, unsigned cpl)
{
	if (SEL_OURS(selector))
		return (selector & ~3u) == (SEL_BOOT_CS32 & ~3u) && !cpl ? 0 : VECTOR_GP;
	ring_ldt_refresh(v, selector);
	uint64_t d = ring_gdt_read(v, selector);
	if (!(d & DESC_S) || !(d & DESC_CODE) ||
	    (d & DESC_CONFORM ? desc_dpl(d) > cpl : desc_dpl(d) != cpl) || offset > desc_limit(d))
		return VECTOR_GP;
	return d & DESC_P ? 0 : VECTOR_NP;
}

unsigned ring_stack_fault(struct vcpu *v, uint16_t selector, unsigned ring)
{
	ring_ldt_refresh(v, selector);
	uint64_t d = ring_gdt_read(v, selector);
	if ((selector & 3) != ring || !desc_writable(d) || desc_dpl(d) != ring)
		return VECTOR_GP;
	return d & DESC_P ? 0 : VECTOR_SS;
}
