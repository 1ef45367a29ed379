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
static gva_t linear(const struct vcpu *v, uint64_t at)
{
	if (v->view->paging.mode == PAGING_64)
		return GVA(at);
	return GVA((uint32_t)(at + gdb_vcpu(v)->base[1]));
}

bool gdb_place(const struct vcpu *v, uint64_t at, gpa_t *gpa)
{
	const struct guest_view view = all_rights(v);
	gva_t va = linear(v, at);
	struct translation t;
	unsigned error;

	if (guest_in_window(view.memory, va) || !canonical(va.v) ||
	    guest_walk(view.memory, &view.paging, va, 0, &t, &error))
		return false;
	*gpa = t.gpa;
	return guest_pointer(view.memory, t.gpa, 1);
}

void gdb_poke(const struct guest *g, gpa_t at, uint8_t byte)
{
	uint8_t *to = guest_pointer(&g->memory, at, 1);

	if (!to)
		return;
	if (guest_is_code(&g->memory, at))
		g->memory.code_written(&g->memory, GPA(at.v & PAGE_MASK));
	*to = byte;
}

/* A part of one page, which begins at gpa: what stands there without breakpoints. */
static void hide_breakpoints(const struct gdb *s, gpa_t gpa, uint8_t *bytes, unsigned n)
{
	for (const struct breakpoint *b = s->breakpoint; b < &s->breakpoint[GDB_BREAKPOINTS]; b++)
		if (b->used && b->gpa.v - gpa.v < n)
			bytes[b->gpa.v - gpa.v] = b->original;
}

/* The same for what is written: it goes below the breakpoints. */
static void write_below(struct gdb *s, gpa_t gpa, const uint8_t *bytes, unsigned n)
{
	for (struct breakpoint *b = s->breakpoint; b < &s->breakpoint[GDB_BREAKPOINTS]; b++)
		if (b->used && b->gpa.v - gpa.v < n)
			b->original = bytes[b->gpa.v - gpa.v];
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
		gva_t va = linear(v, at + done);
		unsigned n = part_of_page(va.v, bytes - done);
		uint8_t *part = (uint8_t *)to + done;
		gpa_t gpa;

		if (guest_read(&view, va, part, n, 0, NULL))
			break;
		if (gdb_place(v, at + done, &gpa))
			hide_breakpoints(s, gpa, part, n);
		done += n;
	}
	return done;
}

unsigned gdb_write(struct gdb *s, uint64_t at, const void *from, unsigned bytes)
{
	const struct vcpu *v = gdb_thread(s);
	unsigned done = 0;

	while (done < bytes) {
		unsigned n = part_of_page(linear(v, at + done).v, bytes - done);
		const uint8_t *part = (const uint8_t *)from + done;
		gpa_t gpa;

		if (!gdb_place(v, at + done, &gpa))
			break;
		write_below(s, gpa, part, n);
		for (unsigned i = 0; i < n; i++)
			if (!gdb_has_byte(s, GPA(gpa.v + i)))
				gdb_poke(s->guest, GPA(gpa.v + i), part[i]);
		done += n;
	}
	return done;
}
