// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Overruns that were not carried over. A vCPU with a small share repeats the longest hypercall,
 * CONSOLE_WRITE of the maximum length. Each call ran far beyond what was left of the share, and the
 * next period began with a full share again. So the vCPU got half of the core next to a neighbour
 * with a share of 90 %.
 * Expected: the debt is kept, and no hypercall is long. Runs with `share = 10`, next to a guest
 * with 90.
 */
#include "guest.h"

#define LAST 200000000ull /* ns of it */

int guest_main(const struct veneer_start_info *info)
{
	uint64_t end = veneer_clock_ns() + LAST;
	static char text[4096];
	unsigned made = 0;

	(void)info;
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = i % 64 == 63 ? '\n' : 'a';
	while (veneer_clock_ns() < end) {
		int64_t n =
			veneer_hypercall(VENEER_HC_CONSOLE_WRITE, (uint64_t)text, sizeof(text), 0);

		expect(n > 0 && n <= (int64_t)sizeof(text), "some of it is written");
		made++;
	}
	say("\n%d writes\n", made);
	return 0;
}
