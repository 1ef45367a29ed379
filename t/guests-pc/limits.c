// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Segments that separate ring 3 from a kernel without paging. SGDT and similar instructions fault
 * in ring 3 (UMIP) and are emulated by the hypervisor, which used a segment's base but checked
 * neither its limit nor its type. So they could write anywhere.
 * Attack: such stores and loads from ring 3 at the edges of a segment of 16 bytes, of one that
 * expands down, of one that is read-only, and of one that is not present.
 * Expected: they work inside, and outside they raise #GP and write nothing.
 */
#include "pc.h"

#define TSS	0x28
#define USER_CS 0x1b
#define USER_DS 0x23
#define LIMITED 0x33
#define DONE	0x80 /* a gate that ring 3 may use */

static uint8_t memory[128] __attribute__((aligned(16)));
static uint32_t user_stack[64];

/* mov %eax, %ds; three bytes of an instruction with (%edx); int $DONE */
static uint8_t code[] = { 0x8e, 0xd8, 0, 0, 0, 0xcd, DONE };

struct access {
	uint32_t selector, offset;
};

static void to_ring3(uint32_t access)
{
	const struct access *a = (const struct access *)access;

	__asm__ volatile("pushl %0; pushl %1; pushl $2; pushl %2; pushl %3; iretl" ::"i"(USER_DS),
			 "r"(user_stack + 60), "i"(USER_CS), "r"(code), "a"(a->selector),
			 "d"(a->offset)
			 : "memory");
}

static const struct {
	uint8_t bytes[3], size;
} insn[] = {
	{ { 0x0f, 0x01, 0x02 }, 6 }, /* sgdt */
	{ { 0x0f, 0x01, 0x0a }, 6 }, /* sidt */
	{ { 0x0f, 0x00, 0x02 }, 2 }, /* sldt */
	{ { 0x0f, 0x00, 0x0a }, 2 }, /* str */
	{ { 0x0f, 0x01, 0x22 }, 2 }, /* smsw */
};
#define INSNS (sizeof(insn) / sizeof(insn[0]))

static unsigned tried;

/* A segment based inside memory[], in which accesses to the offsets first to last are allowed. */
static void segment(uint8_t type, uint8_t flags, uint32_t limit, int64_t first, int64_t last)
{
	uint32_t base = (uint32_t)memory + 32;

	gdt[LIMITED / 8] = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
			   (uint64_t)type << 40 | (uint64_t)flags << 52 |
			   (uint64_t)(base >> 24) << 56;
	load_gdt(64 * 8 - 1);
	for (unsigned i = 0; i < INSNS; i++)
		for (int32_t at = -8; at < 24; at++) {
			struct access a = { LIMITED, (uint32_t)at };
			int64_t from = (uint32_t)at, to = from + insn[i].size - 1;
			bool fits = from >= first && to <= last;

			for (unsigned n = 0; n < sizeof(memory); n++)
				memory[n] = 0xee;
			for (unsigned n = 0; n < 3; n++)
				code[2 + n] = insn[i].bytes[n];
			expect(attempt(to_ring3, (uint32_t)&a) == (fits ? DONE : 13),
			       "the limit holds");
			for (int32_t n = 0; n < (int32_t)sizeof(memory); n++) {
				int64_t offset = (uint32_t)(n - 32);

				expect(memory[n] == 0xee || (offset >= first && offset <= last),
				       "nothing outside is written");
			}
			tried++;
		}
}

int guest_main(void)
{
	static uint8_t kernel_stack[4096];
	static uint32_t tss[26] = { 0, (uint32_t)(kernel_stack + sizeof(kernel_stack)), 0x10 };
	uint32_t at = (uint32_t)tss;

	gdt[TSS / 8] = (sizeof(tss) - 1) | (uint64_t)(at & 0xffffff) << 16 | 0x89ull << 40 |
		       (uint64_t)(at >> 24) << 56;
	load_gdt(64 * 8 - 1);
	__asm__ volatile("ltr %w0" ::"r"(TSS));
	idt[DONE] |= 0x6000ull << 32;
	segment(0xf2, 4, 15, 0, 15);
	segment(0xf6, 4, 15, 16, 0xffffffff); /* expands down, 32 bits */
	segment(0xf6, 0, 15, 16, 0xffff);
	segment(0xf0, 4, 15, 1, 0); /* read-only */
	segment(0xfa, 4, 15, 1, 0); /* code */
	say_number(tried);
	say(" accesses tried\n");
	return 0;
}
