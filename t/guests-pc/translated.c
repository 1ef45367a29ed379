// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel whose code is translated as it runs, and which tries to notice.
 * Attack: reads and copies of its own code, data amid code, jumps into the middle of instructions,
 * code that is written just before it runs (the next instruction, and a page that also has data),
 * code on the edge of two pages, PUSHF, POPF, IRET, LOOP, JECXZ, RET with an operand, jumps and
 * calls through memory, registers and the stack, in random states of the flags; single steps.
 * Expected: each does what a processor does. It runs natively too: its last line is the same there.
 */
#include "pc.h"

#define PAGE   4096
#define FLAGS  0x8d5 /* CF PF AF ZF SF OF */
#define IF     0x200
#define TF     0x100
#define ROUNDS 300

static uint8_t area[4 * PAGE] __attribute__((aligned(PAGE)));
static uint32_t sum;
static volatile unsigned steps;

static void note(uint32_t v)
{
	sum = (sum << 5 | sum >> 27) ^ v;
}

static uint32_t put(uint32_t at, const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		area[at + i] = bytes[i];
	return at + n;
}

#define PUT(at, ...)                                      \
	({                                                \
		const uint8_t bytes_[] = { __VA_ARGS__ }; \
		put((at), bytes_, sizeof(bytes_));        \
	})

/* Calls code with registers and flags that depend on the round; notes what comes back. */
static void run(uint32_t at)
{
	uint32_t eax = noise(), ecx = noise() & 15, edx = noise(), ebx = noise();
	uint32_t flags = (noise() & FLAGS) | 2;

	__asm__ volatile("pushl %%esi; popfl; call *%%edi; pushfl; popl %%esi"
			 : "+a"(eax), "+c"(ecx), "+d"(edx), "+b"(ebx), "+S"(flags)
			 : "D"((uint32_t)area + at)
			 : "memory", "cc");
	note(eax);
	note(ecx);
	note(edx);
	note(ebx);
	note(flags & (FLAGS | IF));
}

static void reads_itself(void)
{
	uint32_t at = PUT(0, 0x9c, 0x58, 0xfa, 0xfb, 0x9c, 0x9d, 0xe8, 0, 0, 0, 0, 0x5a, 0xc3);

	run(0);
	for (unsigned i = 0; i < at; i++)
		note(area[i]);
	for (unsigned i = 0; i < at; i++) /* and a copy runs too; EDX has where */
		area[PAGE + i] = area[i];
	run(PAGE);
}

/* b8 9c 58 90 c3: mov $0xc390589c, %eax, in which PUSHF; POP %EAX; NOP; RET are. */
static void into_the_middle(void)
{
	PUT(64, 0xb8, 0x9c, 0x58, 0x90, 0xc3, 0xc3);
	run(64);
	run(65);
	run(64);
}

static void data_amid_code(void)
{
	/* jmp over; data; mov data, %eax; inc; mov %eax, data; ret */
	PUT(128, 0xeb, 4, 0xcf, 0x9d, 0xfa, 0xf4, 0xa1, 0, 0, 0, 0, 0x40, 0xa3, 0, 0, 0, 0, 0xc3);
	*(uint32_t *)&area[128 + 7] = *(uint32_t *)&area[128 + 13] = (uint32_t)area + 130;
	for (unsigned i = 0; i < 20; i++)
		run(128);
	note(*(uint32_t *)&area[130]);
}

/* movb $0x41 + n, next; next: inc %ecx, or another register. */
static void next_is_written(void)
{
	for (unsigned i = 0; i < 20; i++) {
		PUT(256, 0xc6, 0x05, 0, 0, 0, 0, 0x40 + (i & 3), 0x90, 0xc3);
		*(uint32_t *)&area[258] = (uint32_t)area + 256 + 7;
		run(256);
	}
}

