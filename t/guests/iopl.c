// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flags that no instruction set. QEMU 7.2 does not store the flags of the instruction before
 * CMPXCHG8B: behind POPF, ADD and CMPXCHG8B, RFLAGS is ADD's source operand, with any bit at all,
 * and SYSCALL, exceptions and interrupts save that. An IRETQ from ring 0 then loads IOPL.
 * Attack: IOPL 3 by each way into the hypervisor and back: a null hypercall, a full one, a page
 * fault that is not the guest's, an emulated instruction, a timer interrupt, INT3.
 * Expected: ports stay out of reach: each reads as all ones, as COM1's line status never does.
 *
 * QEMU 7.2 adds such flags to its own copy of RFLAGS, IOPL among them, when it leaves its loop for
 * a reason of its own, which no hypervisor sees: then ports are open until the next exit. So they
 * are looked at again behind some timer interrupts, which must have closed them.
 */
#include "guest.h"

#define COM1_STATUS 0x3fd
#define WANTED	    0x3202ull /* IOPL 3, IF */

static uint64_t pair[2] __attribute__((aligned(16)));

/* The flags are made up at the end; the bytes behind continue with them. */
#define MAKE_UP                           \
	"pushq $2; popfq; jmp 1f; 1:\n\t" \
	"addq %[flags], %[any]\n\t"       \
	"cmpxchg8b %[pair]\n\t"
#define OPERANDS(any) [any] "+r"(any), [pair] "+m"(pair)
#define USED	      "rax", "rcx", "rdx", "rbx", "r11", "memory", "cc"

static uint8_t status(void)
{
	uint8_t value;

	__asm__ volatile("inb %%dx, %0" : "=a"(value) : "d"(COM1_STATUS));
	return value;
}

static void by_hypercall(uint64_t number)
{
	register uint64_t flags __asm__("r8") = WANTED;
	register uint64_t any __asm__("r9") = 0x202;
	register uint64_t entry __asm__("r10") =
		VENEER_HYPERCALL_PAGE + number * VENEER_HYPERCALL_STRIDE;

	__asm__ volatile(MAKE_UP "call *%[entry]"
			 : OPERANDS(any)
			 : [flags] "r"(flags), [entry] "r"(entry)
			 : USED, "rdi", "rsi");
}

static void by_page(volatile uint8_t *page)
{
	uint64_t any = 0x202;

	__asm__ volatile(MAKE_UP "movb %%cl, (%[page])"
			 : OPERANDS(any)
			 : [flags] "r"(WANTED), [page] "r"(page)
			 : USED);
}

static void by_instruction(void)
{
	uint64_t any = 0x202;

	__asm__ volatile(MAKE_UP "movq %%cr2, %%rax" : OPERANDS(any) : [flags] "r"(WANTED) : USED);
}

/* Until an interrupt comes: nothing here changes the flags. */
static void by_interrupt(void)
{
	uint64_t any = 0x202;

	__asm__ volatile(MAKE_UP ".rept 2000\n\tmovq %%rax, %%rcx\n\t.endr"
			 : OPERANDS(any)
			 : [flags] "r"(WANTED)
			 : USED);
}

static void breakpoint(void *unused)
{
	uint64_t any = 0x202;

	(void)unused;
	__asm__ volatile(MAKE_UP "int3" : OPERANDS(any) : [flags] "r"(WANTED) : USED);
}

static uint8_t fresh[64 * 4096] __attribute__((aligned(4096)));

int guest_main(const struct veneer_start_info *info)
{
	unsigned tried = 0;

	(void)info;
	for (unsigned i = 0; i < 64; i++, tried += 5) {
		by_hypercall(VENEER_HC_NOP);
		expect_is(status(), 0xff, "the null hypercall");
		by_hypercall(VENEER_HC_EVENT_CHECK);
		expect_is(status(), 0xff, "a full hypercall");
		by_page(&fresh[i * 4096]);
		expect_is(status(), 0xff, "a page fault");
		by_instruction();
		expect_is(status(), 0xff, "an emulated instruction");
		attempt(breakpoint, NULL);
		expect_is(status(), 0xff, "an exception");
	}
	for (unsigned i = 0; i < 20000; i++) {
		by_interrupt();
		if (status() == 0xff)
			continue;
		for (unsigned wait = 0; wait < 20000000; wait++)
			__asm__ volatile("" ::: "memory");
		if (status() != 0xff) {
			expect(false, "an interrupt");
			break;
		}
	}
	say("%u ways tried\n", tried);
	return failures != 0;
}
