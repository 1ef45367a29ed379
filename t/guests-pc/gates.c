// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Call gates, in the GDT and the LDT: from ring 3 to the kernel with and without parameters, within
 * a ring, and those that a processor refuses, each with its error code; by both forms of the
 * instruction. Kernels that were written before SYSENTER have their system calls behind one.
 * Attack: gates of every type and privilege to every segment, changed between calls, from ring 3
 * and from the kernel, so that the hypervisor takes a frame, a stack or a privilege that the
 * program has chosen. Expected: what a processor does: the frame on the kernel's stack, or the
 * exception.
 */
#include "pc.h"

#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_CODE   0x18
#define USER_DATA   0x20
#define TASK	    0x28
#define TABLE	    0x30 /* the LDT */
#define GATE	    0x38
#define ABSENT	    0x40 /* code, not present */
#define CONFORMING  0x48
#define MOVED	    0x50
#define MOVED_STACK 0x58
#define LOCAL	    0x04 /* the LDT's first entry */
#define ROUNDS	    4000

#define PRESENT	    0x80
#define FOR_USER    0x60
#define CALL_GATE   0x0c

static uint32_t stack[1024], user_stack[64];
#define TOP (stack + 1000)
static uint32_t tss[26] = { 0, (uint32_t)TOP, KERNEL_DATA };
static uint64_t table[2];

/* What was found behind the gate: ESP, CS, flags, SS; it returns with so many bytes released. */
uint32_t gate_esp, gate_cs, gate_flags, gate_ss, gate_ds;
extern char passed[], passed_3[];
__asm__("passed_3: movb $1, release\n"
	"passed: pushl %eax; movl %ds, %eax; pushl %eax; movl $0x23, %eax; movl %eax, %ds\n"
	"leal 8(%esp), %eax; movl %eax, gate_esp; movw %cs, gate_cs; movw %ss, gate_ss\n"
	"pushfl; popl gate_flags; popl %eax; movl %eax, %ds; popl %eax\n"
	"cmpb $0, release; movb $0, release; jne 1f; lret\n1: lret $12\n"
	".data; release: .byte 0; .text\n");

/* Programs for ring 3. Each ends with INT 0x80. */
static uint8_t code[64];

static uint8_t *put(uint8_t *to, uint8_t op, uint32_t value)
{
	*to++ = op;
	for (unsigned i = 0; i < 4; i++)
		*to++ = (uint8_t)(value >> 8 * i);
	return to;
}

static uint8_t *put_call(uint8_t *to, uint16_t selector)
{
	to = put(to, 0x9a, 0xdeadbeef); /* the offset does not matter */
	*to++ = (uint8_t)selector;
	*to++ = (uint8_t)(selector >> 8);
	return to;
}

/* Pushes 3, 2, 1, calls, and says where it ends. */
static uint32_t write_program(uint16_t selector)
{
	uint8_t *to = code;

	for (uint32_t n = 3; n; n--)
		to = put(to, 0x68, n * 0x11111111);
	to = put_call(to, selector);
	uint32_t next = (uint32_t)to;
	*to++ = 0xcd;
	*to++ = 0x80;
	return next;
}

static struct {
	uint32_t offset;
	uint16_t selector;
} __attribute__((packed)) far;

/* The same by a pointer in memory. */
static uint32_t write_indirect(uint16_t selector)
{
	uint8_t *to = code;

	far.selector = selector;
	*to++ = 0xff;
	to = put(to, 0x1d, (uint32_t)&far);
	*to++ = 0xcd;
	*to++ = 0x80;
	return (uint32_t)to - 2;
}

static uint64_t gate(const char *target, uint16_t selector, unsigned access, unsigned parameters)
{
	uint32_t at = (uint32_t)target;

	return (at & 0xffff) | (uint32_t)selector << 16 | (uint64_t)parameters << 32 |
	       (uint64_t)access << 40 | (uint64_t)(at >> 16) << 48;
}

static void enter(uint32_t unused)
{
	(void)unused;
	__asm__ volatile(
		"pushl %0; pushl %1; pushl $0x202; pushl %2; pushl %3; iretl" ::"i"(USER_DATA | 3),
		"r"(user_stack + 60), "i"(USER_CODE | 3), "r"(code));
}

/* Returns the vector that ended it. The error code, if it has one, is below the frame. */
static int run(void)
{
	gate_esp = 0;
	return attempt(enter, 0);
}

