// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the hypervisor writes to a page with translated code, and what a step shows.
 * Attack: a page table's entry is the constant of a MOV, and gets its accessed bit; ring 3 pushes
 * its flags onto a page with kernel code, which is stepped over. Expected: the code is what memory
 * has, and ring 3 does not see TF.
 */
#include "pc.h"

#define PAGE  4096
#define ALIAS 0x40000000u

static uint32_t directory[1024] __attribute__((aligned(PAGE)));
static uint32_t table[1024] __attribute__((aligned(PAGE)));
static uint32_t aliases[1024] __attribute__((aligned(PAGE)));
static uint8_t body[PAGE] __attribute__((aligned(PAGE)));
static uint8_t other[PAGE] __attribute__((aligned(PAGE)));
uint32_t result;
static uint8_t user[64];

static void paging_on(void)
{
	uint32_t cr0;

	for (unsigned i = 0; i < 1024; i++)
		table[i] = i * PAGE | 7;
	directory[0] = (uint32_t)table | 7;
	directory[ALIAS >> 22] = (uint32_t)aliases | 7;
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("movl %1, %%cr3; movl %0, %%cr0" ::"r"(cr0 | 0x80000000), "r"(directory)
			 : "memory");
}

static void stale(void)
{
	uint32_t (*code)(void) = (uint32_t(*)(void))((uint32_t)&aliases[256] - 1);
	volatile uint32_t *entry = &aliases[256];

	aliases[255] = 0xb8000000;
	*entry = (uint32_t)body | 3;
	aliases[257] = 0x00c39090;
	uint32_t a = code(), b = *entry;
	*(volatile uint8_t *)(ALIAS + 256 * PAGE) = 1;
	uint32_t c = code(), d = *entry;
	say("before: code ");
	say_number(a & 4095);
	say(", memory ");
	say_number(b & 4095);
	say("; after: code ");
	say_number(c & 4095);
	say(", memory ");
	say_number(d & 4095);
	say("\n");
	expect(c == d, "the code is what memory has");
}

static void flags(void)
{
	unsigned seen = 0;

	other[0] = 0xc3;
	/* mov $other + 3000, %esp; pushf; pop %eax; mov %eax, result; int $0x80 */
	static const uint8_t c[] = { 0xbc, 0, 0, 0, 0, 0x9c, 0x58, 0xa3, 0, 0, 0, 0, 0xcd, 0x80 };
	for (unsigned i = 0; i < sizeof(c); i++)
		user[i] = c[i];
	*(uint32_t *)&user[1] = (uint32_t)other + 3000;
	*(uint32_t *)&user[8] = (uint32_t)&result;
	start_user(0x80);
	for (unsigned i = 0; i < 128; i++) {
		__asm__ volatile("call *%0" ::"r"(other) : "memory", "cc");
		attempt_user((uint32_t)user);
		seen += (result & 0x100) != 0;
	}
	say("TF seen: ");
	say_number(seen);
	say("\n");
	expect(!seen, "ring 3 sees no TF");
}

int guest_main(void)
{
	paging_on();
	stale();
	flags();
	return 0;
}
