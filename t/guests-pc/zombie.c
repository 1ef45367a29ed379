// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An ended guest that keeps interrupting. vCPU 1, on another core, sets the 8254 to its highest
 * rate again and again, which is carried out by vCPU 0 on its own core; then it ends the guest. A
 * request that came with the order to park armed the timer again, and it fired for ever on the
 * neighbour's core.
 * Expected: once a guest has been told to end, none of its timers is armed. Runs with `vcpus = 2`,
 * `cpus = 0-1`, in a virtual machine, the neighbour on core 0.
 */
#include "pc.h"

#define LAPIC	 0xfee00000u
#define AP_START 0x8000u

static void write32(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

/* In real mode: sets the 8254 to 1.19 MHz / 2, and after a while ends the guest. */
__asm__(".code16\n"
	"other_begin: movl $20000, %ecx\n"
	"1: movb $0x34, %al; outb %al, $0x43; movb $2, %al; outb %al, $0x40\n"
	"movb $0, %al; outb %al, $0x40; decl %ecx; jnz 1b\n"
	"outb %al, $0x43; movb $0x34, %al; outb %al, $0x43; movb $2, %al; outb %al, $0x40\n"
	"movb $0, %al; outb %al, $0x40; outb %al, $0xf4\n"
	"2: cli; hlt; jmp 2b\n"
	"other_end: .code32\n");

int guest_main(void)
{
	extern char other_begin[], other_end[];

	for (char *from = other_begin; from < other_end; from++)
		((volatile char *)AP_START)[from - other_begin] = *from;
	say("going\n");
	write32(LAPIC + 0xf0, 0x1ff);
	write32(LAPIC + 0x300, 0xc4500);
	write32(LAPIC + 0x300, 0xc4600 | AP_START >> 12);
	for (;;)
		__asm__ volatile("cli; hlt");
}
