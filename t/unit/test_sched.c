// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Charging: the scheduler with a simulated clock, on one CPU. A neighbour with a share of 50 %
 * works without a pause, next to vCPUs that do what costs others most. It must get 48 % of the
 * time, and the longest time in which it does not run is bounded by the shares.
 */
#include <setjmp.h>

#include "guest/guest.h"
#include "guest/sched.h"
#include "kernel/apic.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/timer.h"
#include "tap.h"

#define US	     1000ull
#define MS	     1000000ull
#define LAST	     (500 * MS)
#define EXIT_COST    (US / 2) /* an exit and the return to the guest */
#define SWITCH_COST  (2 * US)
#define REQUEST_COST (1 * US)
#define BEGIN_COST   (10 * US)
#define VCPUS	     9

struct cpu cpus[CPUS_MAX];
unsigned cpu_count = 1, guest_count;
struct guest guests[GUESTS_MAX];

static struct cpu *const cpu = &cpus[0];
static struct guest_config config[VCPUS];
static struct guest guest[VCPUS];
static struct vcpu vcpu[VCPUS];
static uint64_t now, timer_at, worked, last_worked, longest_gap;
static unsigned kicks, begun, begun_in_a_row, most_in_a_row;
static jmp_buf end;

/* What happens elsewhere: called as time passes. */
static void (*elsewhere)(void);

uint64_t rdtsc(void)
{
	return now;
}

uint64_t tsc_from_ns(uint64_t ns)
{
	return ns;
}

void apic_timer_set(uint64_t ticks)
{
	timer_at = ticks ? now + ticks : ~0ull;
}

static void pass(uint64_t ns)
{
	now += ns;
	if (elsewhere)
		elsewhere();
	if (now > LAST)
		longjmp(end, 1);
}

static bool interrupted;

void cpu_kick(struct cpu *to)
{
	(void)to;
	kicks++;
	interrupted = true;
}

void take_interrupts(void)
{
	begun_in_a_row = 0;
	if (now >= timer_at) {
		timer_at = ~0ull;
		cpu->timer_changed = interrupted = true;
	}
	if (!interrupted)
		return;
	interrupted = false;
	sched_interrupt(cpu);
	cpu->attention = true;
	pass(EXIT_COST);
}

void wait_for_interrupt(void)
{
	while (!interrupted && now < timer_at)
		pass(US);
	take_interrupts();
}

void vcpu_load(struct vcpu *v)
{
	cpu->current = v;
	pass(SWITCH_COST);
}

void vcpu_wake(struct vcpu *v)
{
	if (v->state == VCPU_HALTED) {
		v->state = VCPU_RUNNABLE;
		v->runnable_since = now;
	}
	cpu->attention = true;
}

/* Requests of guests wake the vCPU. */
static bool interrupt_pending(const struct vcpu *v)
{
	(void)v;
	pass(REQUEST_COST);
	return true;
}

void vcpu_park(struct vcpu *v)
{
	(void)v;
}
void vcpu_begin(struct vcpu *v)
{
	pass(BEGIN_COST);
	begun++;
	begun_in_a_row++;
	most_in_a_row = begun_in_a_row > most_in_a_row ? begun_in_a_row : most_in_a_row;
	v->state = VCPU_RUNNABLE;
}
void vcpu_init(struct vcpu *v)
{
	(void)v;
	pass(REQUEST_COST);
}
void vcpu_event(struct vcpu *v, unsigned event)
{
	(void)event;
	vcpu_wake(v);
}
void guest_reset(struct guest *g)
{
	(void)g;
}
void guest_end(struct guest *g, int exit_code, const char *how)
{
	(void)g, (void)exit_code, (void)how;
}
bool guests_all_ended(void)
{
	return false;
}
void machine_off(void)
{
}
void console_guest_notice(struct guest *g, const char *fmt, ...)
{
	(void)g, (void)fmt;
}
void console_guest_send(struct guest *g)
{
	(void)g;
}
void console_print_list(bool more, const char *fmt, ...)
{
	(void)more;
	(void)fmt;
}
void console_attend(void)
{
}

/* Loading in parts that each take long. */
bool guest_load_part(struct guest *g)
{
	(void)g;
	pass(20 * US);
	return false;
}

/* --- the vCPUs --- */

static bool deliver(struct vcpu *v)
{
	return v->state == VCPU_RUNNABLE;
}

/* The neighbour: runs until an interrupt. */
static void work(struct cpu *c, struct vcpu *v)
{
	(void)c;
	(void)v;
	if (last_worked && now - last_worked > longest_gap)
		longest_gap = now - last_worked;
	while (!interrupted && now < timer_at) {
		worked += US / 4;
		pass(US / 4);
	}
	last_worked = now;
	take_interrupts();
}

static void halt(struct cpu *c, struct vcpu *v)
{
	(void)c;
	v->state = VCPU_HALTED;
	pass(US / 2);
}

/* One long exit, however little is left of its share. */
static void overrun(struct cpu *c, struct vcpu *v)
{
	(void)c;
	(void)v;
	pass(3 * MS);
	take_interrupts();
}

