// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Breakpoints are an instruction of one byte in the guest's memory, at the guest-physical address
 * that gdb's address had when it was set: a guest that changes its page tables moves none. gdb sets
 * them before it lets the guest run, and takes them away when it stops.
 *
 * Under ring that byte is INT3, which exits there. In a virtual machine it is HLT, which exits from
 * the kernel's code and is #GP from a program's: QEMU 7.2's AMD-V does not intercept INT3 as #BP.
 */
#include "debug/gdb/stub.h"

#define INT3 0xcc
#define HLT  0xf4

static uint8_t trap_of(const struct guest *g)
{
	return g->engine->kernel_ring ? INT3 : HLT;
}

static struct breakpoint *find(struct gdb *s, uint64_t at)
{
	for (struct breakpoint *b = s->breakpoint; b < &s->breakpoint[GDB_BREAKPOINTS]; b++)
		if (b->used && b->at == at)
			return b;
	return NULL;
}

static struct breakpoint *find_free(struct gdb *s)
{
	for (struct breakpoint *b = s->breakpoint; b < &s->breakpoint[GDB_BREAKPOINTS]; b++)
		if (!b->used)
			return b;
	return NULL;
}

bool gdb_has_byte(const struct gdb *s, gpa_t gpa)
{
	for (const struct breakpoint *b = s->breakpoint; b < &s->breakpoint[GDB_BREAKPOINTS]; b++)
		if (b->used && b->gpa.v == gpa.v)
			return true;
	return false;
}

bool gdb_insert(struct gdb *s, uint64_t at)
{
	struct breakpoint *b = find_free(s);
	gpa_t gpa;

	if (find(s, at))
		return true;
	if (!b || !gdb_place(gdb_thread(s), at, &gpa) || gdb_has_byte(s, gpa))
		return false;
	*b = (struct breakpoint){
		.at = at,
		.gpa = gpa,
		.original = *(const uint8_t *)guest_pointer(&s->guest->memory, gpa, 1),
		.used = true,
	};
	gdb_poke(s->guest, gpa, trap_of(s->guest));
	return true;
}

/* What the guest has written there since stays. */
static void take_away(struct gdb *s, struct breakpoint *b)
{
	const uint8_t *now = guest_pointer(&s->guest->memory, b->gpa, 1);

	b->used = false;
	if (now && *now == trap_of(s->guest))
		gdb_poke(s->guest, b->gpa, b->original);
}

void gdb_remove(struct gdb *s, uint64_t at)
{
	struct breakpoint *b = find(s, at);

	if (b)
		take_away(s, b);
}

void gdb_remove_all(struct gdb *s)
{
	for (struct breakpoint *b = s->breakpoint; b < &s->breakpoint[GDB_BREAKPOINTS]; b++)
		if (b->used)
			take_away(s, b);
}

bool gdb_has_breakpoint(const struct vcpu *v, uint64_t at)
{
	gpa_t gpa;

	return gdb_place(v, at, &gpa) && gdb_has_byte(gdb_of(v->guest), gpa);
}
