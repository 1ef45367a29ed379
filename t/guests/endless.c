// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In a virtual machine SET_LDT looks up every page of the table. A loop from its first address to
 * its end never got there if the table was in the last page of the address space: the next page is
 * at 0, below the end. The core looked up the whole lower half, with interrupts masked.
 * Attack: three tables map every address, so that no lookup fails; then tables in the last page,
 * tables whose end wraps around, and tables on either side of the addresses that are not canonical.
 * Expected: a table in the last page is accepted, one that wraps or is not canonical is refused,
 * and no stay of the hypervisor is above 10 000 instructions.
 */
#include "guest.h"

#define PRESENT	   0x67 /* and writable, user, accessed, dirty */
#define LARGE	   0x80
#define LAST_PAGE  0xfffffffffffff000
#define LOWER_END  0x0000800000000000
#define UPPER_HALF 0xffff800000000000

static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t level3[512] __attribute__((aligned(4096)));
static uint64_t level2[512] __attribute__((aligned(4096)));

static void map_everything(uint64_t memory)
{
	for (uint64_t i = 0; i < 512; i++) {
		root[i] = (uint64_t)level3 | PRESENT;
		level3[i] = (uint64_t)level2 | PRESENT;
		level2[i] = (i << 21) % (memory & ~0x1fffffull) | PRESENT | LARGE;
	}
}

static int64_t set_ldt(uint64_t at, uint64_t entries)
{
	return veneer_hypercall(VENEER_HC_SET_LDT, at, entries, 0);
}

int guest_main(const struct veneer_start_info *info)
{
	map_everything(info->memory);
	expect_is(veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)root, 0, 0), 0, "a root");
	expect_is(set_ldt(LAST_PAGE, 1), 0, "a table in the last page");
	expect_is(set_ldt(LAST_PAGE + 4, 1), 0, "one that is not aligned");
	expect(set_ldt(LAST_PAGE, 513) < 0, "a table that wraps around");
	expect(set_ldt(LAST_PAGE - 4096, 8192) < 0, "a long one");
	expect(set_ldt(~0ull, 1) < 0, "one that begins at the last byte");
	expect(set_ldt(LOWER_END, 1) < 0, "one that is not canonical");
	expect(set_ldt(LOWER_END - 4, 1) < 0, "one that ends there");
	expect(set_ldt(UPPER_HALF - 4, 1) < 0, "one that begins there");
	expect_is(set_ldt(0, 0), 0, "none");
	expect_is(set_ldt(LAST_PAGE + 1, 0), 0, "none, at any address");
	return 0;
}
