// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An instruction that changes between the exit and its emulation (similar to XSA-200). The
 * processor has checked one instruction, and for ring 3 also its I/O bitmap and page. A hypervisor
 * that reads the bytes again may find another instruction, which nobody has checked. A second
 * processor could change the bytes in between. Here ring 3 does it alone and every time: it
 * executes a page through a TLB entry after overwriting the page-table entry, so that the processor
 * sees one page, and a walk of the tables another.
 * Attack: OUTSB to a permitted port becomes OUT to the 8259; a load from the local APIC, whose page
 * is read-only, becomes a store.
 * Expected: neither device notices.
 */
#include "pc.h"

#define PTE_ALL	  7u /* present, writable, for ring 3 */
#define PTE_READ  5u
#define PTE_LARGE 0x80u
#define ALIAS	  0x40000000u
#define LAPIC	  0xfee00000u
#define MAIN_MASK 0x21
#define PORT_OWN  0x80
#define PRIORITY  0x80 /* a local APIC register without an effect here */

static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint32_t lapic_table[1024] __attribute__((aligned(4096)));
uint32_t alias_table[1024] __attribute__((aligned(4096)));
uint8_t before[4096] __attribute__((aligned(4096))), after[4096] __attribute__((aligned(4096)));

/* The page returns at offset 0; the code that changes is at 16. */
__asm__("user_entry:\n"
	"	movl $0x40000000, %edi\n"
	"	call *%edi\n"
	"	movl $after + 7, alias_table\n"
	"	movl $before, %esi\n"
	"	movl $0xfee00080, %ebx\n"
	"	movl $0x80, %edx\n"
	"	movl $0x5a, %eax\n"
	"	addl $16, %edi\n"
	"	call *%edi\n"
	"	int $0x80\n");
extern char user_entry[];

static void put(uint8_t *page, const uint8_t code[4])
{
	page[0] = 0xc3;
	for (unsigned i = 0; i < 4; i++)
		page[16 + i] = code[i];
	page[20] = 0xc3;
}

/* Returns how ring 3 ended: the vector of INT 0x80 or of an exception. */
static int change(const uint8_t first[4], const uint8_t second[4])
{
	put(before, first);
	put(after, second);
	alias_table[0] = (uint32_t)before | PTE_ALL;
	__asm__ volatile("movl %0, %%cr3" ::"r"(directory) : "memory");
	return attempt_user((uint32_t)user_entry);
}

static void start_paging(void)
{
	uint32_t cr;

	for (uint32_t i = 0; i < 1024; i++) {
		directory[i] = i << 22 | PTE_LARGE | PTE_ALL;
		lapic_table[i] = ((LAPIC & 0xffc00000) + (i << 12)) | PTE_READ;
	}
	directory[ALIAS >> 22] = (uint32_t)alias_table | PTE_ALL;
	directory[LAPIC >> 22] = (uint32_t)lapic_table | PTE_ALL;
	__asm__ volatile("movl %%cr4, %0; orl $0x10, %0; movl %0, %%cr4" : "=&r"(cr));
	__asm__ volatile("movl %0, %%cr3" ::"r"(directory));
	__asm__ volatile("movl %%cr0, %0; orl $0x80000000, %0; movl %0, %%cr0" : "=&r"(cr));
}

static uint8_t in_mask(void)
{
	uint8_t v;

	__asm__ volatile("inb $0x21, %0" : "=a"(v));
	return v;
}

int guest_main(void)
{
	static const uint8_t outsb[4] = { 0x6e, 0x90, 0x90, 0x90 };
	static const uint8_t out[4] = { 0xe6, MAIN_MASK, 0x90, 0x90 };
	static const uint8_t rep_outsb[4] = { 0xf3, 0x6e, 0x90, 0x90 };
	static const uint8_t load[4] = { 0x8b, 0x03, 0x90, 0x90 };  /* mov (%ebx), %eax */
	static const uint8_t store[4] = { 0x89, 0x03, 0x90, 0x90 }; /* mov %eax, (%ebx) */
	const volatile uint32_t *priority = (uint32_t *)(LAPIC + PRIORITY);

	start_user(PORT_OWN);
	start_paging();
	expect(change(outsb, outsb) == 0x80, "OUTSB to the permitted port works");
	expect(change(out, out) == 13, "the 8259 is not written");
	expect(change(load, load) == 0x80, "the APIC can be read");
	expect(change(store, store) == 14, "the APIC is not written");
	for (unsigned i = 0; i < 200; i++) {
		change(outsb, out);
		change(rep_outsb, out);
		change(load, store);
		expect(in_mask() != 0x5a, "the port is not for ring 3");
		expect(*priority != 0x5a, "a store to the APIC is refused");
		if (failures)
			break;
	}
	return 0;
}
