// SPDX-License-Identifier: GPL-2.0-or-later
/* The devices' time and timers: those of the bus run on vCPU 0's CPU, those of local APICs on their
 * vCPU's CPU. */
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "pc/pc.h"

uint64_t pc_now(const struct bus *b)
{
	return ns_from_tsc(rdtsc() - pc_of_bus(b)->start);
}

/* Arms it for that time, but only while the guest runs: a vCPU that parks cancels its timers, while
 * another may not be parked yet. */
static void arm(struct pc *p, struct vcpu *v, struct timer *t, uint64_t at)
{
	if (at == BUS_NEVER)
		timer_cancel(v->cpu, t);
	else if (guest_is_running(p->guest))
		timer_set(v->cpu, t, p->start + tsc_from_ns(at) + 1);
}

void pc_set_timer(struct bus *b, unsigned timer)
{
	struct pc *p = pc_of_bus(b);
	struct vcpu *v = p->guest->vcpu;

	if (v->cpu == this_cpu()) {
		arm(p, v, &p->timer[timer].timer, b->timer[timer].at);
	} else {
		p->rearm = true;
		vcpu_request_from(v, REQUEST_INPUT);
	}
}

void pc_rearm(struct pc *p)
{
	if (!p->rearm)
		return;
	p->rearm = false;
	for (unsigned i = 0; i < p->bus.timers; i++)
		pc_set_timer(&p->bus, i);
}

static void fired(struct timer *t)
{
	struct pc_timer *timer = container_of(t, struct pc_timer, timer);
	struct pc *p = timer->pc;

	spin_lock(&p->lock);
	bus_fire(&p->bus, (unsigned)(timer - p->timer));
	pc_unlock(p);
}

_Static_assert(LAPIC_NEVER == BUS_NEVER, "a timer that is not set");

void pc_arm_lapic(struct apic *a, uint64_t since)
{
	arm(a->pc, a->vcpu, &a->timer, lapic_timer_at(&a->lapic, since));
}

static void lapic_fired(struct timer *t)
{
	struct apic *a = container_of(t, struct apic, timer);
	struct pc *p = a->pc;

	spin_lock(&p->lock);
	lapic_timer_fired(&a->lapic);
	pc_note(p, a);
	pc_arm_lapic(a, pc_now(&p->bus) + BUS_TIMER_REST_NS);
	pc_unlock(p);
}

void pc_create_timers(struct pc *p)
{
	for (unsigned i = 0; i < BUS_TIMERS; i++) {
		p->timer[i].pc = p;
		p->timer[i].timer.fire = fired;
		p->timer[i].timer.owner = p->guest->vcpu;
	}
	for (unsigned i = 0; i < p->guest->vcpus; i++) {
		p->apic[i].timer.fire = lapic_fired;
		p->apic[i].timer.owner = p->apic[i].vcpu;
	}
}

void pc_park(struct vcpu *v)
{
	struct pc *p = pc_of(v->guest);

	timer_cancel(v->cpu, &p->apic[v->id].timer);
	for (unsigned i = 0; i < p->bus.timers && !v->id; i++)
		timer_cancel(v->cpu, &p->timer[i].timer);
}
