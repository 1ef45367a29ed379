// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A legacy kernel's local descriptor table, which is copied at LLDT, 8192 entries at most.
 * Attack: 64-bit code segments, gates, system segments and random ones in it, used by far jumps,
 * calls, returns, IRET and loads, from the kernel; selectors beyond it; a table that changes after
 * LLDT, or is nowhere; the longest table, not aligned, again and again.
 * Expected: no 64-bit code runs, which would end this guest by a hypercall; what a processor
 * refuses raises an exception; no stay of the hypervisor is above its goal; and a table that is
 * nowhere is the end. Runs with `memory = 64M`, for the copy of the longest one.
 */
#include "pc.h"

#define LDT    0x30
#define LOCAL  0xc /* entry 1 */
#define ROUNDS 200

static uint8_t room[65536 + 64] __attribute__((aligned(4096)));
static uint64_t *table = (uint64_t *)room;

/* In 64-bit code, where 48 is a prefix, SHUTDOWN(POWEROFF, 77) through the hypercall page; else INT
 * 0x40. */
static const uint8_t code[] = {
	0x31, 0xc0,		/* xor %eax, %eax */
	0x48,			/* dec %eax */
	0x90, 0x85, 0xc0,	/* nop; test %eax, %eax */
	0x74, 0x02, 0xcd, 0x40, /* jz; int $0x40 */
	0x48, 0xb8, 0x80, 0x01, 0x03,
	0x00, 0x00, 0x80, 0xff, 0xff, /* movabs $page + 12 * 32, %rax */
	0x31, 0xff,		      /* xor %edi, %edi */
	0xbe, 77,   0x00, 0x00, 0x00, /* mov $77, %esi */
	0xff, 0xd0,		      /* call *%rax */
};

struct far_pointer {
	uint32_t offset;
	uint16_t selector;
} __attribute__((packed));

static void jump_far(uint32_t selector)
{
	struct far_pointer to = { (uint32_t)code, (uint16_t)selector };

	__asm__ volatile("ljmp *%0" ::"m"(to) : "memory");
}

static void call_far(uint32_t selector)
{
	struct far_pointer to = { (uint32_t)code, (uint16_t)selector };

	__asm__ volatile("lcall *%0" ::"m"(to) : "memory");
}

static void return_far(uint32_t selector)
{
	__asm__ volatile("pushl %0; pushl %1; lret" ::"r"(selector), "r"(code) : "memory");
}

static void return_interrupt(uint32_t selector)
{
	__asm__ volatile("pushl $2; pushl %0; pushl %1; iretl" ::"r"(selector), "r"(code)
			 : "memory");
}

static void load_es(uint32_t selector)
{
	__asm__ volatile("movl %0, %%es; movl %1, %%es" ::"r"(selector), "r"(0x10));
}

static void load_ss(uint32_t selector)
{
	__asm__ volatile("movl %%ss, %%ecx; movl %0, %%ss; movl %%ecx, %%ss" ::"r"(selector)
			 : "ecx");
}

static void (*const ways[])(uint32_t) = { jump_far,	    call_far, return_far,
					  return_interrupt, load_es,  load_ss };
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void lldt(uint32_t selector)
{
	__asm__ volatile("lldt %w0" ::"r"(selector));
}

static void ltr(uint32_t selector)
{
	__asm__ volatile("ltr %w0" ::"r"(selector));
}

static void use(uint32_t base, uint32_t limit)
{
	gdt[LDT / 8] = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | 0x82ull << 40 |
		       (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(base >> 24) << 56;
	load_gdt(512 - 1);
	lldt(LDT);
}

static void try_all(uint64_t descriptor)
{
	for (unsigned late = 0; late < 2; late++)
		for (unsigned i = 0; i < WAYS; i++) {
			table[1] = late ? 0 : descriptor;
			use((uint32_t)table, 15);
			table[1] = descriptor; /* if late, after it was copied */
			attempt(ways[i], LOCAL);
			attempt(ways[i], LOCAL | 3);
		}
}

/* All flat, or a gate to the code. */
static void long_mode(void)
{
	static const uint64_t with[] = {
		/* code of ring 0, 1 and 3 with L; conforming; with D as well; TSS and LDT */
		0x00af9b000000ffff, 0x00afbb000000ffff, 0x00affb000000ffff, 0x00af9f000000ffff,
		0x00ef9b000000ffff, 0x00efff000000ffff, 0x0000890000000067, 0x0000820000000fff,
	};
	uint32_t at = (uint32_t)code;
	uint64_t gate = (at & 0xffff) | 8 << 16 | (uint64_t)(at & 0xffff0000) << 32;

	for (unsigned i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		try_all(with[i]);
	for (uint64_t type = 0x80; type < 0x90; type++) {
		try_all(gate | type << 40);
		try_all(gate | (type | 0x60) << 40);
	}
}

/* Of 32 bits: the engine offers no 16-bit stack. */
static void random_ones(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		try_all(0x004f00000000ffff | (uint64_t)(noise() & 0xf0ff) << 40);
}

static void beyond(void)
{
	unsigned refused = 0;

	use((uint32_t)table, 7);
	for (unsigned i = 0; i < WAYS; i++)
		refused += attempt(ways[i], LOCAL) == 13;
	lldt(0);
	for (unsigned i = 0; i < WAYS; i++)
		refused += attempt(ways[i], LOCAL) == 13;
	expect(refused == 2 * WAYS, "there is nothing beyond the table");
	expect(attempt(lldt, 0x08) == 13 && attempt(lldt, LOCAL) == 13 &&
		       attempt(lldt, 0x200) == 13,
	       "only a table of the GDT may be loaded");
	table[1] = 0x0000890000000067; /* a task */
	use((uint32_t)table, 15);
	expect(attempt(ltr, LOCAL) == 13, "only a task of the GDT may be loaded");
}

static void the_longest(void)
{
	for (unsigned i = 0; i < 8192; i++)
		((uint64_t *)(room + 4))[i] = 0x00cf93000000ffff;
	for (unsigned i = 0; i < 20; i++) {
		use((uint32_t)room + 4, 65535);
		expect(attempt(load_es, 65535 & ~3u) == -1, "the last entry is there");
	}
}

int guest_main(void)
{
	__asm__ volatile("outb %0, $0x21; outb %0, $0xa1" ::"a"((uint8_t)0xff));
	long_mode();
	random_ones();
	beyond();
	the_longest();
	if (!failures)
		say("well so far; now one that is nowhere\n");
	use(0xe0000000, 65535);
	return 1;
}
