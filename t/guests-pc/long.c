// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A bare PC that uses the entry points for paravirtual kernels. Their selectors used to be in every
 * guest's GDT: with a far jump to 0x1031 a 32-bit kernel got 64-bit mode, and with it the gate and
 * every hypercall.
 * Attack: from the kernel and from ring 3, far jumps, calls, returns and IRET to each of the
 * hypervisor's selectors, with code that would end this guest by a hypercall; SYSCALL and SYSENTER.
 * Expected: #GP for each segment except the two that a boot loader sets up, and #UD or #GP for
 * SYSCALL and SYSENTER.
 */
#include "pc.h"

#define TSS	0x28
#define USER_CS 0x1b
#define USER_DS 0x23

/* 64-bit: SHUTDOWN(POWEROFF, 77) through the hypercall page; 32-bit: INT 0x40 after its first byte
 */
static const uint8_t code64[] = {
	0x48, 0xb8, 0x80, 0x01, 0x03,
	0x00, 0x00, 0x80, 0xff, 0xff, /* movabs $page + 12 * 32, %rax */
	0x31, 0xff,		      /* xor %edi, %edi */
	0xbe, 77,   0x00, 0x00, 0x00, /* mov $77, %esi */
	0xff, 0xd0,		      /* call *%rax */
};

static void jump_far(uint32_t selector)
{
	struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) to = { (uint32_t)code64, (uint16_t)selector };

	__asm__ volatile("ljmp *%0" ::"m"(to) : "memory");
}

static void call_far(uint32_t selector)
{
	struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) to = { (uint32_t)code64, (uint16_t)selector };

	__asm__ volatile("lcall *%0" ::"m"(to) : "memory");
}

static void return_far(uint32_t selector)
{
	__asm__ volatile("pushl %0; pushl %1; lret" ::"r"(selector), "r"(code64) : "memory");
}

static void return_interrupt(uint32_t selector)
{
	__asm__ volatile("pushl $2; pushl %0; pushl %1; iretl" ::"r"(selector), "r"(code64)
			 : "memory");
}

static void load_es(uint32_t selector)
{
	__asm__ volatile("movl %0, %%es" ::"r"(selector));
}

static void system_call(uint32_t ignored)
{
	(void)ignored;
	__asm__ volatile("syscall" ::: "ecx", "memory");
}

static void system_enter(uint32_t ignored)
{
	(void)ignored;
	__asm__ volatile("sysenter");
}

static uint8_t user_stack[4096];
static void (*user_fn)(uint32_t);

static void to_ring3(uint32_t arg)
{
	uint32_t *sp = (uint32_t *)(user_stack + sizeof(user_stack)) - 2;

	sp[0] = 0; /* only an exception leads back */
	sp[1] = arg;
	__asm__ volatile("pushl %0; pushl %1; pushl $2; pushl %2; pushl %3; iretl" ::"i"(USER_DS),
			 "r"(sp), "i"(USER_CS), "r"(user_fn)
			 : "memory");
}

static int attempt_ring3(void (*fn)(uint32_t), uint32_t arg)
{
	user_fn = fn;
	return attempt(to_ring3, arg);
}

static void selectors(void)
{
	static void (*const ways[])(uint32_t) = { jump_far, call_far, return_far, return_interrupt,
						  load_es };
	unsigned refused = 0, tried = 0;

	for (unsigned s = 0x1000; s < 0x1060; s++) {
		bool is_loaders = s >= 0x1020 && s < 0x1030;

		for (unsigned i = 0; i < 5; i++) {
			if (!is_loaders) {
				tried++;
				refused += attempt(ways[i], s) == 13;
			}
			tried++;
			refused += attempt_ring3(ways[i], s) == 13;
		}
	}
	expect(refused == tried, "none of the hypervisor's segments can be used");
	say_number(refused);
	say(" far transfers and loads refused\n");
}

int guest_main(void)
{
	static uint8_t kernel_stack[4096]; /* for exceptions of ring 3 */
	static uint32_t tss[26] = { 0, (uint32_t)(kernel_stack + sizeof(kernel_stack)), 0x10 };
	uint32_t at = (uint32_t)tss;

	gdt[TSS / 8] = (sizeof(tss) - 1) | (uint64_t)(at & 0xffffff) << 16 | 0x89ull << 40 |
		       (uint64_t)(at >> 24) << 56;
	load_gdt(sizeof(gdt) - 1);
	__asm__ volatile("ltr %w0" ::"r"(TSS));
	selectors();
	expect(attempt(system_call, 0) == 6, "SYSCALL is not there");
	expect(attempt_ring3(system_call, 0) == 6, "SYSCALL is not there in ring 3");
	expect(attempt(system_enter, 0) == 13, "SYSENTER leads nowhere");
	expect(attempt_ring3(system_enter, 0) == 13, "SYSENTER leads nowhere in ring 3");
	return 0;
}
