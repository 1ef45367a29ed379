// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SYSCALL from ring 3 through the gate, valid and not.
 * Attack: ordinary system calls, which must pass RIP, RSP, flags and arguments and return
 * correctly; the same with every flag set, DF included; user stacks that are not canonical or in
 * the gate area.
 * Expected: the kernel is entered in its ring, on its own stack, with interrupts masked and DF
 * clear. A bad user stack only affects the program.
 */
#include "guest.h"

extern char syscall_entry[];
extern volatile uint64_t seen_rip, seen_flags, seen_sp, seen_mask, seen_cs, kernel_flags, kernel_sp;

__asm__(".bss\n"
	".globl seen_rip, seen_flags, seen_sp, seen_mask, seen_cs, kernel_flags, kernel_sp\n"
	"seen_rip: .skip 8\nseen_flags: .skip 8\nseen_sp: .skip 8\nseen_mask: .skip 8\n"
	"seen_cs: .skip 8\nkernel_flags: .skip 8\nkernel_sp: .skip 8\n"
	".text\n"
	"syscall_entry:\n"
	"movq %rcx, seen_rip(%rip)\n"
	"movq %r11, seen_flags(%rip)\n"
	"movq %rsp, kernel_sp(%rip)\n"
	"pushfq\n popq kernel_flags(%rip)\n"
	"movl veneer_vcpu+0x00(%rip), %edx\n" /* irq_mask */
	"movq %rdx, seen_mask(%rip)\n"
	"movq veneer_vcpu+0x18(%rip), %rdx\n" /* user_sp */
	"movq %rdx, seen_sp(%rip)\n"
	"movl %cs, %edx\n movq %rdx, seen_cs(%rip)\n"
	"addq %rdi, %rax\n"
	"pushq $0x23\n pushq seen_sp(%rip)\n pushq %r11\n pushq $0x2b\n pushq %rcx\n"
	"movl $0, veneer_vcpu+0x00(%rip)\n"
	"iretq\n");

static volatile uint64_t result, expected_rip, user_sp, user_flags;

static void one_call(void *arg)
{
	uint64_t value = 35, rip, sp, flags;

	__asm__ volatile(
		"movq %%rsp, %1; pushq %4; popfq; leaq 1f(%%rip), %2; syscall; 1: pushfq; "
		"popq %3; cld; btrq $18, %3; movq %%rsp, %%rcx; subq %1, %%rcx; addq %%rcx, %0"
		: "+a"(value), "=&r"(sp), "=&r"(rip), "=&r"(flags)
		: "r"(arg), "D"(7ull)
		: "rcx", "rdx", "r11", "memory", "cc");
	result = value;
	expected_rip = rip;
	user_sp = sp;
	user_flags = flags;
}

static void strange_stack(void *arg)
{
	__asm__ volatile("movq %%rsp, %%r8; movq %0, %%rsp; syscall; movq %%r8, %%rsp" ::"r"(arg),
			 "a"(0), "D"(0)
			 : "rcx", "rdx", "r8", "r11", "memory");
}

static void install(void)
{
	static struct veneer_handlers h;
	extern char veneer_exception_stubs[], veneer_event_entry[];

	for (unsigned i = 0; i < 32; i++)
		h.exception[i] = (uint64_t)veneer_exception_stubs + 16 * i;
	h.event = (uint64_t)veneer_event_entry;
	h.syscall = (uint64_t)syscall_entry;
	veneer_hypercall(VENEER_HC_SET_HANDLERS, (uint64_t)&h, 0, 0);
}

static void calls(void)
{
	/* nothing; carry and sign; direction; alignment check; identification */
	static const uint64_t flags[] = { 0x202, 0x283, 0x602, 0x40202, 0x200202, 0x240ed7 };

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		expect_is(attempt_user(one_call, (void *)flags[i]), -1, "a system call returns");
		expect(result == 42, "it returns the result on the same stack");
		expect(seen_rip == expected_rip, "RCX is the return address");
		expect((seen_flags & ~0x40000ull) == (flags[i] & ~0x40000ull),
		       "R11 is the user's flags");
		expect(seen_sp == user_sp, "user_sp is the user's stack");
		expect(seen_mask == VENEER_IRQ_MASKED, "interrupts are masked");
		expect(seen_cs == kernel_cs() && kernel_sp == veneer_vcpu.kernel_sp,
		       "the kernel is entered in its ring, on its stack");
		expect(!(kernel_flags & 0x44500), "DF, TF, NT and AC are clear");
		expect((kernel_flags & 0x200) || !in_ring1(), "the real interrupt flag is set");
		expect((user_flags & 0x8d5) == (flags[i] & 0x8d5), "the user's flags are restored");
	}
}

int guest_main(const struct veneer_start_info *info)
{
	static const uint64_t stack[] = {
		0, 8, 0x800000000000, 0x7fffffffffff, 0xffff80000000c800, 0xffff800000020800, ~0ull
	};

	(void)info;
	install();
	calls();
	for (unsigned i = 0; i < sizeof(stack) / sizeof(stack[0]); i++)
		expect_is(attempt_user(strange_stack, (void *)stack[i]), -1,
			  "a bad user stack does no harm");
	return 0;
}