static void other_page_is_written(void)
{
	for (unsigned i = 0; i < 20; i++) {
		PUT(2 * PAGE - 3, 0xb8, (uint8_t)noise(), (uint8_t)noise(), 0, (uint8_t)i, 0x9c,
		    0x5a, 0xc3);
		run(2 * PAGE - 3);
	}
}

/* INSB is emulated: the hypervisor writes the instruction, from the second 8259's mask. */
static void input_is_code(void)
{
	PUT(3 * PAGE, 0x90, 0x90, 0xc3, 0x90, 0xff, 0x05, 0, 0, 0, 0, 0xc3);
	*(uint32_t *)&area[3 * PAGE + 6] = (uint32_t)area + 3 * PAGE + 64;
	for (unsigned i = 0; i < 20; i++) {
		uint8_t *to = &area[3 * PAGE + 1];

		__asm__ volatile("outb %%al, $0xa1; insb"
				 : "+D"(to)
				 : "a"((uint8_t)(0x40 + (i & 3))), "d"((uint16_t)0xa1)
				 : "memory");
		run(3 * PAGE);
		run(3 * PAGE + 3); /* writes to its own page */
	}
	note(area[3 * PAGE + 64]);
}

/* After what was done to its page, a write to it by code is stepped over. */
static void stack_amid_code(void)
{
	/* mov %esp, %esi; mov stack, %esp; call 1f; pushf; pop %eax; mov %esi, %esp; ret; 1f: ret
	 */
	PUT(3 * PAGE + 128, 0x89, 0xe6, 0xbc, 0, 0, 0, 0, 0xe8, 5, 0, 0, 0, 0x9c, 0x58, 0x89, 0xf4,
	    0xc3, 0xc3);
	*(uint32_t *)&area[3 * PAGE + 131] = (uint32_t)area + 3 * PAGE + 1024;
	run(3 * PAGE + 128);
	note(*(uint32_t *)&area[3 * PAGE + 1020] & FLAGS);
}

static void store_to_two_pages(void)
{
	/* movl $constant, the end of this page and the beginning of the next; ret */
	PUT(2 * PAGE + 256, 0xc7, 0x05, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, 0xc3);
	*(uint32_t *)&area[2 * PAGE + 258] = (uint32_t)area + 3 * PAGE - 2;
	area[3 * PAGE] = 0x90;
	run(3 * PAGE);
	run(2 * PAGE + 256);
	note(*(uint32_t *)&area[3 * PAGE - 2]);
}

/* A page of code that is also the next one, written by one store over its end and its beginning. */
#define TWICE 0x300000

static void paging(bool on)
{
	static uint32_t directory[1024] __attribute__((aligned(PAGE)));
	static uint32_t table[1024] __attribute__((aligned(PAGE)));
	uint32_t cr0;

	for (unsigned i = 0; i < 1024; i++)
		table[i] = i * PAGE | 3;
	table[TWICE / PAGE] = table[TWICE / PAGE + 1] = (uint32_t)area + 2 * PAGE + 3;
	directory[0] = (uint32_t)table | 3;
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	cr0 = on ? cr0 | 0x80000000 : cr0 & ~0x80000000u;
	__asm__ volatile("movl %1, %%cr3; movl %0, %%cr0" ::"r"(cr0), "r"(directory) : "memory");
}

static void page_that_is_there_twice(void)
{
	uint32_t (*code)(void) = (uint32_t(*)(void))(TWICE + 512);
	volatile uint8_t *constant = (volatile uint8_t *)(TWICE + PAGE + 513);

	PUT(2 * PAGE + 512, 0xb8, 1, 0, 0, 0, 0xc3);
	paging(true);
	for (unsigned i = 0; i < 10; i++) {
		*constant = (uint8_t)i;
		note(code());
	}
	*(volatile uint32_t *)(TWICE + PAGE - 2) = 0x12345678;
	note(code());
	*constant = 0x77;
	note(code());
	paging(false);
	note(*(uint32_t *)&area[2 * PAGE] & 0xffff);
}

