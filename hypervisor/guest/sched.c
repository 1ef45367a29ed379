// SPDX-License-Identifier: GPL-2.0-or-later
/* The main loop of a physical CPU: handle requests and timers, choose a vCPU, run it, handle its
 * exit. */
#include "guest/sched.h"

#include "guest/guest.h"
#include "kernel/apic.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"

struct cpu *sched_choose_cpu(uint32_t allowed)
{
	struct cpu *best = NULL;
	unsigned fewest = ~0u;

	for (unsigned i = 0; i < cpu_count; i++) {
		unsigned n = 0;

		if (!(allowed >> i & 1) || !cpus[i].online)
			continue;
		for (struct vcpu *v = cpus[i].vcpus; v; v = v->next)
			n++;
		if (n < fewest) {
			fewest = n;
			best = &cpus[i];
		}
	}
	return best;
}

void sched_forget(const struct guest *g)
{
	for (unsigned i = 0; i < cpu_count; i++)
		for (struct vcpu **at = &cpus[i].vcpus; *at;)
			if ((*at)->guest == g)
				*at = (*at)->next;
			else
				at = &(*at)->next;
}

void sched_add(struct cpu *cpu, struct vcpu *v)
{
	struct vcpu **at = &cpu->vcpus;

	while (*at)
		at = &(*at)->next;
	*at = v;
	v->next = NULL;
}

static void slice_over(struct timer *t)
{
	container_of(t, struct cpu, slice_timer)->attention = true;
}

/* TSC ticks for the way into the hypervisor and back, which is not measured: two traps, two changes
 * of the page table, and a few hundred instructions. */
#define INTERRUPT_COST 1000

void sched_shares(struct cpu *cpu)
{
	unsigned open = 0, promised = 0;

	cpu->period = tsc_from_ns(SCHED_PERIOD_NS);
	cpu->slice_timer.fire = slice_over;
	for (struct vcpu *v = cpu->vcpus; v; v = v->next) {
		unsigned share = v->guest->config->share;

		open += !share;
		promised += share;
	}
	if (promised > 100)
		console_print("core %u: shares add up to %u %%: none is guaranteed", cpu->id,
			      promised);
	for (struct vcpu *v = cpu->vcpus; v; v = v->next) {
		unsigned share = v->guest->config->share;

		if (!share)
			share = MAX((100 - MIN(promised, 100u)) / open, 1u);
		v->slice = cpu->period * share / 100;
		v->budget = (int64_t)v->slice;
	}
}

static bool alone(const struct cpu *cpu)
{
	return cpu->vcpus && !cpu->vcpus->next;
}

/* --- who pays --- */

static bool has_requests(const struct vcpu *v, uint32_t which)
{
	return __atomic_load_n(&v->requests, __ATOMIC_SEQ_CST) & which;
}

/* It can run, or has deferred work. */
static bool wants_cpu(const struct vcpu *v)
{
	return !v->paused && (v->state == VCPU_RUNNABLE || has_requests(v, REQUESTS_IN_TURN));
}

bool sched_must_wait(const struct vcpu *v)
{
	if (v->budget > 0)
		return false;
	for (const struct vcpu *u = v->cpu->vcpus; u; u = u->next)
		if (u != v && wants_cpu(u))
			return true;
	return false;
}

/* What is left of a period is free, but for what goes beyond it. */
static void spend(struct cpu *cpu, struct vcpu *v, uint64_t ticks)
{
	uint64_t end = cpu->period_start + cpu->period, late = cpu->paid_until - end;

	v->ran += ticks;
	if (cpu->leftover != v) {
		v->budget -= (int64_t)ticks;
	} else {
		v->free += ticks;
		v->budget -= cpu->paid_until > end ? (int64_t)MIN(late, ticks) : 0;
	}
}

/* Unclaimed time is that of an interrupt, and charged to the next vCPU. */
void sched_charge(struct cpu *cpu, struct vcpu *v)
{
	if (cpu->payer == v && alone(cpu))
		return;
	uint64_t now = rdtsc(), ticks = now - cpu->paid_until;

	cpu->paid_until = now;
	if (cpu->payer)
		spend(cpu, cpu->payer, ticks);
	else
		cpu->unclaimed += ticks;
	if (v) {
		spend(cpu, v, cpu->unclaimed);
		cpu->unclaimed = 0;
	}
	cpu->payer = v;
}

void sched_interrupt(struct cpu *cpu)
{
	if (alone(cpu)) /* it is its own, whatever it was for */
		return;
	if (cpu->payer)
		cpu->payer->budget += INTERRUPT_COST;
	sched_charge(cpu, NULL);
	cpu->unclaimed += INTERRUPT_COST;
}

/* Where the vCPU stops just now, one slice may be counted twice. */
uint64_t sched_ran(const struct vcpu *v)
{
	bool running = __atomic_load_n(&v->cpu->running, __ATOMIC_SEQ_CST) == v;

	return v->ran + (running ? rdtsc() - v->cpu->paid_until : 0);
}

/* --- who is next --- */

static bool comes_before(const struct vcpu *v, const struct vcpu *u)
{
	if (v->budget > 0 && u->budget > 0)
		return v->runnable_since > u->runnable_since;
	return v->budget > 0 || (u->budget <= 0 && v->free < u->free);
}

/* A vCPU that wakes up precedes one that keeps running. When all have used up their shares, the
 * rest of the period goes to the one that has had least of it. */
static struct vcpu *choose(struct cpu *cpu)
{
	struct vcpu *best = NULL;

	for (struct vcpu *v = cpu->vcpus; v; v = v->next)
		if (wants_cpu(v) && (!best || comes_before(v, best)))
			best = v;
	return best;
}

