// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stopping, continuing, stepping.
 *
 * A vCPU that is stepped runs with an engine of its own, which is the guest's but for two
 * functions, so those that are not stepped are never asked whether they are. Interrupts wait
 * meanwhile: a user who steps does not want to land in a handler. An instruction that exits and is
 * emulated has no #DB; it is through when RIP has changed. INT n and system calls would save the
 * debugger's TF and clear it, so they are executed without: the step ends in the kernel, at the
 * next exit.
 */
#include "debug/gdb/stub.h"

#include "insn/insn.h"
#include "kernel/cpu.h"

/* --- stopping --- */

static void pause_all(struct guest *g)
{
	for (unsigned i = 0; i < g->vcpus; i++) {
		__atomic_and_fetch(&g->vcpu[i].requests, ~REQUEST_RESUME, __ATOMIC_RELAXED);
		vcpu_request(&g->vcpu[i], REQUEST_PAUSE);
	}
}

/* gdb hears of the vCPU that stops first. The requests come before the reason, see
 * gdb_is_stopped. */
void gdb_stop(struct vcpu *v, enum stop why, unsigned watchpoint)
{
	struct gdb *s = gdb_of(v->guest);
	uint32_t nobody = 0, somebody = (v->id + 1) | (uint32_t)why << 8 | watchpoint << 16;

	pause_all(v->guest);
	__atomic_compare_exchange_n(&s->stopped, &nobody, somebody, false, __ATOMIC_ACQ_REL,
				    __ATOMIC_ACQUIRE);
}

/* A vCPU takes a request before it acts upon it, and is counted after. */
bool gdb_is_stopped(const struct gdb *s)
{
	const struct guest *g = s->guest;

	for (unsigned i = 0; i < g->vcpus; i++)
		if (__atomic_load_n(&g->vcpu[i].requests, __ATOMIC_ACQUIRE) &
		    (REQUEST_PAUSE | REQUEST_RESUME))
			return false;
	return __atomic_load_n(&g->paused, __ATOMIC_ACQUIRE) == g->vcpus;
}

static void gather(struct vcpu *v)
{
	struct gdb_vcpu *d = gdb_vcpu(v);

	uint32_t stopped = __atomic_load_n(&gdb_of(v->guest)->stopped, __ATOMIC_ACQUIRE);
	bool crashed = stopped == ((v->id + 1) | STOP_CRASH << 8);

	d->begun = guest_is_running(v->guest) && (v->state != VCPU_STOPPED || crashed);
	if (!d->begun)
		return;
	if (!v->loaded)
		vcpu_load(v);
	gdb_gather(v);
	vcpu_unload(v); /* so that all else is in memory */
}

bool gdb_paused(struct vcpu *v, bool paused)
{
	struct gdb_vcpu *d = gdb_vcpu(v);

	if (!paused)
		return d->held;
	d->held = gdb_of(v->guest)->attached;
	d->stepping = false;
	v->engine = v->guest->engine;
	if (d->held)
		gather(v);
	return d->held;
}

/* --- continuing --- */

/* It is paused. */
void gdb_resume(struct vcpu *v, bool step)
{
	struct gdb_vcpu *d = gdb_vcpu(v);

	d->stepping = step && d->begun;
	d->amid = false;
	if (d->stepping)
		v->engine = &gdb_of(v->guest)->stepping;
	__atomic_and_fetch(&v->requests, ~REQUEST_PAUSE, __ATOMIC_RELAXED);
	vcpu_request(v, REQUEST_RESUME);
}

/* --- one step, on the vCPU's own CPU --- */

/* SYSCALL and SYSENTER. From the kernel SYSCALL is a hypercall, which gives the flags back. */
static bool is_system_call(const uint8_t *code)
{
	return code[0] == 0x0f && (code[1] == 0x05 || code[1] == 0x34);
}

/* What the instruction at RIP does with TF. */
static void look_ahead(struct vcpu *v)
{
	const struct engine *e = v->guest->engine;
	struct gdb_vcpu *d = gdb_vcpu(v);
	uint8_t code[INSN_BYTES];
	struct insn i;

	if (e->gather) /* it may have been put into a translation already */
		e->gather(v);
	unsigned bytes = e->fetch(v, code);
	if (!bytes || insn_decode(code, bytes, e->code_bits(v) == 64, &i))
		i.op = INSN_OTHER;
	d->sets_tf = i.op == INSN_POPF || i.op == INSN_IRET;
	d->pushes = i.op == INSN_PUSHF;
	d->traps = (i.op == INSN_INT && (!e->kernel_ring || !v->guest->board)) ||
		   ((v->regs->cs & 3) == 3 && bytes > 1 && is_system_call(code));
	d->guest_tf = v->regs->rflags & FLAGS_TF;
	d->from = v->regs->rip;
	d->dr6 = v->dr6;
	d->legacy_dr6 = v->legacy.dr[6];
}

/* PUSHF has pushed the debugger's TF: bit 0 of the second byte. */
static void clear_pushed_tf(struct vcpu *v)
{
	gva_t at =
		guest_linear(v->view, GVA(v->regs->rsp + v->guest->engine->segment_base(v, 2) + 1));
	uint8_t byte;

	if (guest_read(v->view, at, &byte, 1, 0, NULL))
		return;
	byte &= 0xfe;
	guest_write(v->view, at, &byte, 1, 0, NULL);
}

