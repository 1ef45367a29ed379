// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Data that other guests left behind (XSA-52, 122, 190, 239, 308).
 * Attack: look for anything but zeros in fresh memory and in the FPU and AVX registers at the
 * start. Then, while other copies of this guest do the same on the same core, look for their
 * register values, and for changes to its own. In a virtual machine one copy narrows its XCR0
 * first.
 * Expected: everything is zero at first, and afterwards each copy sees only its own pattern.
 */
#include "guest.h"

struct vectors {
	uint64_t ymm[16][4];
};

static bool have_avx;

#define EACH(op)                                                                                \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) \
		op(14) op(15)
#define LOAD_AVX(n) __asm__ volatile("vmovups %0, %%ymm" #n ::"m"(v->ymm[n]));
#define LOAD_SSE(n) __asm__ volatile("movups %0, %%xmm" #n ::"m"(v->ymm[n]));
#define SAVE_AVX(n) __asm__ volatile("vmovups %%ymm" #n ", %0" : "=m"(v->ymm[n]));
#define SAVE_SSE(n) __asm__ volatile("movups %%xmm" #n ", %0" : "=m"(v->ymm[n]));

static void load(const struct vectors *v)
{
	if (have_avx) {
		EACH(LOAD_AVX)
	} else {
		EACH(LOAD_SSE)
	}
}

static void save(struct vectors *v)
{
	if (have_avx) {
		EACH(SAVE_AVX)
	} else {
		EACH(SAVE_SSE)
	}
}

static void first_look(const struct veneer_start_info *info)
{
	static struct vectors v;
	uint32_t mxcsr = 0;
	uint16_t control = 0;
	uint64_t dirty = 0;

	save(&v);
	for (unsigned i = 0; i < 64; i++)
		dirty |= v.ymm[i / 4][i % 4];
	expect(!dirty, "the vector registers are zero at the start");
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(control));
	expect(mxcsr == 0x1f80 && control == 0x37f,
	       "the FPU's control registers are as after a reset");
	for (const uint64_t *p = (const void *)info->reserved_end;
	     p < (const uint64_t *)info->memory; p++)
		dirty |= *p;
	expect(!dirty, "fresh memory is zero");
}

static void pattern(struct vectors *v, uint64_t seed)
{
	for (unsigned i = 0; i < 64; i++)
		v->ymm[i / 4][i % 4] = have_avx || i % 4 < 2 ? seed * (i + 1) : 0;
}

static void own_pattern(uint64_t seed)
{
	static struct vectors mine, seen;
	unsigned changed = 0;

	pattern(&mine, seed);
	load(&mine);
	for (unsigned round = 0; round < 20000; round++) {
		veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
		for (volatile unsigned n = 0; n < 100; n++)
			;
		if (round % 100)
			continue;
		save(&seen);
		for (unsigned i = 0; i < 64; i++)
			changed += (have_avx || i % 4 < 2) &&
				   seen.ymm[i / 4][i % 4] != mine.ymm[i / 4][i % 4];
	}
	expect(!changed, "the registers stay this guest's own");
}

/* To x87 and SSE: the hypervisor does not save components that are not in XCR0. */
static void narrow_xcr0(void)
{
	__asm__ volatile("xsetbv" ::"a"(3), "c"(0), "d"(0));
	have_avx = false;
}

int guest_main(const struct veneer_start_info *info)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	have_avx = c >> 28 & 1;
	first_look(info);
	if (info->cmdline[1] == 'x' && have_avx && !in_ring1())
		narrow_xcr0();
	own_pattern(info->cmdline[0] * 0x0123456789abcdefull);
	return 0;
}
