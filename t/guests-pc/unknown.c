// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Instructions that not every engine supports.
 * Attack, in ring 0: RDPMC, SYSEXIT and INVPCID, which the ring engine does not emulate; a hardware
 * task switch, which AMD-V does by itself, VT-x leaves to the hypervisor, and ring does not
 * support.
 * Expected: an exception, or what a processor would do; and if the engine does not support it, a
 * line that says what and where. Repeating it prints no more lines.
 */
#include "pc.h"

#define TASKS	  0x30 /* two descriptors in the table of pc.c */
#define AGAIN	  1000
#define TSS_LIMIT 103

struct task {
	uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp,
		ebp, esi, edi, es, cs, ss, ds, fs, gs, ldt, bitmap;
};
static struct task first, second;
static uint32_t stack[256];
static volatile uint32_t switched;

static void rdpmc(uint32_t n)
{
	__asm__ volatile("rdpmc" ::"c"(n) : "eax", "edx");
}

/* Raises #GP: SYSENTER_CS is 0. */
static void sysexit(uint32_t unused)
{
	(void)unused;
	__asm__ volatile("sysexit");
}

static void invpcid(uint32_t type)
{
	static const uint64_t descriptor[2];

	__asm__ volatile("invpcid %1, %0" ::"r"(type), "m"(descriptor));
}

static void in_second(void)
{
	switched++;
	__asm__ volatile("ljmp %0, $0" ::"i"(TASKS));
}

static uint64_t descriptor_of(const struct task *t)
{
	uint32_t at = (uint32_t)t;

	return TSS_LIMIT | (uint64_t)(at & 0xffffff) << 16 | 0x89ull << 40 |
	       (uint64_t)(at >> 24) << 56;
}

static void to_second(uint32_t unused)
{
	(void)unused;
	__asm__ volatile("ljmp %0, $0" ::"i"(TASKS + 8) : "memory");
}

static void tasks(void)
{
	second = (struct task){ .eip = (uint32_t)in_second,
				.eflags = 2,
				.esp = (uint32_t)(stack + 250),
				.es = 0x10,
				.cs = 0x08,
				.ss = 0x10,
				.ds = 0x10,
				.fs = 0x10,
				.gs = 0x10,
				.bitmap = 104 << 16 };
	first.bitmap = 104 << 16;
	gdt[TASKS / 8] = descriptor_of(&first);
	gdt[TASKS / 8 + 1] = descriptor_of(&second);
	load_gdt(sizeof(gdt) - 1);
	__asm__ volatile("ltr %w0" ::"r"(TASKS));
	int vector = attempt(to_second, 0);
	expect(vector == -1 ? switched == 1 : !switched, "another task, or none");
}

int guest_main(void)
{
	tasks();
	attempt(rdpmc, 0);
	expect(attempt(sysexit, 0) != -1, "no way to ring 3");
	attempt(invpcid, 2);
	for (unsigned i = 0; i < AGAIN; i++)
		attempt(rdpmc, i);
	return 0;
}
