// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A far call through a task gate, with a GDT of 512 entries of which many have changed.
 * Attack: make the hypervisor read the table and report the gate in one stay.
 * Expected: #GP, one line on the console, and no stay above its documented limit.
 */
#include "pc.h"

static uint8_t table[65536 + 8] __attribute__((aligned(4096)));
static struct {
	uint32_t offset;
	uint16_t selector;
} __attribute__((packed)) far = { 0, 0x38 };
static uint64_t *to;

static void call(uint32_t unused)
{
	(void)unused;
	__asm__ volatile("lcall *%0" ::"m"(far) : "memory");
}

int guest_main(void)
{
	to = (uint64_t *)(table + 4);
	struct table_register r = { 0xffff, (uint32_t)to };

	for (unsigned i = 0; i < 8192; i++)
		to[i] = gdt[i % 4 + 1];
	for (unsigned i = 0; i < 5; i++)
		to[i] = gdt[i];
	to[7] = 0x0000850000080000; /* a task gate, present */
	__asm__ volatile("lgdt %0" ::"m"(r));
	/* until the hypervisor has read all of it */
	for (unsigned i = 0; i < 8; i++)
		__asm__ volatile("mov %0, %%ds" ::"r"(0x10));
	for (unsigned n = 0; n < 6; n++) {
		for (unsigned i = 140; i < 512; i++)
			to[i] = gdt[(i + n) % 4 + 1];
		attempt(call, 0);
	}
	say("well so far\n");
	return 0;
}