static void spin(struct cpu *c, struct vcpu *v)
{
	(void)c;
	(void)v;
	while (!interrupted && now < timer_at)
		pass(US / 4);
	take_interrupts();
}

static void beat(struct timer *t)
{
	struct vcpu *v = container_of(t, struct vcpu, timer);

	pass(US);
	vcpu_wake(v);
	timer_set(cpu, t, now + 50 * US);
}

static const struct engine worker = { .deliver = deliver, .run = work };
static const struct engine halter = { .deliver = deliver, .run = halt };
static const struct engine overrunner = { .deliver = deliver, .run = overrun };
static const struct engine spinner = { .deliver = deliver, .run = spin };

static void nothing(struct guest *g)
{
	(void)g;
}

static const struct board board = { .interrupt_pending = interrupt_pending,
				    .input = nothing,
				    .room = nothing };

static void add(unsigned i, const struct engine *engine, unsigned share, enum vcpu_state state)
{
	config[i].share = share;
	guest[i] = (struct guest){
		.config = &config[i],
		.board = &board,
		.vcpu = &vcpu[i],
		.vcpus = 1,
		.first_entry = 1,
	};
	vcpu[i] = (struct vcpu){ .guest = &guest[i],
				 .engine = engine,
				 .cpu = cpu,
				 .state = state,
				 .timer = { .fire = beat, .owner = &vcpu[i] } };
	sched_add(cpu, &vcpu[i]);
}

static void begin(void)
{
	memset(cpu, 0, sizeof(*cpu));
	now = 1;
	timer_at = ~0ull;
	worked = last_worked = longest_gap = kicks = 0;
	interrupted = false;
	elsewhere = NULL;
	add(0, &worker, 50, VCPU_RUNNABLE);
}

static void check(const char *what, uint64_t gap)
{
	sched_shares(cpu);
	if (!setjmp(end))
		sched_run(cpu);
	ok(worked * 100 >= LAST * 48, "%s: the neighbour keeps its half (%u %%)", what,
	   (unsigned)(worked * 100 / LAST));
	ok(longest_gap <= gap, "%s: its longest gap is %u us, at most %u", what,
	   (unsigned)(longest_gap / US), (unsigned)(gap / US));
	ok(vcpu[0].worst_wait <= longest_gap, "%s: its longest wait is %u us", what,
	   (unsigned)(vcpu[0].worst_wait / US));
}

/* Twice the others' shares, at the end of one period and the beginning of the next, and a little
 * for work that cannot be interrupted. */
#define GAP (2 * 5 * MS + 200 * US)

/* --- attackers --- */

static void test_spinners(void)
{
	begin();
	for (unsigned i = 1; i < VCPUS; i++)
		add(i, &spinner, 6, VCPU_RUNNABLE);
	check("eight that spin", GAP);
}

static void test_timers(void)
{
	begin();
	for (unsigned i = 1; i < VCPUS; i++) {
		add(i, &halter, 5, VCPU_HALTED);
		timer_set(cpu, &vcpu[i].timer, 50 * US + i);
	}
	check("eight timers of 50 us", GAP);
}

static void test_overrun(void)
{
	begin();
	add(1, &overrunner, 5, VCPU_RUNNABLE);
	check("exits that are longer than the share", 2 * 3 * MS + 200 * US);
}

static void test_load(void)
{
	begin();
	add(1, &spinner, 50, VCPU_STOPPED);
	vcpu[1].requests = REQUEST_LOAD;
	guest[1].phase = GUEST_LOADING;
	check("a restart without an end", GAP);
}

static uint32_t request;
static uint64_t next_request, interval;

static void send(void)
{
	while (now >= next_request) {
		next_request = now + interval;
		vcpu_request_from(&vcpu[1], request);
	}
}

static void test_kicks(enum vcpu_state state, uint32_t what, uint64_t every, const char *name)
{
	begin();
	add(1, &halter, 50, state);
	next_request = 0;
	interval = every;
	request = what;
	elsewhere = send;
	check(name, GAP);
	ok(kicks > 10, "%s: they arrive", name);
}

/* The neighbour sleeps briefly, and runs first when it wakes up: that must not gain it a share. */
static void nap(struct cpu *c, struct vcpu *v)
{
	uint64_t until = now + 500 * US;

	(void)c;
	if (last_worked && now - last_worked > longest_gap)
		longest_gap = now - last_worked;
	while (!interrupted && now < timer_at && now < until) {
		worked += US / 4;
		pass(US / 4);
	}
	last_worked = now;
	if (now >= until) {
		v->state = VCPU_HALTED;
		timer_set(cpu, &v->timer, now + 20 * US);
	}
	take_interrupts();
}

static void wake(struct timer *t)
{
	vcpu_wake(container_of(t, struct vcpu, timer));
}

/* Spins until it is preempted, halts, and is woken a little later: it ran last, so it runs
 * first. */
static void lie_in_wait(struct cpu *c, struct vcpu *v)
{
	static uint64_t last;

	(void)c;
	if (last && now - last > 50 * US) {
		v->state = VCPU_HALTED;
		timer_set(cpu, &v->timer, now + 30 * US);
		last = 0;
		pass(US / 2);
		return;
	}
	while (!interrupted && now < timer_at)
		pass(US / 4);
	last = now;
	take_interrupts();
}

