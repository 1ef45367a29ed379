// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A breakpoint is an instruction of one byte in the guest's memory, at the physical address that
 * gdb's address had when it was set: a guest that changes its page tables moves none. gdb sets them
 * before it lets the guest run, and takes them away when it stops. In a rewritten guest the byte is
 * in the stub that stands for the instruction.
 *
 * Under ring that byte is INT3, which exits there. In a virtual machine it is HLT, which exits from
 * the kernel's code and is #GP from a program's: QEMU 7.2's AMD-V does not intercept INT3 as #BP.
 */
#include "debug/gdb/stub.h"

#define INT3 0xcc
#define HLT  0xf4

uint8_t gdb_trap(const struct guest *g)
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

static bool has_byte(const struct gdb *s, const uint8_t *byte)
{
	for (const struct breakpoint *b = s->breakpoint; b < &s->breakpoint[GDB_BREAKPOINTS]; b++)
		if (b->used && b->byte == byte)
			return true;
	return false;
}

bool gdb_insert(struct gdb *s, uint64_t at)
{
	struct breakpoint *b = find_free(s);
	uint64_t place = gdb_place_of(s, at);
	uint8_t *byte = place ? gdb_byte(gdb_thread(s), place) : NULL;

	if (find(s, at))
		return true;
	if (!b || !byte || has_byte(s, byte))
		return false;
	*b = (struct breakpoint){ .at = at, .byte = byte, .original = *byte, .used = true };
	gdb_poke(s->guest, byte, gdb_trap(s->guest));
	return true;
}

/* What the guest has written there since stays. */
static void take_away(struct gdb *s, struct breakpoint *b)
{
	b->used = false;
	if (*b->byte == gdb_trap(s->guest))
		gdb_poke(s->guest, b->byte, b->original);
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
	const uint8_t *byte = gdb_byte(v, at);

	return byte && has_byte(gdb_of(v->guest), byte);
}
