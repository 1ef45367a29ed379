// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest's phases (guest/life.c), with actions of other CPUs at the worst moments, such as an
 * order of the operator while the guest's end is being reported.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "guest/console.h"
#include "guest/guest.h"
#include "guest/load.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "tap.h"

#define VCPUS 2

struct cpu cpus[CPUS_MAX];
unsigned cpu_count = 2, guest_count = 1;
struct guest guests[GUESTS_MAX];
char *host_memory;

static struct guest_config config = { .name = "guest", .image = "image" };
static struct guest *const g = &guests[0];
static struct vcpu vcpu[VCPUS];
static struct veneer_vcpu_page page[VCPUS];
static struct engine engine;
static unsigned exit_codes, switched_off, stayed_on;

/* What another CPU does while this one reports the end. */
static void (*meanwhile)(void);

/* What another CPU does at which point of this one, counted from 1: before it takes a lock, or
 * after it has released one. */
static void (*at_point)(void);
static unsigned point;

/* --- stubs for life.c --- */

struct cpu *this_cpu(void)
{
	return &cpus[1];
}

uint64_t rdtsc(void)
{
	return 1;
}

uint64_t tsc_khz = 1000000;

void vcpu_request(struct vcpu *v, uint32_t request)
{
	v->requests |= request;
}

void vcpu_request_from(struct vcpu *v, uint32_t request)
{
	v->requests |= request;
}

void vcpu_unload(struct vcpu *v)
{
	(void)v;
}

void timer_cancel(struct cpu *cpu, struct timer *t)
{
	(void)cpu, (void)t;
}

const char *image_place(const struct image *im, const struct file *module, unsigned modules,
			uint64_t memory, struct image_plan *p)
{
	(void)im, (void)module, (void)modules, (void)memory, (void)p;
	return NULL;
}

bool load_copy_part(struct guest *of)
{
	(void)of;
	return true;
}

const char *load_undo_part(struct guest *of, bool *done)
{
	(void)of;
	*done = true;
	return NULL;
}

const char *load_finish(struct guest *of)
{
	(void)of;
	return NULL;
}

void console_guest_flush(struct guest *of)
{
	(void)of;
	if (meanwhile)
		meanwhile();
	meanwhile = NULL;
}

void console_guest_exit_code(struct guest *of, const char *how, int exit_code)
{
	(void)of, (void)how, (void)exit_code;
	__atomic_add_fetch(&exit_codes, 1, __ATOMIC_SEQ_CST);
}

void console_guest_notice(struct guest *of, const char *fmt, ...)
{
	(void)of, (void)fmt;
}

void mmu_interleave(void)
{
	if (at_point && !--point) {
		void (*act)(void) = at_point;

		at_point = NULL;
		act();
	}
}

void vcpu_dump(struct vcpu *v)
{
	(void)v;
}

void machine_off(void)
{
	__atomic_add_fetch(&switched_off, 1, __ATOMIC_SEQ_CST);
}

/* --- a guest --- */

/* A reset in two parts. */
static bool reset_part(struct guest *of, bool first)
{
	(void)of;
	return !first;
}

/* Does the pending work of the guest's own CPUs. */
static void go_on(void)
{
	bool any;

	do {
		any = false;
		for (unsigned i = 0; i < VCPUS; i++) {
			uint32_t r = vcpu[i].requests;

			vcpu[i].requests = 0;
			if (r & REQUEST_PARK)
				vcpu_park(&vcpu[i]);
			if ((r & REQUEST_LOAD) && !guest_load_part(g))
				vcpu[i].requests |= REQUEST_LOAD;
			any |= r;
		}
	} while (any);
}

static void fresh(void)
{
	memset(g, 0, sizeof(*g));
	memset(vcpu, 0, sizeof(vcpu));
	exit_codes = switched_off = 0;
	engine.reset_part = reset_part;
	g->config = &config;
	g->engine = &engine;
	g->vcpu = vcpu;
	g->vcpus = VCPUS;
	for (unsigned i = 0; i < VCPUS; i++) {
		vcpu[i].guest = g;
		vcpu[i].cpu = &cpus[i];
		vcpu[i].engine = &engine;
		vcpu[i].id = i;
		vcpu[i].own_page = vcpu[i].page = &page[i];
	}
	g->phase = GUEST_LOADING;
	guest_load_begin(g);
	while (!guest_load_part(g))
		;
}

