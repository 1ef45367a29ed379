// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Returns and exception frames with bad addresses (XSA-7, 213, 259).
 * Attack: IRET to addresses that are not canonical, at the edge of the canonical range, or in the
 * gate area; handlers at such addresses; SYSCALL from ring 3 with such an entry; at last an
 * exception whose stack is in the gate area.
 * Expected: an exception in the guest, an error, or a crash of the guest, without effect on others.
 * The last attempt crashes the guest for good, which is how it ends.
 */
#include "guest.h"

static const uint64_t bad[] = { 0x0000800000000000, 0x00007fffffffffff,
				0xffff7fffffffffff, 0x8000000000000000,
				0xffff800000000000, 0xffff80000000c000,
				0xffff800000030000, 0xffffffffffffffff,
				0xfffffffffffffff8, 0 };
#define BADS (sizeof(bad) / sizeof(bad[0]))

static void iret_to(void *arg)
{
	__asm__ volatile("movq %%rsp, %%rcx; pushq %1; pushq %%rcx; pushq $0x202; pushq %2; pushq "
			 "%0; iretq" ::"r"(arg),
			 "r"((uint64_t)kernel_ss()), "r"((uint64_t)kernel_cs())
			 : "rcx", "memory");
}

static void iret_user_to(void *arg)
{
	__asm__ volatile("pushq %1; pushq %0; pushq $0x202; pushq %2; pushq %0; iretq" ::"r"(arg),
			 "i"(VENEER_USER_SS), "i"(VENEER_USER_CS)
			 : "memory");
}

static void iret_selectors(void *arg)
{
	__asm__ volatile("movq %%rsp, %%rcx; pushq %0; pushq %%rcx; pushq $0x202; pushq %0; leaq "
			 "1f(%%rip), %%rcx; "
			 "pushq %%rcx; iretq; 1:" ::"r"(arg)
			 : "rcx", "memory");
}

static void syscall_now(void *arg)
{
	(void)arg;
	__asm__ volatile("syscall" ::: "rcx", "r11", "memory");
}

static struct veneer_handlers h;

static void set(uint64_t event, uint64_t syscall, uint64_t exception)
{
	extern char veneer_exception_stubs[], veneer_event_entry[];

	for (unsigned i = 0; i < 32; i++)
		h.exception[i] = (uint64_t)veneer_exception_stubs + 16 * i;
	h.exception[9] = exception;
	h.event = event ? event : (uint64_t)veneer_event_entry;
	h.syscall = syscall;
}

static bool is_canonical(uint64_t v)
{
	return (uint64_t)((int64_t)(v << 16) >> 16) == v;
}

static void handlers(void)
{
	for (unsigned i = 0; i < BADS; i++)
		for (unsigned which = 0; which < 3; which++) {
			set(which == 0 ? bad[i] : 0, which == 1 ? bad[i] : 0,
			    which == 2 ? bad[i] : 0);
			int64_t r = veneer_hypercall(VENEER_HC_SET_HANDLERS, (uint64_t)&h, 0, 0);

			expect((r == 0) == is_canonical(bad[i]), "handlers must be canonical");
		}
	set(0, 0, 0);
	veneer_hypercall(VENEER_HC_SET_HANDLERS, (uint64_t)&h, 0, 0);
	for (unsigned i = 0; bad[i]; i++)
		expect_is(veneer_hypercall(VENEER_HC_SET_HANDLERS, bad[i], 0, 0), -14,
			  "handlers are not read from bad addresses");
}

static void returns(void)
{
	for (unsigned i = 0; bad[i];
	     i++) { /* without 0: it is mapped, and execution would continue there */
		expect(attempt(iret_to, (void *)bad[i]) != -1 || bad[i] >> 47,
		       "IRET within ring 1");
		expect_is(attempt_user(syscall_now, NULL), 6, "SYSCALL with no handler is #UD");
		attempt(iret_user_to, (void *)bad[i]);
	}
	for (unsigned s = 0; s < 0x1040; s += 1)
		attempt(iret_selectors, (void *)(uint64_t)s);
}

/* SYSCALL enters at the bad address in ring 1, and faults there. */
static void syscall_entries(void)
{
	for (unsigned i = 0; i < BADS; i++) {
		if (!is_canonical(bad[i]) || !bad[i] || bad[i] == 0x00007fffffffffff)
			continue;
		set(0, bad[i], 0);
		veneer_hypercall(VENEER_HC_SET_HANDLERS, (uint64_t)&h, 0, 0);
		int v = attempt_user(syscall_now, NULL);
		expect(v == 14 || v == 13 || v == 6,
		       "a system call into the gate faults in ring 1");
	}
	set(0, 0, 0);
	veneer_hypercall(VENEER_HC_SET_HANDLERS, (uint64_t)&h, 0, 0);
}

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	handlers();
	returns();
	syscall_entries();
	say("%s so far; now an interrupt with no stack\n", failures ? "NOT WELL" : "well");
	veneer_vcpu.kernel_sp = 0xffff800000008000; /* read-only, in the gate */
	extern int try_call_user(void (*fn)(void *), void *arg);
	try_call_user(syscall_now, NULL); /* #UD from ring 3: its frame goes to kernel_sp */
	return 1;
}
