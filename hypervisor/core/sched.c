// SPDX-License-Identifier: GPL-2.0-or-later
/* The loop of a physical CPU: see to requests and timers, choose a vCPU, run it, handle its exit.
 */
#include "core/sched.h"

#include "core/cpu.h"
#include "core/guest.h"
#include "core/request.h"
#include "x86/apic.h"
#include "x86/cpu.h"

struct cpu *sched_choose_cpu(uint32_t allowed)
{
	struct cpu *best = NULL;
	unsigned fewest = ~0u;

	for (unsigned i = 0; i < cpu_count; i++) {
		unsigned n = 0;

		if (!(allowed >> i & 1))
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
	struct cpu *cpu = container_of(t, struct cpu, slice_timer);

	cpu->attention = true;
}

void sched_shares(struct cpu *cpu)
{
	unsigned open = 0, left = 100;

	cpu->slice_timer.fire = slice_over;
	for (struct vcpu *v = cpu->vcpus; v; v = v->next) {
		unsigned share = v->guest->config->share;

		open += !share;
		left -= MIN(share, left);
	}
	for (struct vcpu *v = cpu->vcpus; v; v = v->next) {
		unsigned share = v->guest->config->share;

		if (!share)
			share = MAX(left / open, 1u);
		v->slice = tsc_from_ns(SCHED_PERIOD_NS) * share / 100;
		v->budget = (int64_t)v->slice;
	}
}

static struct vcpu *choose(struct cpu *cpu)
{
	struct vcpu *best = NULL;

	for (struct vcpu *v = cpu->vcpus; v; v = v->next) {
		if (v->state != VCPU_RUNNABLE || v->budget <= 0)
			continue;
		if (!best || v->runnable_since > best->runnable_since)
			best = v;
	}
	return best;
}

static bool refill(struct cpu *cpu)
{
	bool any = false;

	for (struct vcpu *v = cpu->vcpus; v; v = v->next) {
		v->budget = (int64_t)v->slice;
		any |= v->state == VCPU_RUNNABLE;
	}
	return any;
}

static bool alone(const struct cpu *cpu)
{
	return cpu->vcpus && !cpu->vcpus->next;
}

static struct vcpu *pick(struct cpu *cpu)
{
	struct vcpu *v = choose(cpu);

	if (!v && refill(cpu))
		v = choose(cpu);
	if (v && !alone(cpu))
		timer_set(cpu, &cpu->slice_timer, rdtsc() + (uint64_t)v->budget);
	return v;
}

static void account(struct vcpu *v)
{
	uint64_t now = rdtsc();

	v->ran += now - v->started;
	v->budget -= (int64_t)(now - v->started);
	v->started = now;
}

/* Where the vCPU stops just now, one slice may be counted twice. */
uint64_t sched_ran(const struct vcpu *v)
{
	bool running = __atomic_load_n(&v->cpu->running, __ATOMIC_SEQ_CST) == v;

	return v->ran + (running ? rdtsc() - v->started : 0);
}

static void note_wait(struct vcpu *v)
{
	uint64_t now = rdtsc();

	if (v->runnable_since && now - v->runnable_since > v->worst_wait)
		v->worst_wait = now - v->runnable_since;
	v->started = now;
}

static void program_timer(struct cpu *cpu)
{
	uint64_t now = rdtsc();

	cpu->timer_changed = false;
	if (!cpu->timers)
		apic_timer_set(0);
	else
		apic_timer_set(cpu->timers->deadline > now ? cpu->timers->deadline - now : 1);
}

/* Nothing to run: wait for an interrupt, which gate.S hands to ring0_trap. A request that came
 * when somebody still ran may have come without one. */
static void idle(struct cpu *cpu)
{
	for (struct vcpu *v = cpu->vcpus; v; v = v->next)
		if (__atomic_load_n(&v->requests, __ATOMIC_SEQ_CST))
			cpu->attention = true;
	while (!__atomic_load_n(&cpu->attention, __ATOMIC_ACQUIRE))
		__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static struct vcpu *attend(struct cpu *cpu, struct vcpu *running)
{
	cpu->attention = false;
	if (running)
		account(running); /* before a request can end it, and show what it had */
	timers_run(cpu);
	for (struct vcpu *v = cpu->vcpus; v; v = v->next)
		if (__atomic_load_n(&v->requests, __ATOMIC_RELAXED))
			request_handle(v);
	struct vcpu *v = pick(cpu);
	if (v && v != running)
		note_wait(v);
	return v;
}

void sched_run(struct cpu *cpu)
{
	struct vcpu *v = NULL;

	cpu->attention = true;
	for (;;) {
		if (cpu->attention || v->state != VCPU_RUNNABLE) {
			v = attend(cpu, v);
			__atomic_store_n(&cpu->running, v, __ATOMIC_SEQ_CST);
			if (v && v != cpu->current)
				vcpu_load(v);
		}
		if (cpu->timer_changed)
			program_timer(cpu);
		if (!v) {
			idle(cpu);
			continue;
		}
		if (!v->engine->deliver(v))
			continue;
		if (!v->guest->first_entry)
			v->guest->first_entry = rdtsc();
		v->engine->run(cpu, v);
	}
}
