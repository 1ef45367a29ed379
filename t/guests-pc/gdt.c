// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A legacy kernel's GDT is read at LGDT in one go: up to 512 entries.
 * Attack: LGDT of a full table that is not aligned to 8 bytes.
 * Expected: no stay of the hypervisor above its goal of 10 000 instructions.
 */
#include "pc.h"

static uint8_t table[65536 + 8] __attribute__((aligned(4096)));

int guest_main(void)
{
	uint64_t *to = (uint64_t *)(table + 4);
	struct table_register r = { 0xffff, (uint32_t)to };

	for (unsigned i = 0; i < 8192; i++)
		to[i] = gdt[i % 4 + 1];
	for (unsigned i = 0; i < 5; i++)
		to[i] = gdt[i];
	__asm__ volatile("lgdt %0" ::"m"(r));
	say("well so far\n");
	return 0;
}
