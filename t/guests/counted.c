// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counter lines as unbounded work. With `count-at` in the configuration, the hypervisor prints a
 * line of counters after each of the guest's lines that begins with a given text. One part of
 * console output can contain up to 32 such lines.
 * Attack: write parts full of such lines as fast as possible; with `crash`, end in a crash
 * afterwards.
 * Expected: the counter lines are produced in parts, as the guest's own lines are, and there is
 * always room for what the hypervisor says about the guest. Runs with `count-at = x`.
 */
#include "guest.h"

#define PARTS 200

int guest_main(const struct veneer_start_info *info)
{
	bool crash = info->cmdline[0] == 'c';
	char part[64];

	say("going\n");
	for (unsigned i = 0; i < sizeof(part); i += 2) {
		part[i] = 'x';
		part[i + 1] = '\n';
	}
	for (unsigned i = 0; i < (crash ? PARTS / 10 : PARTS); i++)
		veneer_hypercall(VENEER_HC_CONSOLE_WRITE, (uint64_t)part, sizeof(part), 0);
	if (crash)
		veneer_hypercall(VENEER_HC_SHUTDOWN, VENEER_SHUTDOWN_CRASH, 0, 0);
	say("well\n");
	return 0;
}
