// SPDX-License-Identifier: GPL-2.0-or-later
/* A legacy kernel that is translated as it runs: how the engine uses translate/. */
#include "engine/ring/ring.h"
#include "lib/string.h"
#include "translate/tables.h"
#include "translate/translate.h"

static void code_written(const struct guest_memory *m, gpa_t page)
{
	const struct guest *g = container_of(m, const struct guest, memory);

	if (page.v == g->vcpu->ring->carried.v)
		return;
	if (!ring_gdt_written(m, page))
		guest_code_unmark(m, page);
	translate_forget_page(g->vcpu->ring->translator, page);
}

static struct mmu *mmu_of(const struct guest_memory *m)
{
	return container_of(m, const struct guest, memory)->mmu;
}

static void code_marked(const struct guest_memory *m, gpa_t page)
{
	tables_protect(mmu_of(m), page);
}

static void table_written(const struct guest_memory *m, gpa_t page)
{
	tables_written(mmu_of(m), page);
}

static void code_table(const struct guest_memory *m, gpa_t page)
{
	tables_lead_to_code(mmu_of(m), page);
}

int ring_watch_tables(struct guest *g)
{
	uint64_t ram = ram_bytes(&g->memory);
	mpa_t tables = guest_take(g, sizeof(struct tables));
	mpa_t writer = guest_take(g, ram / PAGE_SIZE * sizeof(uint32_t));
	mpa_t marks = guest_take(g, guest_code_bytes(ram));

	if (!tables.v || !writer.v || !marks.v)
		return -ENOMEM;
	tables_init(g->mmu, direct(tables), direct(writer));
	g->memory.tables = direct(marks);
	g->memory.table_written = table_written;
	g->memory.code_table = code_table;
	return 0;
}

bool ring_translator_create(struct vcpu *v)
{
	struct guest *g = v->guest;
	unsigned room = translate_room(ram_bytes(&g->memory));
	uint64_t bytes = translate_window_bytes(room);
	mpa_t at = guest_take(g, translate_bytes(room)),
	      window = guest_take(g, bytes - VENEER_WINDOW_STUBS);
	mpa_t code = guest_take(g, guest_code_bytes(ram_bytes(&g->memory)));

	if (!at.v || !window.v || !code.v)
		return false;
	v->ring->translator = direct(at);
	translate_init(v->ring->translator, room, direct(window));
	g->memory.window = (struct patch_window){ TRANSLATE_WINDOW, bytes, window };
	g->memory.code = direct(code);
	g->memory.code_written = code_written;
	g->memory.code_marked = code_marked;
	return true;
}

void ring_translator_reset(struct vcpu *v)
{
	memset(v->ring->view.open, 0, sizeof(v->ring->view.open));
	v->ring->finishing = false;
	translate_trap_loads(v->ring->translator, false);
	v->ring->carried = GPA(~0ull);
	v->ring->watch = (struct gdt_watch){ .page = { GPA(~0ull), GPA(~0ull) } };
}

bool ring_recover_translated(struct vcpu *v)
{
	struct translator *t = v->ring->translator;

	if ((v->regs->cs & 3) == 3)
		return false;
	bool left = translate_recover(t, v->page, v->regs);
	if (translate_must_finish(t))
		ring_emulate(v);
	return left;
}

static bool in_cache(const struct vcpu *v)
{
	return (v->regs->cs & 3) != 3 &&
	       translate_inside(&v->guest->memory.window, v->regs->rip,
				desc_base(ring_descriptor(v, v->regs->cs)));
}

static bool has_limit(uint64_t d)
{
	return d && desc_limit(d) != 0xffffffff; /* ours are flat, and not there */
}

/* One instruction, unless it is emulated. False: not now. */
static bool run_stepped(struct vcpu *v, bool fresh)
{
	if (!fresh || !ring_step(v, translate_may_copy))
		return false;
	v->ring->stepping = true;
	v->regs->rflags |= FLAGS_TF;
	return true;
}

/* It is not decoded: what does not trap does what it does in ring 1. */
static bool run_16_bits(struct vcpu *v)
{
	if (!v->ring->warned)
		console_guest_notice(v->guest, "16-bit code in the kernel: it runs, but PUSHF, "
					       "POPF, IRET and reads of CS and SS are ring 1's");
	v->ring->warned = true;
	return true;
}

#define TRIES 3 /* a fetch that faults leads to a handler, whose fetch may fault */

/* What takes long is not done in the stay of the exit, which may have emulated an instruction, but
 * in the next one: fresh. */
