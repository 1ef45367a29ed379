// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * State that the hypervisor does not save (XSA-52, 190). Where XSETBV does not exit, a guest can
 * enable what CPUID hides: MPX bounds, protection keys.
 * Attack: set each bit of XCR0, then be preempted by a neighbour.
 * Expected: the bit is refused, or cleared by then, so that no guest can find another's state
 * there.
 */
#include "pc.h"

#define CR4_OSXSAVE (1u << 18)
#define SAVED	    0xe7u	 /* x87, SSE, AVX, AVX-512 */
#define SLICES	    200000000ull /* TSC ticks: several */

static void set_cr4(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr4" ::"r"(v));
}

static void set_xcr0(uint32_t v)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"(v), "d"(0));
}

static uint32_t xcr0(void)
{
	uint32_t eax;

	__asm__ volatile("xgetbv" : "=a"(eax) : "c"(0) : "edx");
	return eax;
}

static uint64_t tsc(void)
{
	uint64_t v;

	__asm__ volatile("rdtsc" : "=A"(v));
	return v;
}

int guest_main(void)
{
	uint32_t hidden = 0;

	if (attempt(set_cr4, CR4_OSXSAVE) != -1)
		return 0; /* there is no XSETBV */
	for (unsigned bit = 3; bit < 32; bit++) {
		uint32_t pair = bit == 3 ? 0x18 : 1u << bit; /* bound registers come together */

		if (!(pair & SAVED) && attempt(set_xcr0, 3 | hidden | pair) == -1)
			hidden |= pair;
	}
	for (uint64_t end = tsc() + SLICES; tsc() < end;)
		;
	expect(!(xcr0() & ~SAVED), "no state that is not saved");
	return 0;
}
