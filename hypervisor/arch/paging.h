/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page-table entries, Intel SDM 3A chapter 4; the low 12 bits are the same in every format. */
#pragma once

#include <stdint.h>

#define PTE_P	 (1ull << 0)
#define PTE_W	 (1ull << 1)
#define PTE_U	 (1ull << 2)
#define PTE_PCD	 (1ull << 4)
#define PTE_A	 (1ull << 5)
#define PTE_D	 (1ull << 6)
#define PTE_PS	 (1ull << 7)
#define PTE_G	 (1ull << 8)
#define PTE_NX	 (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull
/* physical address bits that CPUID reports to guests: 44 */
#define PTE_RESERVED 0x000ff00000000000ull

#define PT_ENTRIES   512

/* Index of va at a level of a 4-level tree: 4 is the root, 1 the last table. */
static inline unsigned pt_index(uint64_t va, int level)
{
	return (va >> (12 + 9 * (level - 1))) & 511;
}

/* Bytes that one entry at a level maps. */
static inline uint64_t pt_span(int level)
{
	return 1ull << (12 + 9 * (level - 1));
}
