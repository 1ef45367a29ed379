// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The GDT of a translated kernel, written in place. The processor has a copy. So that a load of DS,
 * ES, FS or GS, by the kernel or in ring 3, finds what the guest has written, the pages of its GDT
 * are read-only, as those with translated code are: a write to them is carried out, and the copy is
 * taken anew before the guest goes on.
 *
 * If much else is written to these pages, and the table is not, they are let go. Then the kernel's
 * own loads and IRETs are emulated, and each takes the copy anew.
 */
#include "engine/ring/ring.h"
#include "translate/translate.h"

#define WRITES_BESIDE 32

static bool watches(const struct gdt_watch *w, gpa_t page)
{
	return !w->off && (page.v == w->page[0].v || page.v == w->page[1].v);
}

bool ring_gdt_written(const struct guest_memory *m, gpa_t page)
{
	const struct guest *g = container_of(m, const struct guest, memory);
	struct gdt_watch *w = &g->vcpu->ring->watch;

	w->stale |= watches(w, page);
	return watches(w, page);
}

void ring_gdt_count(struct vcpu *v, gpa_t page, gva_t va)
{
	const struct legacy_state *l = &v->legacy;
	struct gdt_watch *w = &v->ring->watch;
	unsigned first = page.v == w->page[0].v ? l->gdt_base % PAGE_SIZE : 0,
		 last = page.v == w->page[1].v ? (l->gdt_base + l->gdt_limit) % PAGE_SIZE
					       : PAGE_SIZE - 1,
		 at = va.v % PAGE_SIZE;

	w->beside += at < first || at > last;
}

/* The processor's copy; false: not in this stay. */
static bool copy(struct vcpu *v, unsigned *loaded)
{
	const uint64_t before[2] = { ring_descriptor(v, v->regs->cs),
				     ring_descriptor(v, v->regs->ss) };

	*loaded = ring_gdt_load(v);
	if (!*loaded)
		return false;
	ring_gdt_keep(v, before);
	return true;
}

/* The code that goes is work enough for a stay. */
static void let_go(struct vcpu *v)
{
	struct translator *t = v->ring->translator;
	struct gdt_watch *w = &v->ring->watch;

	ring_recover_translated(v);
	w->off = true;
	translate_trap_loads(t, true);
	for (unsigned i = 0; i < 2; i++)
		if (w->page[i].v < ram_bytes(&v->guest->memory))
			guest_code_unmark(&v->guest->memory, w->page[i]);
}

bool ring_gdt_refresh(struct vcpu *v)
{
	struct gdt_watch *w = &v->ring->watch;
	unsigned loaded;

	if (!copy(v, &loaded))
		return false;
	w->stale = false;
	if (loaded > 1) /* it is still written to */
		w->beside /= 2;
	if (w->beside < WRITES_BESIDE)
		return true;
	let_go(v);
	return false;
}

void ring_gdt_watch(struct vcpu *v)
{
	const struct guest_memory *m = &v->guest->memory;
	const struct legacy_state *l = &v->legacy;
	struct gdt_watch *w = &v->ring->watch;

	if (!v->ring->translator)
		return;
	const gpa_t page[2] = { ring_page_at(v, GVA(l->gdt_base)),
				ring_page_at(v, GVA((uint32_t)(l->gdt_base + l->gdt_limit))) };
	if (page[0].v == w->page[0].v && page[1].v == w->page[1].v)
		return;
	if (w->off)
		translate_trap_loads(v->ring->translator, false);
	*w = (struct gdt_watch){ .page = { page[0], page[1] }, .stale = true };
	for (unsigned i = 0; i < 2; i++)
		if (page[i].v < ram_bytes(m) && !guest_is_code(m, page[i]))
			guest_code_mark(m, page[i]);
}

void ring_gdt_page_remapped(struct vcpu *v, gva_t va)
{
	const struct legacy_state *l = &v->legacy;
	uint32_t from = (uint32_t)(va.v & PAGE_MASK) - (uint32_t)(l->gdt_base & PAGE_MASK);

	if (from <= l->gdt_limit + PAGE_SIZE)
		ring_gdt_watch(v);
}
