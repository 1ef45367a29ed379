// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ring_step emulates the IRETs of a kernel that is stepped: a few, then others were meant to get
 * the processor. But then deliver only returned false, sched_run called it again, and the machine's
 * interrupts stayed masked.
 * Attack: an IRET that returns to itself with interrupts masked, on a stack that never ends: the
 * whole address space from 4 MiB up is one page of 8s, which are EIP, CS and EFLAGS of every frame.
 * The IRET is at address 8. CS has a limit, so that the code is stepped.
 * Expected: the neighbour's timing is not affected, and the operator's stop works.
 */
#include "pc.h"

static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint32_t identity[1024] __attribute__((aligned(4096)));
static uint32_t wheel[1024] __attribute__((aligned(4096)));
static uint32_t eights[1024] __attribute__((aligned(4096)));

static void limit_cs(void)
{
	gdt[1] &= ~1ull; /* a page less */
	load_gdt(sizeof(gdt) - 1);
}

int guest_main(void)
{
	volatile uint8_t *code = (volatile uint8_t *)8;

	__asm__("" : "+r"(code));
	*code = 0xcf; /* IRET */
	for (unsigned i = 0; i < 1024; i++) {
		eights[i] = 8;
		identity[i] = i << 12 | 7;
		wheel[i] = (uint32_t)eights | 7;
		directory[i] = (uint32_t)(i ? wheel : identity) | 7;
	}
	__asm__ volatile("cli; movl %0, %%cr3; movl %%cr0, %%eax; orl $0x80000000, %%eax; movl "
			 "%%eax, %%cr0" ::"r"(directory)
			 : "eax", "memory");
	say("so far: going\n");
	limit_cs();
	__asm__ volatile("movl $0x400000, %%esp; jmp *%0" ::"r"(code));
	return 1;
}
