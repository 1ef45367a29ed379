// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The last byte of the lower canonical half. If the hypervisor emulates an instruction there for
 * ring 3, RIP becomes non-canonical, and IRETQ refuses it. That used to crash the whole guest, so
 * any of its programs could do so. (Bochs and real processors fault in IRETQ; QEMU faults on the
 * next fetch.)
 * Attack: from ring 3, IN, OUT, INS and REP OUTS with a permitted port as the last bytes.
 * Expected: #GP from ring 3, with RIP after the instruction.
 */
#include "guest.h"

#define LAST  0x0000800000000000ull
#define PAGE  4096ull
#define TABLE 7ull /* present, writable, user */

typedef uint64_t table[512] __attribute__((aligned(4096)));

static table pdpt, pd, pt;
static uint8_t code[4096] __attribute__((aligned(4096)));
static uint8_t io_bitmap[8193]; /* all ports */
static uint8_t buffer[16];

/* EDX: the port; ESI and EDI: the buffer; ECX: the count */
static void run(void *at)
{
	__asm__ volatile("jmp *%0" ::"r"(at), "d"(0x80), "c"(1), "S"(buffer), "D"(buffer)
			 : "memory");
}

static void map_last_page(void)
{
	veneer_root()[255] = (uint64_t)pdpt | TABLE;
	pdpt[511] = (uint64_t)pd | TABLE;
	pd[511] = (uint64_t)pt | TABLE;
	pt[511] = (uint64_t)code | TABLE;
	veneer_hypercall(VENEER_HC_MMU_FLUSH, LAST - PAGE, PAGE, 0);
}

int guest_main(const struct veneer_start_info *info)
{
	static const struct {
		uint8_t bytes[2], n;
	} insn[] = { { { 0xec }, 1 }, { { 0xee }, 1 }, { { 0x6c }, 1 }, { { 0xf3, 0x6e }, 2 } };

	(void)info;
	map_last_page();
	expect_is(veneer_hypercall(VENEER_HC_SET_IO_BITMAP, (uint64_t)io_bitmap, 0, 0), 0,
		  "the I/O bitmap is accepted");
	for (unsigned i = 0; i < sizeof(insn) / sizeof(insn[0]); i++) {
		for (unsigned n = 0; n < insn[i].n; n++)
			code[PAGE - insn[i].n + n] = insn[i].bytes[n];
		expect_is(attempt_user(run, (void *)(LAST - insn[i].n)), 13, "#GP");
		expect(fault_rip == LAST && (fault_cs & 3) == 3,
		       "#GP comes from ring 3, after the instruction");
	}
	return 0;
}
