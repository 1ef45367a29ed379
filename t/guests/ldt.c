// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In a virtual machine SET_LDT checks every page of the table, which has up to 8192 entries, in one
 * go; under ring it works in parts.
 * Attack: the longest table, not aligned to 8 bytes, so that the check of each page extends into
 * the next.
 * Expected: no stay of the hypervisor above 10 000 instructions.
 */
#include "guest.h"

static uint8_t room[18 * 4096] __attribute__((aligned(4096)));

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	for (unsigned n = 0; n < 10; n++) {
		int64_t r = veneer_hypercall(VENEER_HC_SET_LDT, (uint64_t)(room + 4092), 8192, 0);

		expect(r == 0 || in_ring1(), "an LDT");
		veneer_hypercall(VENEER_HC_SET_LDT, 0, 0, 0);
		for (unsigned i = 0; i < sizeof(room) / 8; i++)
			((uint64_t *)room)[i] = 0x00af9b000000ffff;
		veneer_hypercall(VENEER_HC_SET_LDT, (uint64_t)(room + 4092), 1024, 0);
	}
	return 0;
}
