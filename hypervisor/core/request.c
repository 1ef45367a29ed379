// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/request.h"

#include "core/console.h"
#include "core/cpu.h"
#include "core/guest.h"
#include "platform/platform.h"
#include "x86/apic.h"
#include "x86/cpu.h"

#define KICK_COST_NS 2000 /* of a vCPU's share, for an event from another CPU */

/* Out of the vCPU's share: others of its guest can ask for this as often as they like. */
static void begin_again(struct vcpu *v, uint32_t r)
{
	uint64_t start = rdtsc();

	if (r & REQUEST_INIT)
		vcpu_init(v);
	if (r & REQUEST_STARTUP)
		vcpu_startup(v);
	v->budget -= (int64_t)(rdtsc() - start + tsc_from_ns(KICK_COST_NS));
}

void request_handle(struct vcpu *v)
{
	uint32_t r = __atomic_exchange_n(&v->requests, 0, __ATOMIC_ACQUIRE);

	if (r & REQUEST_PARK)
		vcpu_park(v);
	if (r & REQUEST_LOAD) {
		if (guest_zero(v->guest))
			guest_load(v->guest);
		else
			vcpu_request(v, REQUEST_LOAD);
	}
	if (r & REQUEST_START)
		vcpu_start(v);
	if (r & (REQUEST_INIT | REQUEST_STARTUP))
		begin_again(v, r);
	if (r & REQUEST_RESET) {
		console_guest_notice(v->guest, "reset");
		guest_restart(v->guest);
	}
	if ((r & REQUEST_STOP) && !v->guest->ended)
		guest_end(v->guest, 0, "stopped from the monitor");
	if ((r & REQUEST_PAUSE) && v->state != VCPU_STOPPED)
		v->state = VCPU_PAUSED;
	if ((r & REQUEST_RESUME) && v->state == VCPU_PAUSED) {
		v->state = VCPU_RUNNABLE;
		vcpu_wake(v);
	}
	if (r & REQUEST_EVENT) {
		v->budget -= (int64_t)tsc_from_ns(KICK_COST_NS);
		if (guest_is_pv(v->guest) || platform_interrupt_pending(v->guest->platform, v->id))
			vcpu_wake(v);
	}
	if (r & REQUEST_VIRTIO)
		virtio_kick(&v->guest->device[0]);
	if (r & REQUEST_INPUT) {
		if (guest_is_pv(v->guest)) {
			vcpu_event(v, VENEER_EVENT_CONSOLE);
			virtio_kick(&v->guest->device[0]);
		} else {
			platform_input(v->guest->platform);
		}
	}
}
