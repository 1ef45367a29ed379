// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * INT n straight from ring 3 to ring 1, with timer events at every moment of it.
 * Attack: 400 000 such entries with a timer every 50 us, so that events arrive before the handler
 * has masked them, while it moves its frame, and on the way back.
 * Expected: each entry returns with its own registers. Events keep arriving (if the entry cleared
 * the real interrupt flag, ring 1 could keep the processor), and none is delivered on the entry
 * stack.
 */
#include "guest.h"

#define ENTRIES 400000

static volatile unsigned beats, on_entry_stack;

static void timer(void)
{
	char here;
	uint64_t at = (uint64_t)&here;

	beats++;
	on_entry_stack += at > VENEER_VCPU_PAGE && at <= VENEER_ENTRY_STACK_TOP;
}

static void add(struct veneer_frame *f)
{
	f->rax += f->rdi;
}

static volatile uint64_t wrong;

static void user_loop(void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < ENTRIES; i++) {
		uint64_t result = i, other = ~i;

		__asm__ volatile("int $0x82" : "+a"(result), "+b"(other) : "D"(7ull) : "memory");
		wrong += result != i + 7 || other != ~i;
	}
}

static veneer_exception_fn *back;

/* One library handler serves both vectors: 0x81 ends the attempt. */
static void either(struct veneer_frame *f)
{
	if (f->rax == 0x81818181)
		back(f);
	else
		add(f);
}

int guest_main(const struct veneer_start_info *info)
{
	extern veneer_exception_fn user_returned;

	back = user_returned;
	veneer_on_softint(0x82, either);
	veneer_on_event(VENEER_EVENT_TIMER, timer);
	veneer_timer_set(veneer_clock_ns() + 50000, short_period(info));
	attempt_user(user_loop, NULL);
	veneer_timer_set(0, 0);
	expect(!wrong, "every entry returns with its registers");
	say("%d events\n", beats);
	expect(beats > 10, "events arrived in between");
	expect(!on_entry_stack, "no event is delivered on the entry stack");
	return 0;
}
