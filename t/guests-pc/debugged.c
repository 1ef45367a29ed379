// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that uses what a debugger uses, while t/13-gdb-stub.t debugs it: INT3, TF, and page
 * tables that change under a breakpoint. A stub may take the guest's exceptions for its own, leave
 * TF in what the guest pushes, or put a byte back into another page, or over newer code. Expected:
 * whatever gdb does, each round gives the same.
 */
#include "pc.h"

#define PAGE	4096
#define WINDOW	0x40000000u
#define FLAG_TF 0x100u

static uint32_t directory[1024] __attribute__((aligned(PAGE)));
static uint32_t table[1024] __attribute__((aligned(PAGE)));
uint32_t window[1024] __attribute__((aligned(PAGE)));
/* mov $1, %eax; ret, and the same with 2 */
static uint8_t one[PAGE] __attribute__((aligned(PAGE))) = { 0xb8, 1, 0, 0, 0, 0xc3 };
static uint8_t two[PAGE] __attribute__((aligned(PAGE))) = { 0xb8, 2, 0, 0, 0, 0xc3 };
uint8_t rewritten[PAGE] __attribute__((aligned(PAGE))) = { 0x90, 0xc3 }; /* nop; ret */
volatile uint32_t finished, rounds;
void round_done(void);

static void paging_on(void)
{
	uint32_t cr0;

	for (unsigned i = 0; i < 1024; i++)
		table[i] = i * PAGE | 7;
	directory[0] = (uint32_t)table | 7;
	directory[WINDOW >> 22] = (uint32_t)window | 7;
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("movl %1, %%cr3; movl %0, %%cr0" ::"r"(cr0 | 0x80000000), "r"(directory)
			 : "memory");
}

static uint32_t call_window(const uint8_t *page)
{
	uint32_t eax;

	window[0] = (uint32_t)page | 7;
	__asm__ volatile("invlpg %1; call *%2"
			 : "=a"(eax)
			 : "m"(*(char *)WINDOW), "r"(WINDOW)
			 : "ecx", "edx", "memory", "cc");
	return eax;
}

/* Handlers that return: of INT 0x30, which notes the flags in its frame, and of a page fault, which
 * makes the page present. */
uint32_t pushed_flags;
extern char int_handler[], fault_handler[];
__asm__("int_handler:\n\t"
	"pushl %eax; movl 12(%esp), %eax; orl %eax, pushed_flags; popl %eax; iret\n"
	"fault_handler:\n\t"
	"orl $1, window + 4; addl $4, %esp; iret");

static void set_gate(unsigned vector, const char *handler)
{
	uint32_t at = (uint32_t)handler;

	idt[vector] = (at & 0xffff) | 0x08 << 16 | 0x8e00ull << 32 | (uint64_t)(at >> 16) << 48;
}

__attribute__((noinline)) void faulting(void)
{
	uint32_t value;

	window[1] = (uint32_t)two | 6;
	__asm__ volatile("invlpg %1; movl %1, %0"
			 : "=&r"(value)
			 : "m"(*(char *)(WINDOW + PAGE))
			 : "memory");
	__asm__ volatile("int $0x30");
	expect(value == *(uint32_t *)two, "what was read after the page fault");
}

static uint32_t flags(void)
{
	uint32_t f;

	__asm__ volatile("pushf; popl %0" : "=r"(f));
	return f;
}

static void own_breakpoint(uint32_t arg)
{
	(void)arg;
	__asm__ volatile("int3");
}

static void own_step(uint32_t arg)
{
	(void)arg;
	__asm__ volatile("pushf; orl $0x100, (%%esp); popf; nop; nop" ::: "memory", "cc");
}

__attribute__((noinline)) void round_done(void)
{
	rounds++;
	__asm__ volatile("");
}

int guest_main(void)
{
	paging_on();
	set_gate(0x30, int_handler);
	set_gate(14, fault_handler);
	call_window(one);
	say("ready\n");
	while (!finished) {
		expect(attempt(own_breakpoint, 0) == 3, "its own INT3");
		expect(attempt(own_step, 0) == 1, "its own single step");
		expect(!(flags() & FLAG_TF), "TF is clear");
		expect(call_window(two) == 2, "a page");
		expect(call_window(one) == 1, "another in its place");
		*(volatile uint8_t *)rewritten = 0x90;
		__asm__ volatile("call *%0" ::"r"(rewritten) : "memory", "cc");
		faulting();
		expect(!(pushed_flags & FLAG_TF), "TF is clear in a frame of INT n");
		round_done();
	}
	expect(rewritten[0] == 0x90 && one[0] == 0xb8 && two[0] == 0xb8, "its code is as it was");
	return 0;
}
