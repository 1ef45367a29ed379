// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests to a vCPU, and their handling. */
#include "guest/console.h"
#include "guest/guest.h"
#include "kernel/cpu.h"

/* --- asking, from any CPU --- */

void vcpu_request(struct vcpu *v, uint32_t request)
{
	__atomic_or_fetch(&v->requests, request, __ATOMIC_RELEASE);
	cpu_kick(v->cpu);
}

/*
 * A guest can send requests without limit, but each kick takes time from the vCPU that runs on the
 * other CPU. So a pending request is not sent again, each request is charged to the vCPU that
 * receives it, and requests to a vCPU that has used up its share wait for its next turn.
 */
void vcpu_request_from(struct vcpu *v, uint32_t request)
{
	uint32_t old = __atomic_fetch_or(&v->requests, request, __ATOMIC_SEQ_CST);

	if ((old & request) == request)
		return;
	struct vcpu *running = __atomic_load_n(&v->cpu->running, __ATOMIC_SEQ_CST);
	if (!running || running == v || v->budget > 0)
		cpu_kick(v->cpu);
}

/* --- on the vCPU's own CPU --- */

static uint32_t take(struct vcpu *v, uint32_t which)
{
	return __atomic_fetch_and(&v->requests, ~which, __ATOMIC_ACQUIRE) & which;
}

static void pause(struct vcpu *v, bool paused)
{
	struct guest *g = v->guest;

	if (v->paused == paused)
		return;
	v->paused = paused;
	v->waits_since = rdtsc();
	bool quiet = g->debugger && g->debugger->paused(v, paused);
	unsigned n = __atomic_add_fetch(&g->paused, paused ? 1 : -1, __ATOMIC_ACQ_REL);
	if (n == (paused ? g->vcpus : 0) && !quiet)
		console_guest_notice(g, paused ? "paused" : "resumed");
}

void request_at_once(struct vcpu *v)
{
	uint32_t r = take(v, REQUESTS_AT_ONCE);

	if (r & (REQUEST_PAUSE | REQUEST_RESUME))
		pause(v, !(r & REQUEST_RESUME));
	if (r & REQUEST_PARK)
		vcpu_park(v);
	if (r & REQUEST_RESET) {
		console_guest_notice(v->guest, "reset");
		guest_reset(v->guest);
	}
	if (r & REQUEST_STOP)
		guest_end(v->guest, 0, "stopped from the monitor");
}

void request_in_share(struct vcpu *v)
{
	const struct board *b = v->guest->board;
	uint32_t r = take(v, REQUESTS_IN_SHARE);

	if (r & REQUEST_SEND)
		console_guest_send(v->guest);
	if (!guest_is_running(v->guest)) /* nothing may begin or be armed again */
		return;
	if (r & REQUEST_INIT)
		vcpu_init(v);
	if (r & REQUEST_START) { /* many may be: each has its turn, before those that run on */
		v->runnable_since = rdtsc();
		vcpu_request_from(v, REQUEST_BEGIN);
	}
	if ((r & REQUEST_EVENT) && (!b || b->interrupt_pending(v)))
		vcpu_wake(v);
	if (!(r & (REQUEST_ROOM | REQUEST_INPUT | REQUEST_VIRTIO)))
		return;
	if (r & REQUEST_ROOM)
		vcpu_wake(v);
	if (v->id) /* devices are vCPU 0's */
		return;
	if ((r & REQUEST_ROOM) && b)
		b->room(v->guest);
	if ((r & REQUEST_INPUT) && b)
		b->input(v->guest);
	else if (r & REQUEST_INPUT)
		vcpu_event(v, VENEER_EVENT_CONSOLE);
	if (v->guest->devices)
		v->guest->devices->work(v->guest);
}

void request_in_turn(struct vcpu *v)
{
	uint32_t r = take(v, REQUESTS_IN_TURN);

	if (r & REQUEST_BEGIN)
		vcpu_begin(v);
	else if (r & REQUEST_WORK)
		v->engine->work_part(v);
	if (!(r & REQUEST_LOAD))
		return;
	if (!guest_load_part(v->guest))
		vcpu_request_from(v, REQUEST_LOAD);
	else if (guests_all_ended())
		machine_off();
}