static bool translate(struct vcpu *v, bool fresh)
{
	struct translator *t = v->ring->translator;
	struct guest_failure failure;

	if (v->ring->stepping)
		v->regs->rflags &= ~(uint64_t)FLAGS_TF;
	v->ring->stepping = false;
	for (unsigned i = 0; i < TRIES && v->state == VCPU_RUNNABLE; i++) {
		if ((v->regs->cs & 3) == 3)
			return true;
		uint64_t cs = ring_descriptor(v, v->regs->cs), ss = ring_descriptor(v, v->regs->ss);
		if (translate_inside(&v->guest->memory.window, v->regs->rip, desc_base(cs)))
			return true;
		if (cs && !(cs & DESC_DB))
			return run_16_bits(v);
		/* The cache, and what it stores to, may be beyond limits. */
		if (has_limit(cs) || has_limit(ss))
			return run_stepped(v, fresh);
		switch (translate_enter(t, v->view, desc_base(cs), desc_base(ss), fresh, v->regs,
					&failure)) {
		case TRANSLATE_DONE: return true;
		case TRANSLATE_AGAIN: return false;
		case TRANSLATE_FAULT: ring_page_fault(v, failure.va, failure.error); break;
		case TRANSLATE_TOO_LONG: ring_exception(v, VECTOR_GP, 0); break;
		case TRANSLATE_UNKNOWN:
			vcpu_unknown(v, "an instruction to be translated");
			ring_exception(v, VECTOR_UD, NO_ERROR);
		}
	}
	return false;
}

bool ring_translate(struct vcpu *v)
{
	bool fresh = v->ring->fresh_stay, goes_on = !v->ring->watch.stale;

	if (!goes_on && fresh)
		goes_on = ring_gdt_refresh(v);
	v->ring->fresh_stay = !(goes_on && translate(v, fresh));
	return !v->ring->fresh_stay;
}

gpa_t ring_page_at(const struct vcpu *v, gva_t va)
{
	struct translation where;
	unsigned error;

	if (guest_walk(v->view->memory, &v->view->paging, guest_linear(v->view, va), 0, &where,
		       &error))
		return GPA(~0ull);
	return GPA(where.gpa.v & PAGE_MASK);
}

static const void *content(const struct vcpu *v, gpa_t page)
{
	return guest_pointer(v->view->memory, page, PAGE_SIZE);
}

/* To be called at any exit but for a further write: the pages are closed again. */
bool ring_code_stepped(struct vcpu *v)
{
	struct ring_vcpu *own = v->ring;
	struct mmu_open *open = own->view.open;
	bool stepped = own->finishing || open->page;

	for (unsigned i = 0; i < MMU_OPEN && open[i].page; i++) {
		gpa_t page = GPA(open[i].page - 1);

		open[i].page = 0;
		mmu_flush(&own->view, GVA(open[i].va), PAGE_SIZE);
		if (guest_is_code(v->view->memory, page)) /* its directory may have changed */
			tables_protect(own->view.mmu, page);
		translate_step_end(own->translator, i, page, content(v, page));
		ring_gdt_written(v->view->memory, page);
	}
	own->finishing = false;
	if (stepped && !own->guest_tf)
		v->regs->rflags &= ~(uint64_t)FLAGS_TF;
	return stepped;
}

static void open_page(struct vcpu *v, gpa_t page, gva_t va)
{
	struct ring_vcpu *own = v->ring;
	struct mmu_open *open = own->view.open;
	unsigned error = (unsigned)v->regs->error;

	if (open[1].page)
		ring_code_stepped(v);
	unsigned i = open->page != 0;
	if (!i && !own->finishing)
		own->guest_tf = v->regs->rflags & FLAGS_TF;
	translate_step_begin(own->translator, i, content(v, page));
	open[i] = (struct mmu_open){ page.v + 1, va.v & PAGE_MASK };
	v->regs->rflags |= FLAGS_TF;
	mmu_fault(&own->view, va, &error); /* if it fails, the write faults again */
}

void ring_single_step(struct vcpu *v)
{
	v->legacy.dr[6] |= DR6_BS;
	ring_debug(v);
}

/* A load of SS: the #DB of a single step comes after the next instruction. */
static bool holds_debug(struct vcpu *v)
{
	uint8_t code[INSN_BYTES];
	struct insn i;

	if (insn_decode(code, ring_fetch(v, code), false, &i))
		return false;
	return i.op == INSN_LOAD_FAR
		       ? i.imm == 2
		       : i.reg == 2 && (i.op == INSN_MOV_TO_SEG || i.op == INSN_POP_SEG);
}

