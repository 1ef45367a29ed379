/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table of ranges, sorted and apart from each other: an entry starts with its first address and
 * has its last one, included, at an offset (0 if it is one address). Both are of 32 bits. Returns
 * the entry that holds the address, or NULL. */
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline const void *search_ranges(const void *table, unsigned count, unsigned bytes,
					unsigned last, uint64_t address)
{
	while (count) {
		const char *middle = (const char *)table + count / 2 * bytes;

		if (address < *(const uint32_t *)middle) {
			count /= 2;
		} else if (address > *(const uint32_t *)(middle + last)) {
			table = middle + bytes;
			count -= count / 2 + 1;
		} else {
			return middle;
		}
	}
	return NULL;
}
