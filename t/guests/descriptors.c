// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptor tables of a PV guest (XSA-298), I/O bitmap and debug registers (XSA-260).
 * Attack: GDT and LDT entries of every type and DPL with bases in the gate area, and every selector
 * in far calls, far returns and segment loads, in rings 1 and 3; tables outside memory or too long;
 * single entries changed; an I/O bitmap in the gate area; breakpoints on gate addresses.
 * Expected: nothing leads to ring 0. The processor uses copies of the tables, restricted to rings 1
 * and 3.
 */
#include "guest.h"

static uint64_t table[512] __attribute__((aligned(4096)));
volatile uint64_t level; /* lowest CPL seen: CS & 3 */

static struct {
	uint32_t offset;
	uint16_t selector;
} __attribute__((packed)) far_pointer;

extern char far_target[];
__asm__("far_target: movl %cs, %eax; andl $3, %eax; cmpq level(%rip), %rax; jae 1f;"
	"movq %rax, level(%rip); 1: lretl");

static void note_level(void)
{
	uint64_t cs;

	__asm__ volatile("movl %%cs, %k0" : "=r"(cs));
	if ((cs & 3) < level)
		level = cs & 3;
}

static void far_call(void *arg)
{
	(void)arg;
	__asm__ volatile("lcall *%0" ::"m"(far_pointer) : "rax", "memory");
	note_level();
}

static void far_return(void *arg)
{
	__asm__ volatile("leaq 1f(%%rip), %%rcx; pushq %0; pushq %%rcx; lretq; 1:" ::"r"(arg)
			 : "rcx", "memory");
	note_level();
}

static void load(void *arg)
{
	__asm__ volatile(
		"movl %k0, %%es; movl %k0, %%ds; xorl %k0, %k0; movl %k0, %%es; movl %k0, %%ds"
		: "+r"(arg)::"memory");
	note_level();
}

/* Tries entries from to to - 1 of the table, at every RPL. */
static void every_selector(unsigned from, unsigned to, unsigned table_bit)
{
	for (unsigned i = from; i < to; i++)
		for (unsigned rpl = 0; rpl < 4; rpl++) {
			uint64_t selector = i * 8 | table_bit | rpl;

			far_pointer.selector = (uint16_t)selector;
			far_pointer.offset = (uint32_t)(uint64_t)far_target;
			attempt(far_call, NULL);
			attempt_user(far_call, NULL);
			if (rpl < 2) /* to ring 3 it would pop RSP and SS from the stack */
				attempt(far_return, (void *)selector);
			attempt_user(far_return, (void *)selector);
			attempt(load, (void *)selector);
		}
}

static void fill(void)
{
	/* entries 16 to 143: each type, S clear and set, each DPL; bases in the gate area */
	for (unsigned i = 16; i < 16 + 128; i++) {
		uint64_t kind = i - 16, type = kind & 15, s = kind >> 4 & 1, dpl = kind >> 5 & 3;

		table[i] = 0x00af00000000ffff | type << 40 | s << 44 | dpl << 45 | 1ull << 47;
		if (i & 1)
			table[i] |= 1ull << 54;
	}
	/* call gates to ring-0 code, if its selector were 0x1000 or 0x8 */
	table[200] = 0x0000ec0010000000;
	table[201] = 0xffff8000;
	table[202] = 0x0000ec0000080000;
	table[203] = 0;
}

static void tables(const struct veneer_start_info *info)
{
	table[3] = 0x00cffb000000ffff; /* user segments, needed by attempt_user */
	table[4] = 0x00cff3000000ffff;
	table[5] = 0x00affb000000ffff;
	fill();
	expect_is(veneer_hypercall(VENEER_HC_SET_GDT, (uint64_t)table, 512, 0), 0, "a GDT");
	every_selector(16, 144, 0);
	every_selector(198, 206, 0);
	every_selector(508, 540, 0);
	expect_is(veneer_hypercall(VENEER_HC_SET_LDT, (uint64_t)table, 512, 0), 0, "an LDT");
	every_selector(0, 144, 4);
	every_selector(198, 206, 4);
	every_selector(510, 514, 4);
	expect_is(veneer_hypercall(VENEER_HC_SET_LDT, info->memory + 8192, 8192, 0), -14,
		  "an LDT outside memory is refused");
	expect_is(veneer_hypercall(VENEER_HC_SET_LDT, (uint64_t)table, 8193, 0), -22,
		  "an LDT of 8193 entries is refused");
	expect_is(veneer_hypercall(VENEER_HC_SET_LDT, (uint64_t)table, ~0ull, 0), -22,
		  "an LDT of 2^64 - 1 entries is refused");
	expect_is(veneer_hypercall(VENEER_HC_SET_GDT, (uint64_t)table, 513, 0), -22,
		  "a GDT of 513 entries is refused");
	expect_is(veneer_hypercall(VENEER_HC_SET_GDT, VENEER_GATE_BASE + 0x9000, 16, 0), -14,
		  "a GDT in the gate area is refused");
	expect_is(veneer_hypercall(VENEER_HC_SET_GDT, info->memory + 8192, 16, 0), -14,
		  "a GDT outside memory is refused");
	for (unsigned s = 0; s < 0x2000; s += 4)
		veneer_hypercall(VENEER_HC_SET_DESCRIPTOR, s, 0x00af9b000000ffff, 0);
	veneer_hypercall(VENEER_HC_SET_GDT, (uint64_t)table, 512, 0);
	every_selector(510, 530, 0);
	expect_is(veneer_hypercall(VENEER_HC_SET_LDT, 0, 0, 0), 0, "no LDT");
	expect(level == 1, "nothing leads to ring 0");
}

