// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest's memory, as its vCPU sees it: without the debugger's breakpoints. */
#include "debug/gdb/stub.h"

#include "lib/string.h"

/* Walks the tables alone, with ring 0's rights and past write protection. */
static struct guest_view all_rights(const struct vcpu *v)
{
	struct guest_view view = *v->view;

	view.lookup = NULL;
	view.paging.write_protect = false;
	return view;
}

/* A 32-bit kernel's addresses are those in its code segment: GNU Mach's does not begin at 0. */
gva_t gdb_linear(const struct vcpu *v, uint64_t at)
{
	if (v->view->paging.mode == PAGING_64)
		return GVA(at);
	return GVA((uint32_t)(at + gdb_vcpu(v)->base[1]));
}

/* Stubs are no RAM of the guest's, and tables of the hypervisor's lie behind them. */
static uint8_t *stub_byte(const struct vcpu *v, gva_t va)
{
	const struct guest *g = v->guest;
	const struct patch_window *w = &g->memory.window;

	if (!gdb_in_stub(gdb_of(g), va.v))
		return NULL;
	return (uint8_t *)direct(w->stubs) + (va.v - w->first - VENEER_WINDOW_STUBS);
}

static uint8_t *ram_byte(const struct vcpu *v, gva_t va)
{
	const struct guest_view view = all_rights(v);
	struct translation t;
	unsigned error;

	if (guest_in_window(view.memory, va) || !canonical(va.v) ||
	    guest_walk(view.memory, &view.paging, va, 0, &t, &error))
		return NULL;
	return guest_pointer(view.memory, t.gpa, 1);
}

uint8_t *gdb_byte(const struct vcpu *v, uint64_t at)
{
	gva_t va = gdb_linear(v, at);
	uint8_t *stub = stub_byte(v, va);

	return stub ? stub : ram_byte(v, va);
}

/* Before a byte of it is written. */
static void tell_of_write(const struct guest *g, const uint8_t *byte)
{
	const struct region *ram = &g->memory.region[REGION_RAM];
	uint64_t at = (uint64_t)(byte - (const uint8_t *)direct(ram->at));

	if (guest_is_code(&g->memory, GPA(at)))
		g->memory.code_written(&g->memory, GPA(at & PAGE_MASK));
	if (guest_is_table(&g->memory, GPA(at)))
		g->memory.table_written(&g->memory, GPA(at & PAGE_MASK));
}

void gdb_poke(const struct guest *g, uint8_t *to, uint8_t byte)
{
	tell_of_write(g, to);
	*to = byte;
}

/* A part of one page: what stands there without breakpoints. */
static void hide_breakpoints(const struct gdb *s, const uint8_t *there, uint8_t *bytes, unsigned n)
{
	for (const struct breakpoint *b = s->breakpoint; b < &s->breakpoint[GDB_BREAKPOINTS]; b++)
		if (b->used && (uint64_t)(b->byte - there) < n)
			bytes[b->byte - there] = b->original;
}

static unsigned part_of_page(uint64_t at, unsigned bytes)
{
	return (unsigned)MIN((uint64_t)bytes, PAGE_SIZE - (at & ~PAGE_MASK));
}

unsigned gdb_read(const struct gdb *s, uint64_t at, void *to, unsigned bytes)
{
	const struct vcpu *v = gdb_thread(s);
	const struct guest_view view = all_rights(v);
	unsigned done = 0;

	while (done < bytes) {
		gva_t va = gdb_linear(v, at + done);
		unsigned n = part_of_page(va.v, bytes - done);
		uint8_t *part = (uint8_t *)to + done, *there = gdb_byte(v, at + done);

		if (guest_read(&view, va, part, n, 0, NULL))
			break;
		if (there)
			hide_breakpoints(s, there, part, n);
		gdb_show_originals(s, va.v, part, n);
		done += n;
	}
	return done;
}

/* Below the breakpoints, whose bytes stay. */
static void write_part(struct gdb *s, uint8_t *to, const uint8_t *from, unsigned n)
{
	tell_of_write(s->guest, to);
	for (struct breakpoint *b = s->breakpoint; b < &s->breakpoint[GDB_BREAKPOINTS]; b++)
		if (b->used && (uint64_t)(b->byte - to) < n)
			b->original = from[b->byte - to];
	memcpy(to, from, n);
	for (const struct breakpoint *b = s->breakpoint; b < &s->breakpoint[GDB_BREAKPOINTS]; b++)
		if (b->used && (uint64_t)(b->byte - to) < n)
			*b->byte = gdb_trap(s->guest);
}

unsigned gdb_write(struct gdb *s, uint64_t at, const void *from, unsigned bytes)
{
	const struct vcpu *v = gdb_thread(s);
	unsigned done = 0;

	while (done < bytes) {
		gva_t va = gdb_linear(v, at + done);
		unsigned n = part_of_page(va.v, bytes - done);
		uint8_t *to = ram_byte(v, va);

		if (!to)
			break;
		write_part(s, to, (const uint8_t *)from + done, n);
		done += n;
	}
	return done;
}