/* Periods follow each other by the clock, independent of demand. Unused time is lost, and debt is
 * paid from the share. */
static void refill(struct cpu *cpu, uint64_t now)
{
	uint64_t n = (now - cpu->period_start) / cpu->period;

	if (!n)
		return;
	cpu->period_start += n * cpu->period;
	n = MIN(n, 1000u); /* whatever was owed, it is paid */
	for (struct vcpu *v = cpu->vcpus; v; v = v->next) {
		v->budget = MIN(v->budget + (int64_t)(n * v->slice), (int64_t)v->slice);
		v->free = 0;
		if (has_requests(v, REQUESTS_IN_SHARE))
			cpu->attention = true;
	}
	timers_resume(cpu);
}

#define LEFTOVER_TURNS 10 /* in a period, at most */

static struct vcpu *pick(struct cpu *cpu)
{
	if (alone(cpu))
		return wants_cpu(cpu->vcpus) ? cpu->vcpus : NULL;
	uint64_t now = rdtsc(), end;

	refill(cpu, now);
	struct vcpu *v = choose(cpu);
	cpu->leftover = v && v->budget <= 0 ? v : NULL;
	if (!v && cpu->timers_put_off) { /* nobody wants the CPU, so nobody has to wait */
		timers_resume(cpu);
		cpu->attention = true;
	}
	if (!v)
		return NULL;
	end = now + (v->budget > 0 ? (uint64_t)v->budget : cpu->period / LEFTOVER_TURNS);
	end = MIN(end, cpu->period_start + cpu->period);
	timer_set(cpu, &cpu->slice_timer, end);
	return v;
}

/* Gives the CPU to v, or to nobody: to run, or for its long work. */
static void begin_turn(struct cpu *cpu, struct vcpu *v)
{
	if (v == cpu->turn)
		return;
	uint64_t now = rdtsc();

	if (cpu->turn)
		cpu->turn->waits_since = now;
	if (v)
		v->worst_wait = MAX(v->worst_wait, now - MAX(v->runnable_since, v->waits_since));
	cpu->turn = v;
}

/* --- the loop --- */

static void program_timer(struct cpu *cpu)
{
	uint64_t now = rdtsc();

	cpu->timer_changed = false;
	if (!cpu->timers)
		apic_timer_set(0);
	else
		apic_timer_set(cpu->timers->deadline > now ? cpu->timers->deadline - now : 1);
}

/* Idle: waits for an interrupt, which gate.S passes to ring0_trap. A request that arrived while a
 * vCPU still ran may not have raised one. */
static void idle(struct cpu *cpu)
{
	for (struct vcpu *v = cpu->vcpus; v; v = v->next)
		if (has_requests(v, REQUESTS_AT_ONCE | REQUESTS_IN_SHARE) || wants_cpu(v))
			cpu->attention = true;
	while (!__atomic_load_n(&cpu->attention, __ATOMIC_ACQUIRE))
		wait_for_interrupt();
	cpu->paid_until = rdtsc();
	cpu->unclaimed = 0;
}

static bool handle_requests_of(struct cpu *cpu, struct vcpu *v)
{
	bool now = has_requests(v, REQUESTS_AT_ONCE);
	bool soon = has_requests(v, REQUESTS_IN_SHARE) && !sched_must_wait(v);

	if (!now && !soon)
		return false;
	sched_charge(cpu, v);
	if (now)
		request_at_once(v);
	if (soon)
		request_in_share(v);
	return true;
}

/* One may cause another; true: there may be more. */
static bool handle_requests(struct cpu *cpu)
{
	bool any = true;

	for (unsigned n = 0; n < 2 && any; n++) {
		any = false;
		for (struct vcpu *v = cpu->vcpus; v; v = v->next)
			any |= handle_requests_of(cpu, v);
	}
	return any;
}

/* Handles everything pending, until only the vCPU that is returned, if any, remains to be run. */
static struct vcpu *attend(struct cpu *cpu)
{
	struct vcpu *v;

	do {
		take_interrupts(); /* which bounds how long they wait */
		bool more = !timers_run(cpu);
		if (!cpu->id)
			console_attend();
		more |= handle_requests(cpu);
		cpu->attention = more;
		v = pick(cpu);
		if (v && has_requests(v, REQUESTS_IN_TURN)) {
			begin_turn(cpu, v);
			take_interrupts();
			sched_charge(cpu, v);
			request_in_turn(v);
			cpu->attention = true;
		}
	} while (cpu->attention);
	return v;
}

/* Switching registers is charged to the vCPU that gives up the CPU, or, if it would have continued,
 * to the one that preempts it. */
static void switch_to(struct cpu *cpu, struct vcpu *v)
{
	struct vcpu *old = cpu->current;

	if (v == old)
		return;
	sched_charge(cpu, old && (!wants_cpu(old) || old->budget <= 0) ? old : v);
	vcpu_load(v);
}

void sched_run(struct cpu *cpu)
{
	struct vcpu *v = NULL;

	cpu->attention = true;
	cpu->paid_until = cpu->period_start = rdtsc();
	for (;;) {
		locks_none_held();
		if (cpu->attention || v->state != VCPU_RUNNABLE) {
			v = attend(cpu);
			__atomic_store_n(&cpu->running, v, __ATOMIC_SEQ_CST);
			begin_turn(cpu, v);
			if (v)
				switch_to(cpu, v);
			sched_charge(cpu, v);
		}
		if (cpu->timer_changed)
			program_timer(cpu);
		if (!v) {
			idle(cpu);
			continue;
		}
		if (!v->engine->deliver(v)) {
			cpu->attention = true;
			continue;
		}
		if (!v->guest->first_entry)
			v->guest->first_entry = rdtsc();
		v->engine->run(cpu, v);
	}
}
