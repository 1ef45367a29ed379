// SPDX-License-Identifier: GPL-2.0-or-later
/* The sorted search against a linear search, for tables of every length up to MAX. */
#include "lib/search.h"
#include "tap.h"

#define MAX   70
#define SPACE 1000 /* number of addresses */

struct range {
	uint32_t first, other, last;
};

static uint32_t state = 1;

static uint32_t below(uint32_t bound)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % bound;
}

/* Ranges of one to four addresses, some adjacent; the allocation ends with the table. */
static struct range *some_ranges(unsigned count)
{
	struct range *table = malloc(count * sizeof(*table) + 1);
	uint32_t at = below(5);

	for (unsigned i = 0; i < count; i++) {
		table[i] = (struct range){ at, ~0u, at + below(4) };
		at = table[i].last + 1 + below(3) * below(5);
	}
	return table;
}

static const struct range *look(const struct range *table, unsigned count, uint64_t address,
				bool ranges)
{
	for (unsigned i = 0; i < count; i++)
		if (address >= table[i].first &&
		    address <= (ranges ? table[i].last : table[i].first))
			return &table[i];
	return NULL;
}

int main(void)
{
	static const uint64_t far[] = { 0xffffffff, 0x100000000ull, ~0ull };
	unsigned wrong = 0, found = 0, missed = 0;

	for (unsigned count = 0; count <= MAX; count++) {
		struct range *table = some_ranges(count);

		for (uint64_t i = 0; i < SPACE + 3; i++) {
			uint64_t at = i < SPACE ? i : far[i - SPACE];
			const struct range *range = search_ranges(table, count, sizeof(*table),
								  offsetof(struct range, last), at);

			wrong += range != look(table, count, at, true);
			wrong += search_ranges(table, count, sizeof(*table), 0, at) !=
				 look(table, count, at, false);
			found += range != NULL;
			missed += range == NULL;
		}
		free(table);
	}
	is(wrong, 0, "each address gives the entry that a look at every entry gives");
	ok(found > 5000 && missed > 5000, "found %u times, not found %u times", found, missed);

	struct range whole = { 0, ~0u, 0xffffffff };
	ok(search_ranges(&whole, 1, sizeof(whole), offsetof(struct range, last), 0xffffffff) &&
		   !search_ranges(&whole, 1, sizeof(whole), offsetof(struct range, last),
				  0x100000000ull),
	   "an address of more than 32 bits is in no range");
	return done_testing();
}
