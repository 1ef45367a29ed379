// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine's own interrupts. Once a guest had claimed the vector of the timer that ends its
 * turn, the timer's interrupt went to the guest. If the guest was spinning, it kept the core; if it
 * halted alone on its core, the machine stopped, because an interrupt in ring 0 met a gate of ring
 * 1.
 * Attack: claim every vector, then spin and halt with the timer running.
 * Expected: claims of the vectors of exceptions and of the machine are refused, INT n through them
 * is #GP, only an INT n of this guest reaches its gates, and events keep arriving.
 */
#include "guest.h"

#define MACHINE_FIRST 0xf0
#define BEATS	      20

static volatile unsigned beats, arrived;
static uint8_t code[3] = { 0xcd, 0, 0xc3 }; /* int n; ret */

static void beat(void)
{
	beats++;
}

static void arrive(struct veneer_frame *f)
{
	(void)f;
	arrived++;
}

static void run_code(void *arg)
{
	((void (*)(void))code)();
	(void)arg;
}

static void claim(void)
{
	unsigned claimed = 0;

	for (unsigned n = 0; n < 300; n++) {
		bool is_ours = n >= 32 && n < MACHINE_FIRST;
		int64_t r = veneer_on_softint(n, arrive);

		expect((r == 0) == is_ours, "a guest's vectors are 32 to 0xef");
		claimed += r == 0;
	}
	say("%d vectors claimed\n", claimed);
}

static void interrupts(void)
{
	extern char trap_stack[];
	veneer_vcpu.kernel_sp = (uint64_t)trap_stack;
	veneer_on_event(VENEER_EVENT_TIMER, beat);
	veneer_timer_set(veneer_clock_ns() + 1000000, 1000000);
	veneer_unmask();
	while (beats < BEATS) /* never ends if the timer interrupt goes to the guest */
		;
	while (beats < 2 * BEATS)
		veneer_halt();
	veneer_timer_set(0, 0);
	veneer_mask();
	expect(!arrived, "no interrupt of the machine arrives at a guest's gate");
}

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	claim();
	interrupts();
	for (unsigned n = MACHINE_FIRST; n < 256; n++) {
		code[1] = (uint8_t)n;
		expect_is(attempt(run_code, NULL), 13, "INT n through a machine vector is #GP");
		expect_is(attempt_user(run_code, NULL), 13,
			  "INT n through a machine vector is #GP in ring 3");
	}
	return 0;
}