static bool lives(void)
{
	return g->phase == GUEST_RUNNING && !g->ended && vcpu[0].state == VCPU_RUNNABLE;
}

static void reset(void)
{
	guest_reset(g);
}

static void reset_and_load(void)
{
	guest_reset(g);
	go_on();
}

static void test_phases(void)
{
	fresh();
	ok(lives(), "it is loaded, and runs");
	guest_end(g, 0, "powered off");
	go_on();
	ok(g->phase == GUEST_ENDED && g->ended && exit_codes == 1,
	   "it ends, and that is told once");
	is(switched_off, 1, "the last guest has ended: the machine switches off");
	guest_reset(g);
	go_on();
	ok(lives(), "the operator's reset restarts it");
	guest_restart(g);
	guest_end(g, 1, "stopped");
	go_on();
	ok(g->phase == GUEST_ENDED && g->ended, "the end wins over a restart in progress");
	guest_reset(g);
	guest_end(g, 1, "stopped");
	go_on();
	ok(g->phase == GUEST_ENDED && g->ended, "the end wins over an earlier reset");
}

static void test_reset_meanwhile(void)
{
	fresh();
	meanwhile = reset;
	guest_end(g, 0, "powered off");
	ok(!g->ended && !switched_off, "a reset while the end is told takes it back");
	go_on();
	ok(lives(), "the guest is restarted");

	fresh();
	meanwhile = reset_and_load;
	guest_end(g, 0, "powered off");
	ok(lives() && !switched_off, "so it is when that life begins while the end is told");
	guest_end(g, 0, "powered off");
	go_on();
	ok(g->phase == GUEST_ENDED && g->ended && switched_off == 1,
	   "the new life has its own end");
}

static void end(void)
{
	guest_end(g, 0, "stopped");
}

static bool has_ended(void)
{
	return g->phase == GUEST_ENDED && g->ended && exit_codes == 1 && switched_off == 1;
}

/* The last vCPU to park begins the load on its CPU, the operator's stop arrives on another. */
static void test_end_at_any_point(void)
{
	unsigned points = 0, forgotten = 0;
	bool reached;

	do {
		fresh();
		at_point = end;
		point = ++points;
		guest_restart(g);
		go_on();
		reached = !at_point;
		at_point = NULL;
		forgotten += reached && !has_ended();
	} while (reached);
	ok(points - 1 >= 6, "a restart has %u points at which another CPU may act", points - 1);
	is(forgotten, 0, "an end at any of them is kept, and the machine switches off");
}

#define ROUNDS 400000

static unsigned arrived;

/* Waits until the other thread is in this round, too. If that has lost its processor to other load,
 * this one does not keep its own, so that both are soon given theirs. */
static void meet(unsigned round)
{
	static const struct timespec briefly = { .tv_nsec = 50000 };

	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	for (unsigned n = 1; __atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < 2 * round; n++)
		if (n % 65536 == 0)
			nanosleep(&briefly, NULL);
}

/* Threads that share a processor do nothing at once. */
static void stay_on(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (cpu < (unsigned)sysconf(_SC_NPROCESSORS_ONLN))
		pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* Two guests end at once, each on a thread of its own, as often as it takes for the processor to
 * delay a store beyond the next load. */
static void *end_often(void *arg)
{
	struct guest *of = arg;

	stay_on(of == &guests[1]);
	for (unsigned round = 0; round < ROUNDS; round++) {
		of->phase = GUEST_RUNNING;
		of->end_wanted = of->ended = false;
		meet(3 * round + 1);
		guest_end(of, 0, "powered off");
		meet(3 * round + 2);
		if (of == &guests[0])
			stayed_on += !switched_off, switched_off = 0;
		meet(3 * round + 3);
	}
	return NULL;
}

static void test_ends_at_once(void)
{
	pthread_t other;

	fresh();
	guests[1] = (struct guest){ .config = &config, .engine = &engine };
	guest_count = 2;
	if (pthread_create(&other, NULL, end_often, &guests[1]))
		abort();
	end_often(&guests[0]);
	pthread_join(other, NULL);
	guest_count = 1;
	is(stayed_on, 0, "of two guests that end at once, one sees that both have ended");
}

int main(void)
{
	test_phases();
	test_reset_meanwhile();
	test_end_at_any_point();
	test_ends_at_once();
	return done_testing();
}
