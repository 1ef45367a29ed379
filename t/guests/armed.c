// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Debug registers in a virtual machine (XSA-40 and similar). A kernel can write them without an
 * exit, and not every processor clears DR7 on an exit.
 * Attack: breakpoints on every byte of the hypervisor's code that runs after VMRUN, on the
 * functions that it calls there, and on its data, at the addresses on the command line ("x1234+10",
 * "d1234+10"). While they are armed, cause each kind of exit, and be preempted by a neighbour.
 * Expected: the hypervisor never runs with a guest's breakpoints armed, and the guest reads back
 * the DR7 that it wrote.
 */
#include "guest.h"

#define ENABLE_ALL 0xffu
#define ON_DATA	   0xbbbb0000u /* 8 bytes, read or written */
#define DR7_ONE	   0x400u

static void arm(uint64_t at, unsigned step, uint64_t dr7)
{
	__asm__ volatile("movq %0, %%dr0" ::"r"(at));
	__asm__ volatile("movq %0, %%dr1" ::"r"(at + step));
	__asm__ volatile("movq %0, %%dr2" ::"r"(at + 2 * step));
	__asm__ volatile("movq %0, %%dr3" ::"r"(at + 3 * step));
	__asm__ volatile("movq %0, %%dr7" ::"r"(dr7 | DR7_ONE));
}

static void leave(void)
{
	uint32_t eax = 0, ecx = 0;

	__asm__ volatile("cpuid" : "+a"(eax), "+c"(ecx)::"rbx", "rdx");
	__asm__ volatile("outb %%al, $0x80" ::"a"(0));
	veneer_hypercall(VENEER_HC_GET_DEBUGREG, 6, 0, 0);
	__asm__ volatile("rdmsr" : "=a"(eax) : "c"(0xc0000080) : "rdx");
}

static void range(uint64_t from, uint64_t bytes, bool data)
{
	unsigned step = data ? 8 : 1;
	uint64_t want = (data ? ON_DATA : 0) | ENABLE_ALL, dr7;

	for (uint64_t at = from; at < from + bytes; at += 4 * step) {
		arm(at, step, want);
		leave();
		__asm__ volatile("movq %%dr7, %0" : "=r"(dr7));
		expect(dr7 == (want | DR7_ONE), "DR7 is as it was written");
	}
}

static const char *number(const char *s, uint64_t *v)
{
	for (*v = 0; *s > ' ' && *s != '+'; s++)
		*v = *v << 4 | (unsigned)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
	return s;
}

static void spin(uint64_t ns)
{
	for (uint64_t end = veneer_clock_ns() + ns; veneer_clock_ns() < end;)
		;
}

int guest_main(const struct veneer_start_info *info)
{
	uint64_t at = 0, bytes = 0;
	unsigned ranges = 0;

	for (const char *s = info->cmdline; *s; ranges++) {
		bool data = *s == 'd';

		s = number(s + 1, &at);
		s = number(s + (*s == '+'), &bytes);
		s += *s == ' ';
		range(at, bytes, data);
		spin(20000000);
	}
	arm(0, 0, 0);
	expect(ranges > 0, "there are addresses");
	return 0;
}