static bool passes(uint16_t selector, unsigned parameters)
{
	uint32_t next = write_program(selector);
	int vector = run();
	const uint32_t *frame = TOP - 4 - parameters;
	bool good = vector == 0x80 && gate_esp == (uint32_t)frame && gate_cs == KERNEL_CODE &&
		    gate_ss == KERNEL_DATA && (gate_flags & 0x200);

	/* INT 0x80 has overwritten the upper five words, of which two are the same */
	return good && TOP[-1] == (USER_DATA | 3) && TOP[-5] == next + 2 &&
	       TOP[-2] == (uint32_t)(user_stack + 60) - (parameters ? 0 : 12);
}

/* What the gate's frame held is copied before INT 0x80 writes over it. */
uint32_t copy[8];
extern char copying[];
__asm__("copying: pushal; pushl %ds; pushl %es; movl $0x23, %eax; movl %eax, %ds; movl %eax, %es\n"
	"leal 40(%esp), %esi; movl $copy, %edi; movl $7, %ecx; cld; rep movsl %ss:(%esi), (%edi)\n"
	"popl %es; popl %ds; popal; lret $12\n");

static void check_frame(void)
{
	uint32_t next = write_program(LOCAL | 3);

	table[0] = gate(copying, KERNEL_CODE, PRESENT | FOR_USER | CALL_GATE, 3);
	expect(run() == 0x80, "a gate with parameters returns");
	expect(copy[0] == next && copy[1] == (USER_CODE | 3), "the frame has EIP and CS");
	expect(copy[2] == 0x11111111 && copy[3] == 0x22222222 && copy[4] == 0x33333333,
	       "the parameters");
	expect(copy[5] == (uint32_t)(user_stack + 57) && copy[6] == (USER_DATA | 3),
	       "and the program's stack");
}

static bool refused(uint64_t descriptor, uint16_t selector, int vector, uint32_t error)
{
	gdt[GATE / 8] = table[0] = descriptor;
	write_program(selector);
	uint32_t start = (uint32_t)code + 15;
	return run() == vector && !gate_esp && TOP[-6] == error && TOP[-5] == start;
}

static void refusals(void)
{
	const unsigned open = PRESENT | FOR_USER | CALL_GATE;

	expect(refused(gate(passed, KERNEL_CODE, PRESENT | CALL_GATE, 0), GATE, 13, GATE),
	       "a gate for the kernel alone");
	expect(refused(gate(passed, KERNEL_CODE, PRESENT | CALL_GATE, 0), LOCAL | 3, 13, LOCAL),
	       "the same in the LDT");
	expect(refused(gate(passed, KERNEL_CODE, PRESENT | 0x40 | CALL_GATE, 0), GATE | 3, 13,
		       GATE),
	       "one for ring 2");
	expect(refused(gate(passed, KERNEL_CODE, FOR_USER | CALL_GATE, 0), GATE | 3, 11, GATE),
	       "one that is not present");
	expect(refused(gate(passed, 3, open, 0), GATE, 13, 0), "one to nowhere");
	expect(refused(gate(passed, KERNEL_DATA, open, 0), GATE, 13, KERNEL_DATA), "one to data");
	expect(refused(gate(passed, ABSENT, open, 0), GATE, 11, ABSENT),
	       "one to a segment that is not present");
	expect(refused(gate(passed, 0x1f8, open, 0), GATE, 13, 0x1f8), "one to no segment");
	expect(refused(0, GATE, 13, GATE), "no gate");
}

static void call_here(uint32_t selector)
{
	far.selector = (uint16_t)selector;
	__asm__ volatile("lcall *%0; int $0x40" ::"m"(far) : "memory");
}

/* Without a change of rings nothing is copied, and the stack stays. */
static void within(void)
{
	const unsigned open = PRESENT | FOR_USER | CALL_GATE;

	gdt[GATE / 8] = gate(passed, KERNEL_CODE, PRESENT | CALL_GATE, 5);
	gate_esp = 0;
	expect(attempt(call_here, GATE) == 0x40 && gate_esp &&
		       (gate_esp < (uint32_t)stack || gate_esp > (uint32_t)TOP),
	       "the kernel calls through a gate, on its own stack");
	expect(attempt(call_here, GATE | 3) == 13, "but not with less privilege than the gate has");
	gdt[GATE / 8] = gate(passed, USER_CODE, open, 0);
	expect(attempt(call_here, GATE) == 13, "nor outwards");
	/* INT 0x80 in ring 3 itself */
	uint8_t *to = code + 40;
	*to++ = 0xcd;
	*to++ = 0x80;
	gdt[GATE / 8] = gate((const char *)code + 40, USER_CODE, open, 7);
	uint32_t next = write_program(GATE);
	expect(run() == 0x80 && TOP[-5] == (uint32_t)code + 42 && TOP[-4] == (USER_CODE | 3) &&
		       TOP[-2] == (uint32_t)(user_stack + 55) && user_stack[55] == next &&
		       user_stack[56] == (USER_CODE | 3),
	       "a program calls within ring 3");
	gdt[GATE / 8] = gate((const char *)code + 40, CONFORMING, open, 0);
	/* QEMU leaves RPL 0 in CS */
	expect(run() == 0x80 && (TOP[-4] | 3) == (CONFORMING | 3), "or a conforming segment");
}