static const struct engine napper = { .deliver = deliver, .run = nap };
static const struct engine waiter = { .deliver = deliver, .run = lie_in_wait };

static void test_naps(void)
{
	begin();
	config[0].share = 90;
	vcpu[0].engine = &napper;
	vcpu[0].timer.fire = wake;
	add(1, &waiter, 10, VCPU_RUNNABLE);
	vcpu[1].timer.fire = wake;
	sched_shares(cpu);
	if (!setjmp(end))
		sched_run(cpu);
	ok(worked * 100 >= LAST * 86, "a share of 90 %% is kept through naps (%u %%)",
	   (unsigned)(worked * 100 / LAST));
}

/* Endless requests to a vCPU that never has to wait: another vCPU's timer still fires. */
static void test_no_end(void)
{
	begin();
	vcpu[0].engine = &napper;
	vcpu[0].timer.fire = wake;
	add(1, &halter, 10, VCPU_STOPPED);
	next_request = 0;
	interval = US / 2;
	request = REQUEST_INIT;
	elsewhere = send;
	check("INIT without an end while the neighbour naps", GAP);
}

/* An idle machine does not wait because of debt. */
static void test_idle(void)
{
	begin();
	vcpu[0].state = VCPU_STOPPED;
	add(1, &overrunner, 5, VCPU_RUNNABLE);
	sched_shares(cpu);
	if (!setjmp(end))
		sched_run(cpu);
	ok(vcpu[1].ran > LAST - 10 * MS,
	   "a small share gets the whole CPU if nobody else wants it");
}

static void until_3_ms(struct cpu *c, struct vcpu *v)
{
	while (!interrupted && now < timer_at && now < 3 * MS)
		pass(US / 4);
	if (now >= 3 * MS)
		v->state = VCPU_STOPPED;
	take_interrupts();
	(void)c;
}

/* A timer that was postponed because of debt fires as soon as no other vCPU wants the CPU: the
 * machine's timer is not set for it. */
static void test_put_off(void)
{
	static const struct engine leaver = { .deliver = deliver, .run = until_3_ms };

	begin();
	vcpu[0].engine = &leaver;
	add(1, &spinner, 5, VCPU_HALTED);
	sched_shares(cpu);
	vcpu[1].budget = -1;
	vcpu[1].timer.fire = wake;
	timer_set(cpu, &vcpu[1].timer, MS);
	if (!setjmp(end))
		sched_run(cpu);
	ok(vcpu[1].ran > LAST - 5 * MS, "a postponed timer is not forgotten");
}

static void test_pause(void)
{
	begin();
	add(1, &spinner, 50, VCPU_RUNNABLE);
	vcpu[1].requests = REQUEST_PAUSE | REQUEST_LOAD | REQUEST_START;
	begun = 0;
	sched_shares(cpu);
	if (!setjmp(end))
		sched_run(cpu);
	ok(vcpu[1].ran < MS && !begun, "a paused vCPU does nothing, nor is anything done for it");
}

static void start_all(void)
{
	if (now < next_request)
		return;
	next_request = now + 20 * MS;
	for (unsigned i = 1; i < VCPUS; i++) {
		vcpu[i].state = VCPU_STOPPED;
		vcpu_request_from(&vcpu[i], REQUEST_START);
	}
}

/* Interrupts are taken between two starts, however many are pending. */
static void test_starts(void)
{
	begin();
	for (unsigned i = 1; i < VCPUS; i++)
		add(i, &halter, 6, VCPU_STOPPED);
	next_request = begun = most_in_a_row = 0;
	elsewhere = start_all;
	check("eight that start at once", GAP);
	ok(begun == (VCPUS - 1) * (LAST / (20 * MS)) && most_in_a_row == 1,
	   "each of %u starts is one turn", begun);
}

/* A guest that could not be created leaves no vCPU behind, whose share others would lack and whose
 * place the next guest needs. */
static void test_forgotten(void)
{
	begin();
	add(1, &worker, 50, VCPU_STOPPED);
	add(2, &worker, 50, VCPU_RUNNABLE);
	sched_forget(&guest[1]);
	ok(cpu->vcpus == &vcpu[0] && vcpu[0].next == &vcpu[2] && !vcpu[2].next,
	   "a guest that could not be made has no vCPU on a core");
	sched_forget(&guest[0]);
	ok(cpu->vcpus == &vcpu[2], "no vCPU is at the head of the list");
}

int main(void)
{
	test_spinners();
	test_timers();
	test_overrun();
	test_load();
	test_kicks(VCPU_HALTED, REQUEST_EVENT, 2 * US, "interrupts of a halted vCPU");
	test_kicks(VCPU_STOPPED, REQUEST_INIT, 2 * US, "INIT to one that never started");
	test_kicks(VCPU_STOPPED, REQUEST_INIT, US / 2, "INIT faster than it can be seen to");
	test_naps();
	test_no_end();
	test_idle();
	test_put_off();
	test_pause();
	test_starts();
	test_forgotten();
	return done_testing();
}
