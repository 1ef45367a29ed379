// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/request.h"

#include "core/console.h"
#include "core/guest.h"
#include "core/machine.h"
#include "platform/platform.h"
#include "virtio/device.h"

static uint32_t take(struct vcpu *v, uint32_t which)
{
	return __atomic_fetch_and(&v->requests, ~which, __ATOMIC_ACQUIRE) & which;
}

void request_at_once(struct vcpu *v)
{
	uint32_t r = take(v, REQUESTS_AT_ONCE);

	if (r & REQUEST_PAUSE)
		v->paused = true;
	if (r & REQUEST_RESUME)
		v->paused = false;
	if (r & REQUEST_PARK)
		vcpu_park(v);
	if (r & REQUEST_RESET) {
		console_guest_notice(v->guest, "reset");
		guest_reset(v->guest);
	}
	if (r & REQUEST_STOP)
		guest_end(v->guest, 0, "stopped from the monitor");
}

static void input(struct guest *g)
{
	if (guest_is_pv(g)) {
		vcpu_event(g->vcpu, VENEER_EVENT_CONSOLE);
		virtio_kick(&g->device[0]);
	} else {
		platform_input(g->platform);
	}
}

/* Devices are vCPU 0's. */
static void room(struct vcpu *v)
{
	vcpu_wake(v);
	if (v->id)
		return;
	if (guest_is_pv(v->guest))
		virtio_kick(&v->guest->device[0]);
	else
		platform_room(v->guest->platform);
}

void request_in_share(struct vcpu *v)
{
	uint32_t r = take(v, REQUESTS_IN_SHARE);

	if (r & REQUEST_SEND)
		console_guest_send(v->guest);
	if (!guest_is_running(v->guest)) /* nothing may begin or be armed again */
		return;
	if (r & REQUEST_START)
		vcpu_start(v);
	if (r & REQUEST_INIT)
		vcpu_init(v);
	if (r & REQUEST_STARTUP)
		vcpu_startup(v);
	if ((r & REQUEST_EVENT) &&
	    (guest_is_pv(v->guest) || platform_interrupt_pending(v->guest->platform, v->id)))
		vcpu_wake(v);
	if (r & REQUEST_ROOM)
		room(v);
	if (r & REQUEST_INPUT)
		input(v->guest);
	if (r & REQUEST_VIRTIO)
		virtio_kick(&v->guest->device[0]);
}

void request_in_turn(struct vcpu *v)
{
	uint32_t r = take(v, REQUESTS_IN_TURN);

	if (!(r & REQUEST_LOAD))
		return;
	if (!guest_load_part(v->guest))
		vcpu_request_from(v, REQUEST_LOAD);
	else if (guests_all_ended())
		machine_off();
}