/* Descriptors behind a gate that change in place: each call sees what they are now. */
extern char one[];
__asm__(".balign 16; one: int $0x41; .balign 16; int $0x42; .balign 16\n");

static void in_place(void)
{
	const unsigned open = PRESENT | FOR_USER | CALL_GATE;

	gdt[MOVED / 8] = gdt[KERNEL_CODE / 8];
	gdt[GATE / 8] = gate(one, MOVED, open, 0);
	write_program(GATE);
	expect(run() == 0x41, "a segment behind a gate");
	gdt[MOVED / 8] |= 16ull << 16;
	expect(run() == 0x42, "its base changes in place");
	gdt[MOVED / 8] &= ~(16ull << 16);
	expect(run() == 0x41, "and back");
	gdt[MOVED_STACK / 8] = gdt[KERNEL_DATA / 8];
	tss[2] = MOVED_STACK;
	expect(run() == 0x41, "a new stack segment");
	tss[2] = KERNEL_DATA;
	gdt[MOVED / 8] &= ~(1ull << 47);
	expect(run() == 11, "it is not present any more");
	gdt[MOVED / 8] |= 1ull << 47;
	expect(run() == 0x41, "and is again");
}

static void any(void)
{
	static const uint16_t to[] = { 0,     KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA,
				       TASK,  TABLE,	   GATE,	ABSENT,	   CONFORMING,
				       LOCAL, 0x1f8,	   0xfff8 };
	unsigned passing = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint16_t target = to[noise() % (sizeof(to) / sizeof(to[0]))];
		uint64_t d =
			gate(noise() & 1 ? passed : (const char *)code + 40, target | (noise() & 3),
			     noise() & 1 ? 0xec : noise() & 0xef, noise() & 31);

		if ((d >> 40 & 0x1f) == 5 || (d >> 40 & 0x1f) == 4 || (d >> 40 & 0x15) == 1 ||
		    (d >> 40 & 0x1f) == 0)
			d &= ~(1ull
			       << 47); /* tasks and 16-bit gates, which the ring engine has not */
		table[0] = d;
		gdt[GATE / 8] = d;
		uint16_t selector = (noise() & 1 ? GATE : LOCAL) | (noise() & 3);
		if (noise() & 1)
			write_program(selector);
		else
			write_indirect(selector);
		if (noise() % 8)
			run();
		else
			attempt(call_here, selector);
		passing += gate_esp != 0;
	}
	expect(passing > 20, "some of many gates lead somewhere");
}

int guest_main(void)
{
	uint32_t at = (uint32_t)tss, local = (uint32_t)table;
	const unsigned open = PRESENT | FOR_USER | CALL_GATE;

	gdt[TASK / 8] = (sizeof(tss) - 1) | (uint64_t)(at & 0xffffff) << 16 | 0x89ull << 40 |
			(uint64_t)(at >> 24) << 56;
	gdt[TABLE / 8] = (sizeof(table) - 1) | (uint64_t)(local & 0xffffff) << 16 | 0x82ull << 40 |
			 (uint64_t)(local >> 24) << 56;
	gdt[ABSENT / 8] = gdt[KERNEL_CODE / 8] & ~(1ull << 47);
	gdt[CONFORMING / 8] = gdt[KERNEL_CODE / 8] | 1ull << 42;
	idt[0x80] |= 0x6000ull << 32;
	outb(0x21, 0xff); /* a BIOS leaves some lines open */
	outb(0xa1, 0xff);
	load_gdt(sizeof(gdt) - 1);
	__asm__ volatile("ltr %w0; lldt %w1" ::"r"(TASK), "r"(TABLE));

	table[0] = gate(passed_3, KERNEL_CODE, open, 3);
	expect(passes(LOCAL | 3, 3), "a gate in the LDT, with parameters");
	gdt[GATE / 8] = gate(passed, KERNEL_CODE, open, 0);
	expect(passes(GATE, 0), "a gate in the GDT, without");
	uint32_t next = write_indirect(GATE | 3);
	expect(run() == 0x80 && gate_esp == (uint32_t)(TOP - 4) && TOP[-5] == next + 2,
	       "a pointer in memory");
	check_frame();
	refusals();
	within();
	in_place();
	any();
	return 0;
}
