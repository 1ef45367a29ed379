// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Watchpoints under ring, where v->dr is armed while the guest runs and each #DB exits. Only a
 * paravirtual guest can use these registers itself, and keeps them then. In a virtual machine the
 * guest has them (and in QEMU 7.2 AMD-V does not arm them), so gdb has to step instead.
 */
#include "debug/gdb/stub.h"

#include "kernel/memory.h"

static uint64_t length_bits(uint64_t bytes)
{
	return bytes == 8 ? 2 : bytes - 1;
}

/* Of all vCPUs, which are paused: SDM 3B 18.2.4. */
static void arm(struct gdb *s)
{
	s->dr7 = DR7_FIXED;
	for (unsigned i = 0; i < GDB_WATCHPOINTS; i++) {
		const struct watchpoint *w = &s->watchpoint[i];

		if (w->used)
			s->dr7 |= 1ull << 2 * i |
				  ((w->kind == '2' ? 1 : 3) | length_bits(w->bytes) << 2)
					  << (16 + 4 * i);
	}
	for (struct vcpu *v = s->guest->vcpu; v < &s->guest->vcpu[s->guest->vcpus]; v++) {
		for (unsigned i = 0; i < GDB_WATCHPOINTS; i++)
			v->dr[i] = s->watchpoint[i].used ? s->watchpoint[i].linear : 0;
		v->dr7 = s->dr7;
	}
}

static bool guest_uses_them(const struct gdb *s)
{
	for (const struct vcpu *v = s->guest->vcpu; v < &s->guest->vcpu[s->guest->vcpus]; v++)
		if ((v->dr7 & DR7_ENABLE) && v->dr7 != s->dr7)
			return true;
	return false;
}

/* As for a guest's own: see hc_set_debugreg. */
static bool may_be_watched(uint64_t at, uint64_t bytes)
{
	return canonical(at) && !hv_maps(at - 8, 16) && bytes && bytes <= 8 &&
	       !(bytes & (bytes - 1)) && !(at & (bytes - 1));
}

bool gdb_can_watch(const struct gdb *s)
{
	return s->guest->engine->kernel_ring;
}

bool gdb_watch(struct gdb *s, char kind, uint64_t at, uint64_t bytes)
{
	uint64_t linear = gdb_linear(gdb_thread(s), at).v;

	if (!may_be_watched(linear, bytes) || guest_uses_them(s))
		return false;
	for (struct watchpoint *w = s->watchpoint; w < &s->watchpoint[GDB_WATCHPOINTS]; w++)
		if (!w->used) {
			*w = (struct watchpoint){ at, linear, (uint8_t)bytes, kind, true };
			arm(s);
			return true;
		}
	return false;
}

void gdb_unwatch(struct gdb *s, char kind, uint64_t at)
{
	for (struct watchpoint *w = s->watchpoint; w < &s->watchpoint[GDB_WATCHPOINTS]; w++)
		if (w->used && w->kind == kind && w->at == at) {
			w->used = false;
			arm(s);
			return;
		}
}

void gdb_unwatch_all(struct gdb *s)
{
	bool any = false;

	for (struct watchpoint *w = s->watchpoint; w < &s->watchpoint[GDB_WATCHPOINTS]; w++) {
		any |= w->used;
		w->used = false;
	}
	if (any)
		arm(s);
}

int gdb_watch_hit(struct vcpu *v)
{
	const struct gdb *s = gdb_of(v->guest);

	for (int i = 0; gdb_can_watch(s) && i < GDB_WATCHPOINTS; i++)
		if (s->watchpoint[i].used && (v->dr6 >> i & 1)) {
			v->dr6 &= ~0xfull;
			return i;
		}
	return -1;
}
