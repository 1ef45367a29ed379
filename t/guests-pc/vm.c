// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a guest can do to the machine that it seems to own (XSA-186, 191, 278, 296, 308).
 * Attack: every instruction of VT-x and AMD-V; those that exit, with as many prefixes as fit and
 * one more, with LOCK, and across a page boundary; every bit of EFER, and every MSR in the
 * architectural ranges; XSETBV with invalid masks.
 * Expected: an exception in the guest, or no effect. At last a triple fault ends it.
 */
#include "pc.h"

static uint8_t pages[2 * 4096 + 64] __attribute__((aligned(4096)));
static uint8_t *code = pages;

static void run_code(uint32_t eax)
{
	uint32_t ebx, ecx = 0, edx = 0;

	__asm__ volatile("call *%4"
			 : "+a"(eax), "=b"(ebx), "+c"(ecx), "+d"(edx)
			 : "r"(code), "S"(pages + 8192), "D"(pages + 8192)
			 : "memory");
}

static unsigned put(uint8_t *to, const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = bytes[i];
	to[n] = 0xc3;
	return n;
}

struct form {
	uint8_t bytes[4], n;
};

/* VT-x and AMD-V themselves are not available to the guest. */
static const struct form extensions[] = {
	{ { 0x0f, 0x01, 0xc1 }, 3 },	   /* vmcall */
	{ { 0x0f, 0x01, 0xc2 }, 3 },	   /* vmlaunch */
	{ { 0x0f, 0x01, 0xc3 }, 3 },	   /* vmresume */
	{ { 0x0f, 0x01, 0xc4 }, 3 },	   /* vmxoff */
	{ { 0x0f, 0x01, 0xd4 }, 3 },	   /* vmfunc */
	{ { 0x0f, 0x01, 0xd8 }, 3 },	   /* vmrun */
	{ { 0x0f, 0x01, 0xd9 }, 3 },	   /* vmmcall */
	{ { 0x0f, 0x01, 0xda }, 3 },	   /* vmload */
	{ { 0x0f, 0x01, 0xdb }, 3 },	   /* vmsave */
	{ { 0x0f, 0x01, 0xdc }, 3 },	   /* stgi */
	{ { 0x0f, 0x01, 0xdd }, 3 },	   /* clgi */
	{ { 0x0f, 0x01, 0xde }, 3 },	   /* skinit */
	{ { 0x0f, 0x01, 0xdf }, 3 },	   /* invlpga */
	{ { 0x0f, 0x78, 0xc0 }, 3 },	   /* vmread */
	{ { 0x0f, 0x79, 0xc0 }, 3 },	   /* vmwrite */
	{ { 0x0f, 0xc7, 0x30 }, 3 },	   /* vmptrld (%eax) */
	{ { 0xf3, 0x0f, 0xc7, 0x30 }, 4 }, /* vmxon (%eax) */
	{ { 0x66, 0x0f, 0xc7, 0x30 }, 4 }, /* vmclear (%eax) */
	{ { 0x0f, 0xaa }, 2 },		   /* rsm */
	{ { 0x0f, 0x01, 0xc8 }, 3 },	   /* monitor */
	{ { 0x0f, 0x01, 0xc9 }, 3 },	   /* mwait */
};

static const struct form exiting[] = {
	{ { 0x0f, 0xa2 }, 2 },	     /* cpuid */
	{ { 0x0f, 0x32 }, 2 },	     /* rdmsr */
	{ { 0x0f, 0x30 }, 2 },	     /* wrmsr, of MSR 0 */
	{ { 0x0f, 0x33 }, 2 },	     /* rdpmc */
	{ { 0x0f, 0x08 }, 2 },	     /* invd */
	{ { 0x0f, 0x09 }, 2 },	     /* wbinvd */
	{ { 0x0f, 0x01, 0xd1 }, 3 }, /* xsetbv */
	{ { 0x0f, 0x01, 0xd0 }, 3 }, /* xgetbv */
	{ { 0xec }, 1 },	     /* in (%dx), %al */
	{ { 0x6c }, 1 },	     /* insb */
	{ { 0x6e }, 1 },	     /* outsb */
};

static void the_extensions(void)
{
	for (unsigned i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		code = pages;
		put(code, extensions[i].bytes, extensions[i].n);
		expect(attempt(run_code, (uint32_t)pages) != -1,
		       "VT-x and AMD-V instructions raise an exception");
	}
}

static void with_prefixes(const struct form *f, uint8_t prefix, unsigned count)
{
	code = pages;
	for (unsigned i = 0; i < count; i++)
		code[i] = prefix;
	put(code + count, f->bytes, f->n);
	int vector = attempt(run_code, 0);
	expect(vector != -1 || count + f->n <= 15, "an instruction has at most 15 bytes");
}

static void lengths(void)
{
	static const uint8_t prefix[] = { 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65,
					  0x66, 0x67, 0xf0, 0xf2, 0xf3 };

	for (unsigned i = 0; i < sizeof(exiting) / sizeof(exiting[0]); i++) {
		for (unsigned p = 0; p < sizeof(prefix); p++)
			for (unsigned count = 1; count < 18; count++)
				with_prefixes(&exiting[i], prefix[p], count);
		for (unsigned before = 0; before < 5; before++) {
			code = pages + 4096 - before;
			put(code, exiting[i].bytes, exiting[i].n);
			attempt(run_code, 0);
		}
	}
}

static void write_efer(uint32_t v)
{
	__asm__ volatile("wrmsr" ::"c"(0xc0000080), "a"(v), "d"(v ? 0 : ~0u));
}

static void read_msr(uint32_t n)
{
	__asm__ volatile("rdmsr" ::"c"(n) : "eax", "edx");
}

static void write_msr(uint32_t n)
{
	__asm__ volatile("wrmsr" ::"c"(n), "a"(noise()), "d"(noise()));
}

static void registers(void)
{
	static const uint32_t start[] = { 0, 0x40000000, 0xc0000000, 0xc0010000, 0xffffff00 };

	for (unsigned bit = 0; bit < 32; bit++) {
		attempt(write_efer, 1u << bit);
		attempt(write_efer, 0x500 | 1u << bit);
	}
	expect(attempt(write_efer, 0) == 13, "the upper half of EFER is refused");
	for (unsigned r = 0; r < 5; r++)
		for (uint32_t i = 0; i < 0x100; i++) {
			attempt(read_msr, start[r] + i);
			attempt(write_msr, start[r] + i);
		}
}

static void set_cr4(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr4" ::"r"(v));
}

static void xsetbv(uint32_t eax)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"(eax), "d"(0));
}

static void xcr0(void)
{
	expect(attempt(xsetbv, 1) != -1, "no XSETBV before CR4.OSXSAVE");
	if (attempt(set_cr4, 1u << 18) != -1)
		return;
	for (unsigned v = 0; v < 1024; v++)
		expect((attempt(xsetbv, v) == -1) <= (v & 1),
		       "x87 state cannot be disabled in XCR0");
	expect(attempt(xsetbv, 0x80000001) != -1, "unknown state cannot be enabled in XCR0");
	attempt(xsetbv, 1);
	attempt(set_cr4, 0);
}

int guest_main(void)
{
	struct table_register none = { 0, 0 };

	the_extensions();
	lengths();
	registers();
	xcr0();
	say(failures ? "NOT WELL" : "well");
	say(" so far; now a triple fault\n");
	__asm__ volatile("lidt %0; int3" ::"m"(none));
	return 1;
}
