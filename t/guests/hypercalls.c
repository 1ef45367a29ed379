// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hypercall arguments (XSA-212, 221, 227) and timers.
 * Attack: every number with boundary values in every argument; buffers outside the guest's memory,
 * across its end, and in the gate area; deadlines 0, 1, now, 2^63 and -1, and 128 000 re-arms;
 * jumps to every byte of the first hypercalls in the hypercall page.
 * Expected: each call fails or succeeds, and the next one works.
 */
#include "guest.h"

static const uint64_t edge[] = { 0,
				 1,
				 7,
				 0xfff,
				 0x1000,
				 0xffffffff,
				 0x7fffffffffffffff,
				 0x8000000000000000,
				 0xffffffffffffffff,
				 0xffff800000000000,
				 0xffff80000000b000,
				 0xffff800000020ff8,
				 0xffff808000000000,
				 0xffffffff80109000,
				 0x00007fffffffffff,
				 0x0000800000000000 };
#define EDGES	(sizeof(edge) / sizeof(edge[0]))
#define NUMBERS 128

static bool harmless(unsigned nr)
{
	switch (nr) { /* these end or block the guest or move its page; see smp.c */
	case VENEER_HC_SHUTDOWN:
	case VENEER_HC_HALT:
	case VENEER_HC_SET_HANDLERS:
	case VENEER_HC_VCPU_STOP:
	case VENEER_HC_VCPU_PAGE: return false;
	default: return nr < VENEER_HC_RETURN_USER;
	}
}

static void every_number(const struct veneer_start_info *info)
{
	uint64_t top = info->memory;
	const uint64_t own[] = { top - 8, top - 1, top, top + 4095, top + 4096, info->vcpu_pages };
	unsigned made = 0;

	for (unsigned nr = 0; nr < rounds_or(info, NUMBERS); nr++) {
		if (!harmless(nr))
			continue;
		for (unsigned a = 0; a < EDGES + 6; a++)
			for (unsigned b = 0; b < EDGES; b++)
				for (unsigned c = 0; c < EDGES; c += 5) {
					uint64_t first = a < EDGES ? edge[a] : own[a - EDGES];

					if (nr == VENEER_HC_CONSOLE_WRITE && edge[b] && first < top)
						continue; /* would only print its own memory */
					if (nr == VENEER_HC_MMU_LOAD_ROOT && first < top)
						continue; /* garbage tables: see page_tables.c */
					if (nr == VENEER_HC_MMU_LOAD_ROOT && first == ~0ull)
						continue;
					veneer_hypercall(nr, first, edge[b], edge[c]);
					made++;
				}
	}
	veneer_hypercall(VENEER_HC_TIMER_SET, 0, 0, 0);
	say("%d hypercalls made\n", made);
	expect_is(veneer_hypercall(VENEER_HC_COUNT, 0, 0, 0), -38, "an unknown number is ENOSYS");
	expect_is(veneer_hypercall(VENEER_HC_CONSOLE_WRITE, 0xffffffff80109000, 8, 0), -14,
		  "the image is not printed");
	expect_is(veneer_hypercall(VENEER_HC_CONSOLE_WRITE, VENEER_GATE_BASE + 0xa000, 8, 0), -14,
		  "the gate is not printed");
	expect_is(veneer_hypercall(VENEER_HC_SHUTDOWN, 77, 0, 0), -22,
		  "an unknown shutdown is refused");
}

static void wrong_number(void *arg)
{
	uint64_t inside = VENEER_HYPERCALL_PAGE + 5; /* the SYSCALL after its MOV */

	__asm__ volatile("call *%0" ::"r"(inside), "a"(arg)
			 : "rcx", "r11", "rdx", "rsi", "rdi", "memory");
}

static void anywhere(void *arg)
{
	__asm__ volatile("call *%0" ::"r"(arg), "a"(1)
			 : "rcx", "r11", "rdx", "rsi", "rdi", "memory");
}

static void jumps(void)
{
	attempt(wrong_number, (void *)0xffffffff);
	attempt(wrong_number, (void *)0x1234567800000001);
	for (uint64_t at = 0; at < 64; at++) /* NOP and VERSION, entered at every byte */
		attempt(anywhere, (void *)(VENEER_HYPERCALL_PAGE + at));
}

static volatile unsigned fired;

static void timer(void)
{
	fired++;
}

static void timers(const struct veneer_start_info *info)
{
	static const uint64_t when[] = { 1,
					 2,
					 0x7fffffffffffffff,
					 0x8000000000000000,
					 0xfffffffffffffffe,
					 0xffffffffffffffff,
					 1ull << 62,
					 (1ull << 62) - 1 };

	veneer_on_event(VENEER_EVENT_TIMER, timer);
	veneer_unmask();
	for (unsigned i = 0; i < sizeof(when) / sizeof(when[0]); i++)
		for (unsigned p = 0; p < EDGES; p++)
			veneer_hypercall(VENEER_HC_TIMER_SET, when[i], edge[p], 0);
	for (unsigned i = 0; i < 1000 * rounds_or(info, NUMBERS); i++)
		veneer_hypercall(VENEER_HC_TIMER_SET, veneer_clock_ns() + i % 3, 0, 0);
	veneer_hypercall(VENEER_HC_TIMER_SET, 0, 0, 0);
	fired = 0;
	veneer_mask(); /* else it could fire before the halt, which unmasks */
	veneer_timer_set(veneer_clock_ns() + 1000000, 0);
	veneer_halt();
	expect(fired == 1, "a valid timer still fires, once");
}

int guest_main(const struct veneer_start_info *info)
{
	every_number(info);
	jumps();
	timers(info);
	return 0;
}
