// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SET_GDT copies up to 512 descriptors in one go.
 * Attack: 512 descriptors that are nearly all DPL-0 code, in a table that is not aligned to 8
 * bytes.
 * Expected: no stay of the hypervisor above 10 000 instructions.
 */
#include "guest.h"

static uint8_t room[8192] __attribute__((aligned(4096)));

int guest_main(const struct veneer_start_info *info)
{
	uint64_t *table = (uint64_t *)(room + 2044);

	(void)info;
	for (unsigned i = 0; i < 512; i++)
		table[i] = 0x00af9b000000ffff;
	table[VENEER_USER_CS32 >> 3] = 0x00cffb000000ffff;
	for (unsigned n = 0; n < 10; n++)
		expect_is(veneer_hypercall(VENEER_HC_SET_GDT, (uint64_t)table, 512, 0), 0, "a GDT");
	return 0;
}
