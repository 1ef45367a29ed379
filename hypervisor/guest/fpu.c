// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/guest.h"

#include "kernel/cpu.h"
#include "lib/string.h"

void fpu_reset(struct vcpu *v)
{
	memset(v->fpu, 0, ALIGN_UP(cpu_features.xsave_bytes, PAGE_SIZE));
	*(uint16_t *)v->fpu = 0x37f;		     /* FCW */
	*(uint32_t *)((char *)v->fpu + 24) = 0x1f80; /* MXCSR */
	v->xcr0 = cpu_features.xcr0;
}

/* A guest may choose its own XCR0; state is saved and loaded with all of ours. */
static void set_xcr0(const struct vcpu *v, bool own)
{
	if (cpu_features.xsave && v->xcr0 != cpu_features.xcr0)
		xsetbv(0, own ? v->xcr0 : cpu_features.xcr0);
}

void fpu_save(const struct vcpu *v)
{
	__asm__ volatile("clts");
	set_xcr0(v, false);
	if (cpu_features.xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(v->fpu), "a"(~0u), "d"(~0u) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(v->fpu) : "memory");
}

/* AMD's FXRSTOR and XRSTOR leave the last x87 instruction's and operand's addresses alone unless an
 * exception is pending in what they load: they would leak from another guest (XSA-52). An x87
 * instruction of ours overwrites them. No pending exception may stop it. */
void fpu_load(const struct vcpu *v)
{
	static const uint32_t zero;

	__asm__ volatile("clts; fnclex; ffree %%st(7); fildl %0" ::"m"(zero));
	if (cpu_features.xsave)
		__asm__ volatile("xrstor64 (%0)" ::"r"(v->fpu), "a"(~0u), "d"(~0u) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(v->fpu) : "memory");
	set_xcr0(v, true);
}

/* Bit 0 is fixed, AVX needs SSE, and the three parts of AVX-512 come together. */
static bool xcr0_is_good(uint64_t value)
{
	const uint64_t avx512 = 0xe0;

	return (value & 1) && !(value & ~cpu_features.xcr0) && !((value & 4) && !(value & 2)) &&
	       (!(value & avx512) || ((value & avx512) == avx512 && (value & 4)));
}

/* Clears state that is not saved here, so that the next guest does not see it. */
void fpu_take_xcr0(struct vcpu *v)
{
	if (!cpu_features.xsave)
		return;
	v->xcr0 = xgetbv(0);
	if (xcr0_is_good(v->xcr0))
		return;
	v->xcr0 = cpu_features.xcr0;
	xsetbv(0, v->xcr0);
}

bool fpu_xsetbv(struct vcpu *v)
{
	uint64_t value = (uint32_t)v->regs->rax | v->regs->rdx << 32;

	if (!cpu_features.xsave || (uint32_t)v->regs->rcx || !xcr0_is_good(value))
		return false;
	v->xcr0 = value;
	xsetbv(0, value);
	return true;
}