/* The instruction at RIP; with TF, #DB follows, unless another exception does or INT n has cleared
 * TF. */
static void emulate(struct vcpu *v)
{
	uint64_t rip = v->regs->rip, events = v->counts[COUNT_EXCEPTION] + v->counts[COUNT_SOFTINT];
	bool steps = (v->regs->rflags & FLAGS_TF) && !v->ring->stepping && !holds_debug(v);

	ring_emulate(v);
	if (steps && v->state == VCPU_RUNNABLE && v->regs->rip != rip &&
	    events == v->counts[COUNT_EXCEPTION] + v->counts[COUNT_SOFTINT])
		ring_single_step(v);
}

/* TF must not be in what ring 3 writes, either. */
static bool shows_no_flags(const struct insn *i)
{
	return i->op != INSN_PUSHF;
}

/* A write to a page that must not be written without notice; false: not by an instruction that is
 * known. */
static bool carry_out(struct vcpu *v, gpa_t page, gva_t va)
{
	const struct regs before = *v->regs;

	ring_recover_translated(v);
	v->ring->carried = page;
	bool known = ring_memory_insn(v);
	v->ring->carried = GPA(~0ull);
	if (known)
		translate_written(v->ring->translator, page, va.v % PAGE_SIZE);
	else
		*v->regs = before;
	return known;
}

void ring_code_write(struct vcpu *v, gva_t va)
{
	struct translator *t = v->ring->translator;
	gpa_t page = ring_page_at(v, va);
	bool inside = in_cache(v);

	if (!guest_is_code(v->view->memory, page))
		return;
	bool gdt = ring_gdt_written(v->view->memory, page);
	if (gdt)
		ring_gdt_count(v, page, va);
	if (!gdt && translate_drop_page(t, page, inside ? v->regs->rip : TRANSLATE_NOWHERE)) {
		guest_code_unmark(v->view->memory, page);
	} else if (!v->ring->view.open->page && carry_out(v, page, va)) {
		return;
	} else if (inside && translate_at_pushf(t, v->regs->rip)) {
		ring_recover_translated(v);
		emulate(v);
	} else if (inside || ring_step(v, shows_no_flags)) {
		open_page(v, page, va);
	}
}

/* After a step: to the end of what stands for one instruction, lest it is undone, and done again.
 * True: another step is wanted. */
static bool finish_step(struct vcpu *v)
{
	if (!in_cache(v) || translate_at_start(v->ring->translator, v->regs->rip))
		return false;
	v->ring->finishing = true;
	v->regs->rflags |= FLAGS_TF;
	return true;
}

bool ring_left_cache(struct vcpu *v, unsigned vector)
{
	struct translator *t = v->ring->translator;
	bool stepped = ring_code_stepped(v);

	if (stepped && vector == VECTOR_DB && (finish_step(v) || !v->ring->guest_tf)) {
		write_dr6(DR6_FIXED);
		v->counts[COUNT_STEP]++;
		if (!v->ring->finishing)
			ring_recover(v);
		return true;
	}
	if (vector == VECTOR_DB || vector >= 32)
		return false;
	bool jumped =
		(v->regs->rflags & FLAGS_TF) && in_cache(v) && !translate_at_pause(t, v->regs->rip);
	bool left = ring_recover_translated(v) && vector == VECTOR_GP;
	if (!left && (vector < VECTOR_TS || vector > VECTOR_GP))
		return false;
	if (!left)
		emulate(v);
	else if (jumped) /* the jump that left it is through */
		ring_single_step(v);
	return true;
}

bool ring_debug_is_due(struct vcpu *v)
{
	if (in_cache(v) && !translate_debug_is_due(v->ring->translator, v->regs->rip))
		return false;
	ring_recover_translated(v);
	v->legacy.dr[6] |= v->dr6 & (DR6_STATUS & ~DR6_FIXED);
	return true;
}

void ring_translation_remapped(struct vcpu *v)
{
	if (!v->ring->translator)
		return;
	if (tables_to_code_written(v->guest->mmu) ||
	    !translate_same_tables(v->ring->translator, v->view)) {
		tables_forget_code(v->guest->mmu);
		translate_remapped(v->ring->translator);
	}
	ring_gdt_watch(v);
}

void ring_page_remapped(struct vcpu *v, gva_t va)
{
	if (!v->ring->translator)
		return;
	translate_page_remapped(v->ring->translator, (uint32_t)va.v);
	ring_gdt_page_remapped(v, va);
}
