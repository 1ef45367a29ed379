// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A timer that is farther away than the machine's own timer can count: a local APIC counts 32 bits,
 * which is 4.3 seconds in QEMU. When the count was truncated and not restarted, a timer of 3
 * seconds fired, but one of 10 seconds never did. Runs alone on its machine, so that no other
 * guest's timer restarts the count.
 * Expected: each timer ends the halt on time.
 */
#include "guest.h"

#define SECOND 1000000000ull

int guest_main(const struct veneer_start_info *info)
{
	static const unsigned far[] = { 3, 10, 25 };

	(void)info;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t at = veneer_clock_ns() + far[i] * SECOND;

		veneer_timer_set(at, 0);
		veneer_halt();
		veneer_mask();
		uint64_t now = veneer_clock_ns();
		expect(now >= at, "the timer is not early");
		expect(now < at + SECOND, "the timer is not late");
		say("after %d seconds\n", far[i]);
	}
	return 0;
}
