// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ring engine emulated up to 16 instructions of a kernel that is stepped in one go (ring_step),
 * and each IRET reads the whole GDT again, 512 entries.
 * Attack: IRETs that lead to each other, with a GDT of maximum length that is not aligned to 8
 * bytes. CS has a limit, so that the code is stepped.
 * Expected: no stay of the hypervisor above its goal of 10 000 instructions.
 */
#include "pc.h"

#define FRAMES 64

static uint8_t table[65536 + 8] __attribute__((aligned(4096)));
static uint32_t frames[FRAMES][3];

int guest_main(void)
{
	uint64_t *to = (uint64_t *)(table + 4);
	struct table_register r = { 0xffff, (uint32_t)to };
	uint32_t again, end;

	for (unsigned i = 0; i < 8192; i++)
		to[i] = gdt[i % 4 + 1];
	for (unsigned i = 0; i < 5; i++)
		to[i] = gdt[i];
	to[1] &= ~1ull; /* a page less */
	__asm__ volatile("cli; lgdt %0" ::"m"(r));
	for (unsigned n = 0; n < 20; n++) {
		__asm__ volatile("movl $1f, %0; movl $2f, %1; jmp 3f; 1: iretl; 2: ud2; 3:"
				 : "=r"(again), "=r"(end));
		for (unsigned i = 0; i < FRAMES; i++) {
			frames[i][0] = again;
			frames[i][1] = 0x08;
			frames[i][2] = 2;
		}
		__asm__ volatile("movl $5f, %1; movl %%esp, %%ebx; movl %0, %%esp; jmp *%2; 5: "
				 "movl %%ebx, %%esp" ::"r"(frames),
				 "m"(frames[FRAMES - 1][0]), "r"(again)
				 : "ebx", "memory");
	}
	say("well so far\n");
	return 0;
}
