// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptor tables and segments of a legacy kernel (XSA-298), and other privileged operations.
 * Attack: descriptors of every type, 64-bit and ring-0 code, call gates, huge limits, random ones;
 * far calls, far returns and segment loads with each; INT n for every n; tables outside memory;
 * every bit of CR0 and CR4; MSRs; IRET with random frames.
 * Expected: exceptions in the guest. At last an IDT outside its memory ends it.
 */
#include "pc.h"

#define FREE	  0x110000u /* unused memory after this image */
#define TSS_BYTES 0x68	    /* at address 0, the base of all descriptors here */

static void load_ds(uint32_t s)
{
	__asm__ volatile("movl %0, %%ds" ::"r"(s));
}

static void load_ss(uint32_t s)
{
	__asm__ volatile("movl %0, %%ss" ::"r"(s));
}

static void load_gs(uint32_t s)
{
	__asm__ volatile("movl %0, %%gs; movl %%gs:0, %%eax" ::"r"(s) : "eax");
}

static void far_call(uint32_t s)
{
	struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) to = { 0x00ffff80, (uint16_t)s };

	__asm__ volatile("lcall *%0" ::"m"(to) : "memory");
}

static void far_return(uint32_t s)
{
	__asm__ volatile("pushl %0; pushl $0x00ffff80; lret" ::"r"(s) : "memory");
}

static void load_tr(uint32_t s)
{
	__asm__ volatile("ltr %w0" ::"r"(s));
}

/* Not SS: there is no way back from a stack segment that loads but does not fit. */
static void (*const users[])(uint32_t) = { load_ds, load_gs, far_call, far_return, load_tr };

static void use_entry(unsigned n)
{
	for (unsigned rpl = 0; rpl < 4; rpl++)
		for (unsigned u = 0; u < sizeof(users) / sizeof(users[0]); u++)
			attempt(users[u], n * 8 + rpl);
}

static void descriptors(void)
{
	for (unsigned type = 0; type < 256; type++) {
		for (unsigned high = 0; high < 16; high++) {
			gdt[8] = 0x000000000000ffff | (uint64_t)type << 40 | (uint64_t)high << 52 |
				 15ull << 48;
			load_gdt(sizeof(gdt) - 1);
			if (high % 4 == 2 || type % 16 == 12)
				use_entry(8);
		}
	}
	for (unsigned i = 0; i < 300; i++) {
		gdt[8] = ((uint64_t)noise() << 32 | noise()) & ~0xff0000ffffff0000; /* base 0 */
		load_gdt(sizeof(gdt) - 1);
		use_entry(8);
	}
	gdt[8] = 0;
	load_gdt(0xffff);
	for (unsigned s = 0x1000; s < 0x1080; s++) {
		attempt(far_call, s);
		attempt(load_ds, s);
	}
	load_gdt(sizeof(gdt) - 1);
	for (unsigned s = 0; s < 0x40; s++)
		expect((s & ~1u) == 0x10 || attempt(load_ss, s) != -1,
		       "SS only accepts the kernel's data segment (RPL 1 is the kernel's)");
}

static uint8_t code[8];

static void run_code(uint32_t ignored)
{
	(void)ignored;
	((void (*)(void))code)();
}

static void soft_interrupts(void)
{
	for (unsigned n = 0; n < 256; n++) {
		code[0] = 0xcd;
		code[1] = (uint8_t)n;
		code[2] = 0xc3;
		expect(attempt(run_code, 0) == (int)n, "INT n arrives at gate n");
	}
}

static void set_cr0(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr0" ::"r"(v));
}

static void set_cr4(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr4" ::"r"(v));
}

static void read_msr(uint32_t n)
{
	__asm__ volatile("rdmsr" ::"c"(n) : "eax", "edx");
}

static void write_msr(uint32_t n)
{
	__asm__ volatile("wrmsr" ::"c"(n), "a"(noise()), "d"(noise()));
}

static void iret_noise(uint32_t flags)
{
	__asm__ volatile("pushl %0; pushl %1; pushl %2; iretl" ::"r"(flags & ~0x20000u),
			 "r"(noise() & 0xffff), "r"(0xffff80)
			 : "memory");
}

static void privileged(void)
{
	static const uint32_t msr[] = { 0,	    0x10,	0x1b,	    0x174,	0x277,
					0x3a,	    0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084,
					0xc0000101, 0xc0010114, 0x40000000 };

	for (unsigned bit = 1; bit < 31; bit++)
		attempt(set_cr0, 0x11 | 1u << bit);
	set_cr0(0x11);
	for (unsigned bit = 0; bit < 32; bit++) {
		attempt(set_cr4, 1u << bit);
		attempt(set_cr4, 0);
	}
	for (unsigned i = 0; i < sizeof(msr) / sizeof(msr[0]); i++) {
		attempt(read_msr, msr[i]);
		attempt(write_msr, msr[i]);
	}
	for (unsigned i = 0; i < 2000; i++)
		attempt(iret_noise, noise());
	__asm__ volatile("pushl $2; popfl");
}

/* Memory in which a far transfer that succeeds may arrive, or a task switch, since a 16-bit one
 * continues at the low half of EIP. Zeros would be code that overwrites itself, which takes an
 * emulator minutes. */
static void fill_with_int3(uint32_t from, uint32_t end)
{
	void *at = (void *)from;
	uint32_t bytes = end - from;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(0xcc) : "memory");
}

int guest_main(void)
{
	struct table_register outside = { 0xffff, 0xfffff000 };

	__asm__ volatile("sti"); /* the 8259s are masked; older versions step code with IF clear */
	fill_with_int3(TSS_BYTES, 0xa0000);
	fill_with_int3(FREE, 0x1000000);
	soft_interrupts();
	descriptors();
	privileged();
	say(failures ? "NOT WELL" : "well");
	say(" so far; now an IDT that is nowhere\n");
	__asm__ volatile("lidt %0; int $0x80" ::"m"(outside));
	return 1;
}
