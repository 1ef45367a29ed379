// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unchecked register values that reach ring 0. After an exception in the gate's return routine, the
 * hypervisor takes RIP, CS, RFLAGS, RSP and SS from the guest's stack; at the gate's UD2 for a
 * SYSCALL without a handler it takes RFLAGS from R11. Delivering the exception replaces them by
 * valid values. If the guest had no handler, it was crashed instead, which did nothing if another
 * vCPU had just asked for a restart. The vCPU then ran on, and IRETQ in ring 0 loaded the guest's
 * values: a ring-0 CS, IOPL 3 with interrupts off, or a selector that faults for ever and hangs the
 * core.
 * Attack, with a restart each time: vCPU 0 restarts the guest while vCPU 1 does one of the three.
 * Expected: the vCPU parks, and the processor never loads these values. If it does, the guest's
 * code writes to the machine's serial port and switches the machine off.
 */
#include "guest.h"

#define HV_CS	0x1000
#define HV_SS	0x1008
#define NULL_CS 0xff9
#define IOPL_3	0x3002
#define COM1	0x3f8
#define RUN_FOR 3000000000ull /* ns */
#define ATTACKS 3

static char stack[4096] __attribute__((aligned(16)));
char far_stack[4096] __attribute__((aligned(16)));
static struct veneer_vcpu_page page __attribute__((aligned(4096)));
static volatile uint64_t ready, go;
static uint64_t delay, attack;

void far_side(void);
__asm__("far_side: call far_main");

static void put(char c)
{
	uint8_t status;

	do
		__asm__ volatile("inb %1, %0" : "=a"(status) : "d"((uint16_t)(COM1 + 5)));
	while (!(status & 0x20));
	__asm__ volatile("outb %0, %1" ::"a"(c), "d"((uint16_t)COM1));
}

void far_main(void);
void far_main(void)
{
	for (const char *s = "\r\nveneer: FORGED BY A GUEST\r\n"; *s; s++)
		put(*s);
	__asm__ volatile("outb %0, %1" ::"a"((uint8_t)0), "d"((uint16_t)0xf4));
	for (;;)
		__asm__ volatile("pause");
}

/* The gate's two UD2s for a SYSCALL without a handler are adjacent, after the hypercalls. */
static uint64_t no_syscall(void)
{
	const uint8_t *code = (const uint8_t *)VENEER_HYPERCALL_PAGE;

	for (unsigned at = VENEER_HC_RETURN * VENEER_HYPERCALL_STRIDE; at < 4092; at++)
		if (*(const uint32_t *)(code + at) == 0x0b0f0b0f)
			return VENEER_HYPERCALL_PAGE + at;
	return 0;
}

static void other(uint64_t id)
{
	uint64_t top = (uint64_t)far_stack + sizeof(far_stack) - 64, gate = no_syscall();
	uint64_t frame[5] = { (uint64_t)far_side, attack ? NULL_CS : HV_CS, 2, top, HV_SS };

	(void)id;
	/* touch all pages now: far_main cannot take a page fault in ring 0 */
	for (uint64_t at = 0x200000; at < 0x220000; at += 4096)
		(void)*(volatile char *)at;
	for (unsigned at = 0; at < sizeof(far_stack); at++)
		((volatile char *)far_stack)[at] = 0;
	page.user_sp = top;
	ready = 1;
	while (!go)
		;
	for (uint64_t n = delay; n; n--)
		__asm__ volatile("");
	if (attack == 2 && gate)
		__asm__ volatile("movq %0, %%r11; jmp *%1" ::"r"((uint64_t)IOPL_3), "r"(gate),
				 "c"((uint64_t)far_side + 2)
				 : "r11");
	__asm__ volatile("movq %0, %%rsp; jmp *%1" ::"r"(frame),
			 "r"(VENEER_HYPERCALL_PAGE + VENEER_HC_RETURN * VENEER_HYPERCALL_STRIDE));
}

int guest_main(const struct veneer_start_info *info)
{
	uint32_t low, high;
	struct veneer_vcpu_start s = { .rip = (uint64_t)other,
				       .rsp = (uint64_t)stack + sizeof(stack) - 8,
				       .root = (uint64_t)veneer_root(),
				       .vcpu_page = (uint64_t)&page };

	(void)info;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	delay = low >> 4 & 7;
	attack = (low >> 7) % ATTACKS;
	expect(no_syscall(), "the gate's UD2s are found");
	if (veneer_clock_ns() > RUN_FOR)
		say("so far: going\n");
	veneer_hypercall(VENEER_HC_VCPU_START, 1, (uint64_t)&s, 0);
	while (!ready)
		;
	for (volatile unsigned i = 0; i < 1000; i++)
		;
	go = 1;
	veneer_hypercall(VENEER_HC_SHUTDOWN, VENEER_SHUTDOWN_REBOOT, 0, 0);
	return 1;
}
