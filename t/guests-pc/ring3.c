// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ring 3 uses the rewriter's stubs against its own kernel; this guest runs rewritten. Ring 3 can
 * execute stubs. If an interrupt arrived at an IRET's stub, the hypervisor did that IRET first,
 * without checking which ring was running: a program that jumped there with its own frame returned
 * as the kernel.
 * Attack: with an interrupt pending, the kernel returns to ring 3 at the last instructions of such
 * a stub, with a frame for kernel code on the program's stack.
 * Expected: the interrupt is taken from ring 3.
 */
#include "pc.h"

#define WINDOW	0xff000000u
#define TSS	0x28
#define KERNEL	0x08
#define USER_CS 0x1b
#define USER_DS 0x23
#define TICK	0x20

/* Finds a stub's store that unmasks, followed by the IRET. */
static uint32_t find_window(void)
{
	static const uint8_t store[] = { 0xc7, 0x05, 0x00, 0x10, 0x00, 0xff, 0, 0, 0, 0, 0xcf };

	for (uint32_t at = WINDOW + 0x2000; at < WINDOW + 0x3000; at++) {
		const volatile uint8_t *p = (const volatile uint8_t *)at;
		unsigned n = 0;

		while (n < sizeof(store) && p[n] == store[n])
			n++;
		if (n == sizeof(store))
			return at;
	}
	return 0;
}

/* An IRET for the rewriter to patch. */
__asm__("never: pushal; cld; movl $1, %eax; popal; iretl");

/* Records where the tick came from, and ends the attempt as any vector does. */
uint32_t tick_eip, tick_cs;
__asm__("tick: movl (%esp), %eax; movl %eax, tick_eip; movl 4(%esp), %eax; movl %eax, tick_cs; "
	"jmp stubs + 16 * 0x20");

/* Code that the program tries to run as the kernel. */
__asm__("wanted: int $0x40");

static uint32_t user_stack[64];
static uint8_t plain_iret[] = { 0xcf }; /* data, so that the rewriter does not find it */

static void go(uint32_t window)
{
	extern char wanted[];
	uint32_t *sp = &user_stack[32];

	sp[0] = (uint32_t)wanted;
	sp[1] = KERNEL;
	sp[2] = 0x202;
	/* makes the next fetch of the stub fault: an exit from ring 3 without an event for its
	 * kernel */
	__asm__ volatile("invlpg (%0)" ::"r"(window));
	__asm__ volatile(
		"pushl %0; pushl %1; pushl $0x202; pushl %2; pushl %3; jmp *%4" ::"i"(USER_DS),
		"r"(sp), "i"(USER_CS), "r"(window), "r"(plain_iret)
		: "memory");
}

static void set_up(void)
{
	extern char tick[];
	static uint8_t kernel_stack[4096];
	static uint32_t tss[26] = { 0, (uint32_t)(kernel_stack + sizeof(kernel_stack)), 0x10 };
	uint32_t at = (uint32_t)tss;

	gdt[TSS / 8] = (sizeof(tss) - 1) | (uint64_t)(at & 0xffffff) << 16 | 0x89ull << 40 |
		       (uint64_t)(at >> 24) << 56;
	load_gdt(sizeof(gdt) - 1);
	__asm__ volatile("ltr %w0" ::"r"(TSS));
	at = (uint32_t)tick;
	idt[TICK] = (at & 0xffff) | 0x08 << 16 | 0x8e00ull << 32 | (uint64_t)(at >> 16) << 48;
}

/* The 8254 fires once; its interrupt stays pending because the kernel has masked interrupts. */
static void let_one_wait(void)
{
	static const uint8_t init[][2] = {
		{ 0x20, 0x11 }, { 0x21, TICK }, { 0x21, 4 }, { 0x21, 1 },
		{ 0x21, 0xfe }, { 0x43, 0x30 }, { 0x40, 0 }, { 0x40, 1 }
	};
	uint8_t request;

	__asm__ volatile("cli");
	for (unsigned i = 0; i < sizeof(init) / sizeof(init[0]); i++)
		outb(init[i][0], init[i][1]);
	do
		__asm__ volatile("inb $0x20, %0" : "=a"(request)); /* IRR */
	while (!(request & 1));
}

int guest_main(void)
{
	uint32_t window = find_window();

	expect(window, "the stub of an IRET is found");
	set_up();
	let_one_wait();
	int vector = attempt(go, window);
	expect(vector == TICK, "the interrupt comes");
	expect(tick_cs == USER_CS, "the interrupt comes from ring 3");
	expect(tick_eip == window, "the interrupt comes from the stub");
	return 0;
}
