// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines that are counted (work without a bound). With `count-at` in its configuration a guest has
 * a line of counters printed behind each of its lines that begins with a text, and up to 32 of them
 * are in one part of its output.
 * Tried: parts full of such lines, as fast as it can; with `crash`, then the end. Must happen: they
 * are made in parts, like its own lines; what the hypervisor says of the guest keeps its room.
 * Runs with `count-at = x`.
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
