// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A lock held while the serial port prints. vCPU 0, alone on its core, writes to its UART without a
 * pause; vCPU 1, on the neighbour's core, has its local APIC timer at the highest rate. The timer's
 * interrupt waited for the lock of this guest's devices, which vCPU 0 held while each line was
 * sent.
 * Expected: nobody holds a lock while waiting for the port, and a timer's cost is charged to its
 * guest. Runs with `vcpus = 2`, `cpus = 0-1`, in a virtual machine, the neighbour on core 1.
 */
#include "pc.h"

#define LAPIC	 0xfee00000u
#define AP_START 0x8000u
#define LINES	 500

static void write32(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

static volatile uint32_t ticks;

/* Begins in real mode: enters protected mode with vCPU 0's tables, then calls start_other. */
__asm__(".code16\n"
	"other_begin: cli; xorw %ax, %ax; movw %ax, %ds\n"
	"lgdtl 0x8000 + other_gdtr - other_begin\n"
	"movl %cr0, %eax; orb $1, %al; movl %eax, %cr0; ljmpl $0x08, $start_other\n"
	".balign 4\nother_gdtr: .word 63; .long gdt\nother_end:\n"
	".code32\n"
	"start_other: movw $0x10, %ax; movw %ax, %ds; movw %ax, %es; movw %ax, %ss\n"
	"movl $other_stack + 4096, %esp; lidtl idt_register; jmp other\n"
	"tick_entry: incl ticks; movl $0, 0xfee000b0; iretl\n"
	".lcomm other_stack, 4096\n");

struct table_register idt_register = { sizeof(idt) - 1, 0 };

void other(void);
void other(void)
{
	write32(LAPIC + 0xf0, 0x1ff);
	write32(LAPIC + 0x3e0, 0x0b);
	write32(LAPIC + 0x320, 0x20000 | 0x30);
	write32(LAPIC + 0x380, 100);
	for (;;)
		__asm__ volatile("sti; hlt");
}

static void start_other(void)
{
	extern char tick_entry[], other_begin[], other_end[];
	uint32_t at = (uint32_t)tick_entry;

	idt_register.base = (uint32_t)idt;
	idt[0x30] = (at & 0xffff) | 0x08 << 16 | 0x8e00ull << 32 | (uint64_t)(at >> 16) << 48;
	for (char *from = other_begin; from < other_end; from++)
		((volatile char *)AP_START)[from - other_begin] = *from;
	write32(LAPIC + 0xf0, 0x1ff);
	write32(LAPIC + 0x300, 0xc4500);
	write32(LAPIC + 0x300, 0xc4600 | AP_START >> 12);
}

int guest_main(void)
{
	start_other();
	while (!ticks) /* the attack needs both vCPUs, and on a busy host one may be late */
		;
	for (unsigned line = 0; line < LINES; line++)
		for (unsigned i = 0; i < 80; i++) {
			while (!(inb(0x3fd) & 0x20))
				;
			outb(0x3f8, i < 79 ? 'u' : '\n');
		}
	say_number(ticks);
	say(" ticks\n");
	return 0;
}