static void branches(void)
{
	/* loop: dec %edx; loop; jecxz +1; (inc %eax); ret */
	PUT(512, 0x41, 0x4a, 0xe2, 0xfd, 0xe3, 0x01, 0x40, 0xc3);
	/* push %eax; push %ecx; call with ret $8 */
	PUT(544, 0x50, 0x51, 0xe8, 1, 0, 0, 0, 0xc3, 0x8b, 0x44, 0x24, 0x08, 0xc2, 8, 0);
	/* call *(%esp) of an address pushed, then pop it */
	PUT(576, 0x68, 0, 0, 0, 0, 0xff, 0x14, 0x24, 0x59, 0xc3);
	*(uint32_t *)&area[577] = (uint32_t)area + 600;
	PUT(600, 0x9c, 0x58, 0xff, 0x25, 0, 0, 0, 0); /* pushf; pop %eax; jmp *memory: to a ret */
	*(uint32_t *)&area[604] = (uint32_t)area + 616;
	*(uint32_t *)&area[616] = (uint32_t)area + 583 + 2;
	PUT(620, 0x73, 0x02, 0x40, 0xc3, 0x70, 0x02, 0x42, 0xc3, 0x7e, 0xf8,
	    0xc3); /* jnc, jo, jle */
	*(uint32_t *)&area[616] = (uint32_t)area + 630;
	for (unsigned i = 0; i < ROUNDS; i++) {
		run(512);
		run(544);
		run(576);
		run(620);
	}
}

static void flags_and_interrupts(void)
{
	PUT(768, 0xfa, 0x9c, 0x58, 0xfb, 0x9c, 0x5a, 0x50, 0x9d, 0x9c, 0x59, 0xfb, 0xc3);
	/* pushf; push %cs; call 1f; jmp to ret; 1f: iret */
	PUT(800, 0x9c, 0x0e, 0xe8, 2, 0, 0, 0, 0xeb, 1, 0xcf, 0xc3);
	PUT(832, 0x8c, 0xc8, 0x8c, 0xd2, 0x0e, 0x59, 0x16, 0x5b, 0xc3); /* CS and SS */
	for (unsigned i = 0; i < 10; i++) {
		run(768);
		run(800);
		run(832);
	}
}

void stepped(void);
__asm__("stepped: incl steps; iretl");

static void single_steps(void)
{
	uint32_t handler = (uint32_t)stepped;
	uint64_t was = idt[1];

	idt[1] = (handler & 0xffff) | 8 << 16 | (uint64_t)0x8e00 << 32 |
		 (uint64_t)(handler & 0xffff0000) << 32;
	/* pushf; orb TF; popf; call 1f; nop; pushf; andb ~TF; popf; ret; 1f: pushf; popf; ret */
	PUT(900, 0x9c, 0x80, 0x4c, 0x24, 1, 1, 0x9d, 0xe8, 9, 0, 0, 0, 0x90, 0x9c, 0x80, 0x64, 0x24,
	    1, 0xfe, 0x9d, 0xc3, 0x90, 0x90, 0x90, 0xc3);
	*(uint32_t *)&area[908] = 9;
	steps = 0;
	run(900);
	note(steps);
	idt[1] = was;
}

int guest_main(void)
{
	/* a BIOS leaves the timer on */
	__asm__ volatile("outb %0, $0x21; outb %0, $0xa1" ::"a"((uint8_t)0xff));
	for (unsigned i = 0; i < 3; i++) {
		reads_itself();
		into_the_middle();
		data_amid_code();
		next_is_written();
		other_page_is_written();
		input_is_code();
		stack_amid_code();
		store_to_two_pages();
		page_that_is_there_twice();
		branches();
		flags_and_interrupts();
		single_steps();
		say("so far: ");
		say_number(sum);
		say("\n");
	}
	if (failures)
		return 1;
	say("well: ");
	say_number(sum);
	say("\n");
	return 0;
}
