// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flags of iopl.c, in ring 0. QEMU 7.2 delivers an exception before it has stored the flags
 * that no instruction set. If it leaves its loop then, for a timer say, it adds them to ring 0's
 * own: IF lets an interrupt in where the hypervisor expects none, TF steps it, VM makes its IRETQ
 * that of virtual-8086 mode. (NT makes it fail, which ends the guest: that bit is left out.)
 * Attack: exceptions by INT3, a page fault and an emulated instruction, each behind flags with
 * random bits, IF mostly among them, at the highest rate of timer interrupts.
 * Expected: nothing happens to the hypervisor.
 */
#include "guest.h"

#define ROUNDS 60000

static uint64_t pair[2] __attribute__((aligned(16)));
static uint8_t fresh[64 * 4096] __attribute__((aligned(4096)));
static uint64_t flags;

/* The made-up flags are ADD's source operand, see iopl.c. */
#define MAKE_UP(what)                                                                        \
	({                                                                                   \
		uint64_t any_ = 0x202;                                                       \
		__asm__ volatile("pushq $2; popfq; jmp 1f; 1:\n\t"                           \
				 "addq %[flags], %[any]\n\t"                                 \
				 "cmpxchg8b %[pair]\n\t" what                                \
				 : [any] "+r"(any_), [pair] "+m"(pair)                       \
				 : [flags] "r"(flags), [page] "r"(&fresh[flags % 64 * 4096]) \
				 : "rax", "rcx", "rdx", "rbx", "memory", "cc");              \
	})

static void by_breakpoint(void *unused)
{
	(void)unused;
	MAKE_UP("int3");
}

static void by_page(void *unused)
{
	(void)unused;
	MAKE_UP("movb %%cl, (%[page])");
}

static void by_instruction(void *unused)
{
	(void)unused;
	MAKE_UP("movq %%cr2, %%rax");
}

static void tick(void)
{
}

static uint64_t noise(void)
{
	static uint64_t seed = 1;

	seed = seed * 6364136223846793005 + 1442695040888963407;
	return seed >> 33;
}

int guest_main(const struct veneer_start_info *info)
{
	static void (*const ways[])(void *) = { by_breakpoint, by_page, by_instruction };
	unsigned rounds = rounds_or(info, ROUNDS);

	veneer_on_event(VENEER_EVENT_TIMER, tick);
	veneer_timer_set(veneer_clock_ns() + short_period(info), short_period(info));
	veneer_unmask();
	for (unsigned i = 0; i < rounds; i++) {
		flags = noise() % 4 ? 0x3202 : (noise() & 0x3f3fd7) | (noise() % 4 ? 0x202 : 2);
		attempt(ways[noise() % 3], NULL);
		veneer_unmask();
	}
	say("%d rounds\n", rounds);
	return 0;
}