static void out_80(void *arg)
{
	(void)arg;
	__asm__ volatile("outb %%al, $0x80" ::"a"(0));
}

static void ports(void)
{
	static uint8_t bitmap[8192 + 1];

	expect_is(attempt_user(out_80, NULL), 13, "without a bitmap ring 3 has no port");
	expect_is(veneer_hypercall(VENEER_HC_SET_IO_BITMAP, (uint64_t)bitmap, 0, 0), 0,
		  "a bitmap is accepted");
	expect_is(attempt_user(out_80, NULL), -1, "a bitmap gives ring 3 a port");
	bitmap[0x80 / 8] = 1;
	expect_is(attempt_user(out_80, NULL), 13, "a set bit takes the port away");
	expect_is(veneer_hypercall(VENEER_HC_SET_IO_BITMAP, VENEER_GATE_BASE + 0x5000, 0, 0), 0,
		  "an address in the gate area is accepted");
	expect_is(attempt_user(out_80, NULL), 13, "a bitmap in the gate area is not used");
	expect_is(veneer_hypercall(VENEER_HC_SET_IO_BITMAP, 1ull << 47, 0, 0), -22,
		  "a bitmap at 2^47 is refused");
}

static volatile unsigned watched;

static void touch(void *arg)
{
	(void)arg;
	watched++;
}

static void breakpoints(void)
{
	const uint64_t gate[] = { VENEER_GATE_BASE,	VENEER_GATE_BASE + 0xcff8,
				  VENEER_VCPU_PAGE,	VENEER_HYPERCALL_PAGE,
				  VENEER_GATE_BASE - 1, 1ull << 47 };

	for (unsigned i = 0; i < sizeof(gate) / sizeof(*gate); i++)
		expect_is(veneer_hypercall(VENEER_HC_SET_DEBUGREG, 0, gate[i], 0), -22,
			  "a breakpoint in the gate area is refused");
	expect_is(veneer_hypercall(VENEER_HC_SET_DEBUGREG, 0, (uint64_t)&watched, 0), 0,
		  "a breakpoint on own memory is accepted");
	expect_is(veneer_hypercall(VENEER_HC_SET_DEBUGREG, 7, 0xd0001, 0), 0,
		  "DR7 for writes of 4 bytes is accepted");
	expect_is(attempt(touch, NULL), 1, "the breakpoint is hit");
	expect((veneer_hypercall(VENEER_HC_GET_DEBUGREG, 6, 0, 0) & 15) == 1,
	       "DR6 says which breakpoint");
	/* all four on hypervisor addresses, while it handles hypercalls */
	for (unsigned i = 0; i < 4; i++)
		veneer_hypercall(VENEER_HC_SET_DEBUGREG, i, 0xffffffff80100000 + 4 * i, 0);
	veneer_hypercall(VENEER_HC_SET_DEBUGREG, 7, 0xffff00ff, 0);
	for (unsigned i = 0; i < 1000; i++)
		veneer_hypercall(VENEER_HC_VERSION, 0, 0, 0);
	veneer_hypercall(VENEER_HC_SET_DEBUGREG, 7, 0, 0);
	expect_is(veneer_hypercall(VENEER_HC_SET_DEBUGREG, 5, 0, 0), -22, "there is no DR5");
}

int guest_main(const struct veneer_start_info *info)
{
	level = 3;
	tables(info);
	ports();
	breakpoints();
	return 0;
}
