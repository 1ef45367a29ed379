// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MOV SS before INT n (CVE-2018-8897). A data breakpoint on a load of SS is taken one instruction
 * late. If that instruction is an INT n through a gate straight to ring 1, #DB is raised at the
 * handler's first instruction, on the entry stack, with the program's GS. Only CS could have shown
 * that such a #DB came from ring 3, and CS was that of ring 1. There is no room for a frame on the
 * entry stack, so a program could crash its guest.
 * Attack: from ring 3, a watched MOV SS before INT n with a gate, INT n without one, INT3, SYSCALL,
 * SYSENTER and UD2, with and without TF.
 * Expected: INT n reaches its gate, the others do what they do otherwise, and no #DB seems to come
 * from the kernel. (QEMU raises the #DB at once; Bochs does as processors do.)
 */
#include "guest.h"

#define DR7_ACCESS_2 (1u | 3u << 16 | 1u << 18)
#define TF	     0x100ull
#define RF	     0x10000ull

static volatile uint16_t watched __attribute__((aligned(8)));
static volatile unsigned arrived, breaks, from_kernel;

static void gate(struct veneer_frame *f)
{
	extern veneer_exception_fn user_returned;

	if (f->rax == 0x81818181)
		user_returned(f);
	else
		arrived++;
}

/* Replaces the library's handler, which would end the attempt. */
static void debug(struct veneer_frame *f)
{
	breaks++;
	from_kernel += (f->cs & 3) != 3;
	f->rflags = (f->rflags & ~TF) | RF;
}

/* mov (%rdi), %ss, then the bytes; ret. With TF: pushf; orl $TF, (%rsp); popf before. */
static uint8_t code[32];

static void put(const uint8_t *bytes, unsigned n, bool step)
{
	static const uint8_t set_tf[] = { 0x9c, 0x81, 0x0c, 0x24, 0x00, 0x01, 0x00, 0x00, 0x9d };
	uint8_t *to = code;

	for (unsigned i = 0; step && i < sizeof(set_tf); i++)
		*to++ = set_tf[i];
	*to++ = 0x8e;
	*to++ = 0x17;
	for (unsigned i = 0; i < n; i++)
		*to++ = bytes[i];
	*to = 0xc3;
}

static void run_code(void *arg)
{
	((void (*)(void *))code)(arg);
}

static const struct {
	uint8_t bytes[2], n;
} door[] = {
	{ { 0xcd, 0x82 }, 2 }, /* int $0x82, which has a gate */
	{ { 0xcd, 0x83 }, 2 }, /* int $0x83, which has none */
	{ { 0xcc }, 1 },       /* int3 */
	{ { 0x0f, 0x05 }, 2 }, /* syscall */
	{ { 0x0f, 0x34 }, 2 }, /* sysenter */
	{ { 0x0f, 0x0b }, 2 }, /* ud2 */
};

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	watched = VENEER_USER_SS;
	veneer_on_softint(0x82, gate);
	veneer_on_exception(1, debug);
	expect_is(veneer_hypercall(VENEER_HC_SET_DEBUGREG, 0, (uint64_t)&watched, 0), 0,
		  "the address is accepted");
	expect_is(veneer_hypercall(VENEER_HC_SET_DEBUGREG, 7, DR7_ACCESS_2, 0), 0,
		  "DR7 is accepted");
	for (unsigned i = 0; i < 2 * sizeof(door) / sizeof(door[0]); i++) {
		put(door[i / 2].bytes, door[i / 2].n, i % 2);
		int vector = attempt_user(run_code, (void *)&watched);
		expect((vector == -1) == (i / 2 == 0),
		       "each instruction does what it does without a breakpoint");
	}
	expect(arrived == 2, "INT n reaches its gate");
	expect(!from_kernel, "no #DB comes from the kernel");
	say("%d breaks\n", breaks);
	return 0;
}
