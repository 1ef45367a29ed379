// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A timer that is farther away than the machine's own can count: a local APIC counts 32 bits, which
 * are 4.3 seconds in QEMU. Where the count was cut and not started again, 3 seconds were kept and
 * 10 never came. Alone on its machine, so that nobody else's timer sets it going again.
 * Must happen: each timer ends the halt at its time.
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
		expect(now >= at, "not before its time");
		expect(now < at + SECOND, "nor after it");
		say("after %d seconds\n", far[i]);
	}
	return 0;
}
