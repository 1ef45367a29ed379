// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The phases of a guest: running, parking, loading, ended. A restart or the end is only requested;
 * the guest's own vCPUs do the rest, each on its own CPU and charged to its share. The end takes
 * precedence over a restart.
 */
#include "arch/cpu.h"
#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "lib/string.h"

static void set_phase(struct guest *g, enum guest_phase phase)
{
	__atomic_store_n(&g->phase, phase, __ATOMIC_RELEASE);
}

/* Enters the next phase: ended if that was requested, else `next`. */
static enum guest_phase go_on(struct guest *g, enum guest_phase next)
{
	spin_lock(&g->phase_lock);
	if (g->end_wanted)
		next = GUEST_ENDED;
	set_phase(g, next);
	spin_unlock(&g->phase_lock);
	return next;
}

/* --- parking --- */

/* All vCPUs stop, each on its own CPU; those of this one at once. */
static void park_all(struct guest *g)
{
	for (unsigned i = 0; i < g->vcpus; i++) {
		if (g->vcpu[i].cpu == this_cpu())
			g->vcpu[i].state = VCPU_STOPPED;
		vcpu_request(&g->vcpu[i], REQUEST_PARK);
	}
}

/* With the phase's lock held: makes a running guest park. */
static bool to_parking(struct guest *g)
{
	if (g->phase != GUEST_RUNNING)
		return false;
	__atomic_store_n(&g->parking, g->vcpus, __ATOMIC_RELEASE);
	set_phase(g, GUEST_PARKING);
	return true;
}

/* Requests a restart or the end. False: it was requested before. */
static bool decide(struct guest *g, bool end)
{
	bool first, decided;

	spin_lock(&g->phase_lock);
	first = to_parking(g);
	decided = first || (end && !g->end_wanted && g->phase != GUEST_ENDED);
	if (decided)
		g->end_wanted = end;
	spin_unlock(&g->phase_lock);
	if (first)
		park_all(g);
	return decided;
}

void vcpu_park(struct vcpu *v)
{
	struct guest *g = v->guest;

	v->state = VCPU_STOPPED;
	__atomic_and_fetch(&v->requests, ~(REQUEST_WORK | REQUEST_BEGIN), __ATOMIC_RELAXED);
	vcpu_unload(v);
	timer_cancel(v->cpu, &v->timer);
	if (!v->id && g->devices)
		g->devices->park(g);
	if (g->board)
		g->board->park(v);
	if (!__atomic_sub_fetch(&g->parking, 1, __ATOMIC_ACQ_REL) &&
	    go_on(g, GUEST_LOADING) == GUEST_LOADING) {
		guest_load_begin(g);
		vcpu_request_from(g->vcpu, REQUEST_LOAD);
	}
}

/* --- loading --- */

void guest_load_begin(struct guest *g)
{
	for (unsigned i = 0; i < g->vcpus; i++) {
		struct vcpu *v = &g->vcpu[i];

		v->page = v->own_page;
		v->starting = 0;
		/* work that was deferred before the restart */
		__atomic_and_fetch(&v->requests, ~(REQUESTS_IN_SHARE & ~REQUEST_SEND),
				   __ATOMIC_RELAXED);
	}
	g->started = 1;
	g->unknown = 0;
	if (g->engine->reset_part)
		g->engine->reset_part(g, true);
	g->input_tail = g->input_head;
	if (g->devices)
		g->devices->reset(g);
	g->load = (struct load){ 0 };
}

/* Zeroes a part of a region, from load.done on; true: all of it is zero. */
static bool zero_part(struct load *l, const struct region *r)
{
	uint64_t left = r->bytes - l->done, n = MIN(left, LOAD_PART);

	if (n)
		memset((char *)direct(r->at) + l->done, 0, n);
	l->done += n;
	return n == left;
}

static void set_clock(struct vcpu *v)
{
	struct veneer_clock *c = &v->page->clock;
	uint64_t mul = (1000000ull << 32) / tsc_khz;
	int shift = 0;

	for (; mul >> 32; shift++)
		mul >>= 1;
	c->tsc_to_system_mul = (uint32_t)mul;
	c->tsc_shift = (int8_t)shift;
	c->flags = 1; /* the TSC is the same on all processors */
}

