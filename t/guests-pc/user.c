// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ring 3 of a guest in a virtual machine against its own kernel: instructions that exit.
 * Attack: each of them in ring 3, including those whose intercept has priority over the processor's
 * privilege check (XSETBV, VMMCALL), and newer ones that a hypervisor may not know yet.
 * Expected: an exception, never the operation itself, and XCR0 does not change.
 */
#include "pc.h"

struct form {
	uint8_t bytes[5], n;
};

static const struct form forms[] = {
	{ { 0x0f, 0x01, 0xd1 }, 3 },		 /* xsetbv, of 1 into XCR0 */
	{ { 0x0f, 0x01, 0xd9 }, 3 },		 /* vmmcall */
	{ { 0x0f, 0x01, 0xc1 }, 3 },		 /* vmcall */
	{ { 0x0f, 0x01, 0xfd }, 3 },		 /* rdpru, of MPERF */
	{ { 0x0f, 0x01, 0xc8 }, 3 },		 /* monitor */
	{ { 0x0f, 0x01, 0xc9 }, 3 },		 /* mwait */
	{ { 0x0f, 0x01, 0xfa }, 3 },		 /* monitorx */
	{ { 0x0f, 0x01, 0xfb }, 3 },		 /* mwaitx */
	{ { 0xf3, 0x0f, 0x01, 0xfa }, 4 },	 /* mcommit */
	{ { 0x0f, 0x01, 0xfe }, 3 },		 /* invlpgb */
	{ { 0x0f, 0x01, 0xff }, 3 },		 /* tlbsync */
	{ { 0x0f, 0x01, 0xc5 }, 3 },		 /* pconfig */
	{ { 0xf2, 0x0f, 0x38, 0xf8, 0x06 }, 5 }, /* enqcmd */
	{ { 0x0f, 0x01, 0xcf }, 3 },		 /* encls */
	{ { 0x0f, 0x37 }, 2 },			 /* getsec */
	{ { 0x0f, 0xaa }, 2 },			 /* rsm */
	{ { 0x0f, 0xc7, 0x2e }, 3 },		 /* xsaves */
	{ { 0x0f, 0xc7, 0x1e }, 3 },		 /* xrstors */
	{ { 0xf4 }, 1 },			 /* hlt */
	{ { 0x0f, 0x08 }, 2 },			 /* invd */
	{ { 0x0f, 0x09 }, 2 },			 /* wbinvd */
	{ { 0x0f, 0x30 }, 2 },			 /* wrmsr */
	{ { 0x0f, 0x32 }, 2 },			 /* rdmsr */
	{ { 0x0f, 0x33 }, 2 },			 /* rdpmc */
	{ { 0x0f, 0x22, 0xc0 }, 3 },		 /* mov to cr0 */
	{ { 0x0f, 0x22, 0xe0 }, 3 },		 /* mov to cr4 */
	{ { 0x0f, 0x01, 0xf0 }, 3 },		 /* lmsw */
	{ { 0x0f, 0x23, 0xc0 }, 3 },		 /* mov to dr0 */
	{ { 0x0f, 0x23, 0xf8 }, 3 },		 /* mov to dr7 */
	{ { 0x66, 0x0f, 0x38, 0x82, 0x06 }, 5 }, /* invpcid */
	{ { 0xe6, 0x21 }, 2 },			 /* out to the 8259 */
	{ { 0x0f, 0x01, 0xd8 }, 3 },		 /* vmrun */
	{ { 0x0f, 0x01, 0xdc }, 3 },		 /* stgi */
};

static uint8_t code[64], operand[64] __attribute__((aligned(64)));

static uint32_t xgetbv(void)
{
	uint32_t eax;

	__asm__ volatile("xgetbv" : "=a"(eax) : "c"(0) : "edx");
	return eax;
}

/* EAX = 1, ECX = EDX = 0, ESI = operand; then the instruction, and INT 0x80. */
static int try_form(const struct form *f)
{
	static const uint8_t start[] = { 0xb8, 1, 0, 0, 0, 0x31, 0xc9, 0x31, 0xd2, 0xbe };
	uint32_t at = (uint32_t)operand;
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(start); i++)
		code[n++] = start[i];
	for (unsigned i = 0; i < 4; i++)
		code[n++] = (uint8_t)(at >> 8 * i);
	for (unsigned i = 0; i < f->n; i++)
		code[n++] = f->bytes[i];
	code[n++] = 0xcd;
	code[n++] = 0x80;
	return attempt_user((uint32_t)code);
}

static void set_cr4(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr4" ::"r"(v));
}

static void set_xcr0(uint32_t v)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"(v), "d"(0));
}

int guest_main(void)
{
	bool xsave = attempt(set_cr4, 1u << 18) == -1 && attempt(set_xcr0, 3) == -1;

	start_user(0x80);
	for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (try_form(&forms[i]) == 0x80) {
			expect(false, "an exception for ring 3");
			say_number(i);
			say(" is its number\n");
		}
	expect(!xsave || xgetbv() == 3, "XCR0 is the kernel's");
	return 0;
}
