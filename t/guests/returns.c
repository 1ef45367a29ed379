// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gate's return routine (RETURN, RETURN_USER) with bad frames (XSA-7, 213).
 * Attack: frames with addresses that are not canonical or in the gate area, every selector in the
 * table and beyond, every flag, and stack pointers of all kinds; entries for 32-bit system calls
 * and page faults at such addresses; a pending event with each of them.
 * Expected: an exception in the guest, as from ring 3, without effect on others. The last frame
 * cannot be read at all, which ends the guest.
 */
#include "guest.h"

static const uint64_t bad[] = { 0x0000800000000000, 0xffff7fffffffffff, 0x8000000000000000,
				0xffff800000000000, 0xffff80000000c000, 0xffff800000030f20,
				0xfffffffffffffff8 };
#define BADS (sizeof(bad) / sizeof(bad[0]))

static uint64_t stack[512], *const frame = &stack[507]; /* the frame of an event goes below */
static unsigned place;					/* VENEER_HC_RETURN or RETURN_USER */

/* Events must be masked here; the routine unmasks. */
static void go(void *stack)
{
	uint64_t at = VENEER_HYPERCALL_PAGE + place * VENEER_HYPERCALL_STRIDE;

	veneer_vcpu.irq_mask = VENEER_IRQ_MASKED;
	__asm__ volatile("movq %0, %%rsp; jmp *%1" ::"r"(stack), "r"(at) : "memory");
}

static int with(uint64_t rip, uint64_t cs, uint64_t flags, uint64_t rsp, uint64_t ss)
{
	frame[0] = rip;
	frame[1] = cs;
	frame[2] = flags;
	frame[3] = rsp;
	frame[4] = ss;
	/* the stack for exceptions from ring 3, which otherwise attempt_user sets */
	extern char trap_stack[];
	veneer_vcpu.kernel_sp = (uint64_t)trap_stack;
	return attempt(go, frame);
}

static void frames(void)
{
	for (unsigned i = 0; i < BADS; i++) {
		expect(with(bad[i], VENEER_USER_CS, 0x202, 0x1000, VENEER_USER_SS) != -1,
		       "a return to a bad address faults");
		expect((fault_cs & 3) == 3, "the fault comes from ring 3");
		with(0x1000, VENEER_USER_CS, 0x202, bad[i], VENEER_USER_SS);
	}
	for (uint64_t s = 0; s < 0x1080; s++) {
		if (s == kernel_cs())
			continue;
		expect(with(0x1000, s, 0x202, 0x1000, VENEER_USER_SS) != -1,
		       "a return with a bad code selector faults");
		expect(with(0x1000, VENEER_USER_CS, 0x202, 0x1000, s) != -1,
		       "a return with a bad stack selector faults");
	}
	for (unsigned bit = 0; bit < 22; bit++)
		if (bit != 8) /* not TF: the single step would come first, from ring 3 */
			expect(with(1ull << 47, VENEER_USER_CS, 1ull << bit, 0x1000,
				    VENEER_USER_SS) != -1,
			       "a return to a bad address with a flag faults");
}

/* With an event pending, which must not be lost and must do no harm. */
static volatile unsigned events;

static void on_event(void)
{
	events++;
}

static void with_event(uint64_t rip, uint64_t ss)
{
	veneer_vcpu.irq_mask = VENEER_IRQ_MASKED;
	veneer_hypercall(VENEER_HC_EVENT_SEND, 0, 9, 0);
	expect(with(rip, VENEER_USER_CS, 0x202, 0x1000, ss) != -1,
	       "a bad frame with a pending event faults");
	veneer_unmask();
}

/* The event is delivered on such a frame before the return can fault. A frame with an SS of the
 * LDT, which here names no descriptor, is moved first. */
static void with_events(void)
{
	events = 0;
	veneer_on_event(9, on_event);
	for (unsigned i = 0; i < BADS; i++) {
		with_event(bad[i], VENEER_USER_SS);
		with_event(bad[i], 7);
	}
	with_event(0x1000, 7);
	with_event(0x1000, 0xfff);
	expect(events == 2 * BADS + 2, "no event is lost");
}

static void entries(void)
{
	for (unsigned kind = 0; kind < 3; kind++)
		for (unsigned i = 0; i < BADS; i++) {
			int64_t r = veneer_hypercall(VENEER_HC_SET_ENTRY, kind, bad[i], 0);
			bool canonical = (uint64_t)((int64_t)(bad[i] << 16) >> 16) == bad[i];

			expect((r == 0) == canonical, "entries must be canonical");
			veneer_hypercall(VENEER_HC_SET_ENTRY, kind, 0, 0);
		}
	expect_is(veneer_hypercall(VENEER_HC_SET_ENTRY, 3, 0, 0), -22, "there is no fourth entry");
}

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	entries();
	for (place = VENEER_HC_RETURN; place + 1 >= VENEER_HC_RETURN; place--) {
		if (place == VENEER_HC_RETURN_USER && !(info->features & VENEER_FEATURE_FSGSBASE))
			break;
		frames();
		with_events();
	}
	say("%s so far; now a frame on no stack\n", failures ? "NOT WELL" : "well");
	place = VENEER_HC_RETURN;
	veneer_vcpu.kernel_sp = 0xffff800000008000;
	go((void *)0x0000800000000000);
	return 1;
}