/* TF and DR6 as if there had been no step, unless the guest steps itself. */
static void hide_step(struct vcpu *v)
{
	struct gdb_vcpu *d = gdb_vcpu(v);
	bool moved = v->regs->rip != d->from;

	if (d->guest_tf || d->traps)
		return;
	if (!d->sets_tf || !moved || d->owed)
		v->regs->rflags &= ~(uint64_t)FLAGS_TF;
	if (d->sets_tf && moved) /* by the IRET that was waited for */
		d->owed = false;
	if (d->pushes && moved)
		clear_pushed_tf(v);
	v->dr6 = d->dr6;
	v->legacy.dr[6] = d->legacy_dr6;
}

static void end_step(struct vcpu *v)
{
	gdb_vcpu(v)->stepping = false;
	v->engine = v->guest->engine;
	gdb_stop(v, STOP_STEP, 0);
}

/* Whether that was a whole instruction: a stub is shown as one. */
static bool is_through(const struct vcpu *v)
{
	const struct gdb *s = gdb_of(v->guest);
	uint64_t rip = v->regs->rip, from = gdb_vcpu(v)->from;

	return rip != from && !(gdb_in_stub(s, rip) && gdb_shown(s, rip) == gdb_shown(s, from));
}

/* Sends nothing: events and interrupts stay pending. */
static bool step_deliver(struct vcpu *v)
{
	bool waits = v->interrupt_waits, runs = v->state == VCPU_RUNNABLE;

	if (!gdb_vcpu(v)->amid)
		look_ahead(v);
	if (!v->guest->board)
		return runs;
	v->interrupt_waits = false;
	runs = v->guest->engine->deliver(v);
	if (waits)
		v->interrupt_waits = true;
	return runs;
}

/* amid: a #DB of the translator's, in what stands for one instruction. */
static void step_run(struct cpu *cpu, struct vcpu *v)
{
	const struct engine *e = v->guest->engine;
	struct gdb_vcpu *d = gdb_vcpu(v);

	if (!d->traps)
		v->regs->rflags |= FLAGS_TF;
	if (d->guest_tf) /* frames show it, see ring_flags */
		v->engine = e;
	e->run(cpu, v);
	if (d->stepping)
		v->engine = &gdb_of(v->guest)->stepping;
	d->amid = d->stepping && !d->guest_tf && e->kernel_ring && v->regs->vector == VECTOR_DB;
	if (d->amid || !v->loaded)
		return;
	if (e->gather)
		e->gather(v);
	hide_step(v);
	if (!d->stepping || !is_through(v))
		return;
	/* Not behind the instruction: a virtual machine has sent an exception, with TF in the
	 * frame. */
	d->owed |=
		!e->kernel_ring && !d->traps && !d->guest_tf && v->regs->rip - d->from > INSN_BYTES;
	end_step(v);
}

/* --- what the engines ask: is this the debugger's? --- */

/* A step's #DB. A guest that steps itself gets it, and then gdb stops in its handler. */
static bool took_step(struct vcpu *v)
{
	struct gdb_vcpu *d = gdb_vcpu(v);

	if (!d->stepping && d->owed) {
		d->owed = false;
		v->regs->rflags &= ~(uint64_t)FLAGS_TF;
		return true;
	}
	if (!d->stepping || d->guest_tf || d->traps)
		return false;
	if (v->regs->rip == d->from || is_through(v)) /* it may have jumped to itself */
		end_step(v);
	return true;
}

/* A step that hits one ends there too, and gdb hears of the watchpoint. */
static bool took_watchpoint(struct vcpu *v)
{
	int hit = gdb_watch_hit(v);

	if (hit < 0)
		return false;
	gdb_stop(v, STOP_WATCHPOINT, (unsigned)hit);
	return !gdb_vcpu(v)->stepping || took_step(v);
}

bool gdb_trapped(struct vcpu *v, unsigned vector, uint64_t pc)
{
	const struct engine *e = v->guest->engine;

	if (vector == VECTOR_DB)
		return took_watchpoint(v) || took_step(v);
	if (!gdb_of(v->guest)->attached)
		return false;
	if (e->gather)
		e->gather(v);
	gdb_vcpu(v)->base[1] = e->segment_base(v, 1);
	if (!gdb_has_breakpoint(v, pc))
		return false;
	v->regs->rip = pc;
	gdb_stop(v, STOP_BREAKPOINT, 0);
	return true;
}

/* gdb sees the vCPU as it was. */
bool gdb_crashed(struct vcpu *v)
{
	struct gdb *s = gdb_of(v->guest);

	if (!s->attached)
		return false;
	s->crashed = v->id + 1;
	gdb_stop(v, STOP_CRASH, 0);
	return true;
}

void gdb_end_crash(struct gdb *s)
{
	bool reset = s->guest->vcpu[s->crashed - 1].state != VCPU_STOPPED;

	s->crashed = 0;
	if (reset) /* from the monitor, in the meantime */
		return;
	if (s->guest->config->on_crash == CRASH_RESTART)
		guest_restart(s->guest);
	else
		guest_end(s->guest, -1, "stopped after a crash");
}

void gdb_use_steps(struct engine *e)
{
	e->deliver = step_deliver;
	e->run = step_run;
}