/* One step of the current stage of loading. Returns NULL, or an error message. */
static const char *load_step(struct guest *g)
{
	struct load *l = &g->load;
	const struct region *region = g->memory.region;
	const char *why = NULL;
	bool done = true;

	switch (l->stage) {
	case LOAD_ZERO_VCPU: done = zero_part(l, &region[REGION_VCPU_PAGES]); break;
	case LOAD_ZERO: done = zero_part(l, &region[REGION_RAM]); break;
	case LOAD_ZERO_POOL:
		done = !g->engine->reset_part || g->engine->reset_part(g, false);
		if (done)
			why = image_place(&g->image, g->module, g->config->modules,
					  ram_bytes(&g->memory), &l->plan);
		break;
	case LOAD_COPY: done = load_copy_part(g); break;
	case LOAD_UNDO: why = load_undo_part(g, &done); break;
	case LOAD_DEVICES:
		if (g->board)
			g->board->reset(g);
		break;
	case LOAD_FINISH: why = load_finish(g); break;
	case LOAD_DONE: break;
	}
	if (done && !why) {
		l->stage++;
		l->done = 0;
	}
	return why;
}

/* The end has been reported, but a reset that arrived meanwhile cancels it. Sequentially
 * consistent, as in guests_all_ended: of two guests that end at once, one sees both. */
static void count_as_ended(struct guest *g)
{
	spin_lock(&g->phase_lock);
	__atomic_store_n(&g->ended, g->end_wanted, __ATOMIC_SEQ_CST);
	spin_unlock(&g->phase_lock);
}

static void fail_to_load(struct guest *g, const char *why)
{
	spin_lock(&g->phase_lock);
	g->end_wanted = true;
	set_phase(g, GUEST_ENDED);
	spin_unlock(&g->phase_lock);
	g->exit_code = -1;
	console_guest_notice(g, "%s: %s", g->config->image, why);
	count_as_ended(g);
}

static void start(struct guest *g)
{
	struct vcpu *v = g->vcpu;

	for (unsigned i = 0; i < g->vcpus; i++)
		set_clock(&g->vcpu[i]);
	if (go_on(g, GUEST_RUNNING) != GUEST_RUNNING)
		return;
	v->runnable_since = rdtsc();
	v->cpu->attention = true;
	v->state = VCPU_RUNNABLE;
}

bool guest_load_part(struct guest *g)
{
	if (g->end_wanted) {
		go_on(g, GUEST_ENDED);
		return true;
	}
	const char *why = load_step(g);
	if (!why && g->load.stage < LOAD_DONE)
		return false;
	if (why)
		fail_to_load(g, why);
	else
		start(g);
	return true;
}

/* --- who decides --- */

void guest_restart(struct guest *g)
{
	decide(g, false);
}

/* In any phase: makes the guest restart. */
void guest_reset(struct guest *g)
{
	spin_lock(&g->phase_lock);
	bool ended = g->phase == GUEST_ENDED, runs = to_parking(g);
	g->end_wanted = false;
	__atomic_store_n(&g->ended, false, __ATOMIC_SEQ_CST);
	if (ended)
		set_phase(g, GUEST_LOADING);
	spin_unlock(&g->phase_lock);
	if (runs)
		park_all(g);
	if (!ended)
		return;
	guest_load_begin(g);
	vcpu_request_from(g->vcpu, REQUEST_LOAD);
}

void guest_end(struct guest *g, int exit_code, const char *how)
{
	if (!decide(g, true))
		return;
	g->exit_code = exit_code;
	console_guest_flush(g);
	console_guest_exit_code(g, how, exit_code);
	count_as_ended(g);
	if (guests_all_ended())
		machine_off();
}

#define RESTARTS_MAX 100 /* a guest that crashes at once must not fill the console for ever */

void guest_crash(struct guest *g, const char *fmt, ...)
{
	char why[160];

	struct vcpu *v = this_cpu()->current;

	/* In any phase: its registers may be what the crash was about, and it must not run on until
	 * it parks. */
	if (v && v->guest == g)
		v->state = VCPU_STOPPED;
	if (!guest_is_running(g))
		return;
	format_rest(why, fmt);
	console_guest_notice(g, "CRASH: %s", why);
	if (v && v->guest == g)
		vcpu_dump(v);
	if (v && v->guest == g && g->debugger && g->debugger->crashed(v))
		return;
	if (g->config->on_crash == CRASH_RESTART && g->restarts < RESTARTS_MAX) {
		g->restarts++;
		console_guest_notice(g, "restart %u", g->restarts);
		guest_restart(g);
	} else {
		guest_end(g, -1, "stopped after a crash");
	}
}

/* Where all are optional, all are waited for. */
bool guests_all_ended(void)
{
	unsigned required = 0, left = 0, required_left = 0;

	for (unsigned i = 0; i < guest_count; i++) {
		bool must = !guests[i].config->optional;
		bool ended = __atomic_load_n(&guests[i].ended, __ATOMIC_SEQ_CST);

		required += must;
		left += !ended;
		required_left += must && !ended;
	}
	return required ? !required_left : !left;
}
