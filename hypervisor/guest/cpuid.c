// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPUID of a guest, where it is emulated: the processor's, filtered. Leaves and bits: Intel SDM 2A,
 * CPUID; AMD APM 3, appendix E.
 */
#include "guest/guest.h"

#include "guest/speculation.h"
#include "kernel/cpu.h"
#include "lib/string.h"

enum { EAX, EBX, ECX, EDX };

#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_EXTENDED	0x80000000u

/*
 * The allow list. Everything else is hidden: features that the guest does not get (README.md has a
 * table of instructions), and future ones. engine/hvm/control.c lets a guest set the bits of CR4
 * and EFER that belong to features shown here.
 */
/* Leaf 1: SSE3 PCLMULQDQ SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND
 */
#define ECX1_SHOWN	0x76da3203u
#define ECX1_OSXSAVE	BIT(27)
#define ECX1_HYPERVISOR BIT(31)
/* FPU VME DE PSE TSC MSR PAE CX8 SEP PGE CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2 SS */
#define EDX1_SHOWN 0x0f8ba97fu
#define EDX1_APIC  BIT(9)
/* Leaf 7: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS INVPCID AVX512* RDSEED ADX SMAP CLFLUSHOPT CLWB SHA */
#define EBX7_SHOWN 0xf1bd07a9u
/* AVX512_VBMI UMIP VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNT */
#define ECX7_SHOWN 0x00005f06u
#define EDX7_SHOWN 0x0000001cu /* 4VNNIW 4FMAPS FSRM */
/* Leaf 0xd, 1: XSAVEOPT XSAVEC XGETBV; no XSAVES */
#define EAXD_SHOWN 0x00000007u
/* Leaf 0x80000001: LAHF ABM SSE4A misaligned SSE, PREFETCHW XOP FMA4 TBM */
#define ECXX_SHOWN 0x002109e1u
/* as leaf 1, and SYSCALL NX MMXEXT LM 3DNOWEXT 3DNOW; no 1 GiB pages, RDTSCP, FFXSR */
#define EDXX_SHOWN 0xe1d3a97fu

/* What a kernel in ring 1 does not get of these: it has no use for VME, SYSENTER,
 * PCID, FSGSBASE, SMEP, INVPCID, SMAP, UMIP, SYSCALL, 64-bit mode. */
#define EDX1_RING0 0x00000802u
#define ECX1_RING0 0x00020000u
#define EBX7_RING0 0x00100481u
#define ECX7_RING0 0x00000004u
#define EDXX_RING0 0x20000a02u

static void leaf_1(const struct vcpu *v, uint64_t cr4, uint32_t r[4])
{
	r[EBX] = (r[EBX] & 0xffff) | v->guest->vcpus << 16 | v->id << 24;
	r[ECX] = (r[ECX] & ECX1_SHOWN) | ECX1_HYPERVISOR;
	if (cr4 & CR4_OSXSAVE)
		r[ECX] |= ECX1_OSXSAVE;
	r[EDX] &= EDX1_SHOWN;
	if (v->guest->board)
		r[EDX] |= EDX1_APIC;
}

static void show(uint32_t r[4], uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	r[EAX] &= eax;
	r[EBX] &= ebx;
	r[ECX] &= ecx;
	r[EDX] &= edx;
}

/* XCR0 components that a guest can enable, and the size of their state. */
static void leaf_d(uint32_t sub, uint32_t r[4])
{
	uint32_t xcr0 = (uint32_t)cpu_features.xcr0;

	if (!cpu_features.xsave || sub >= 32 || (sub > 1 && !(xcr0 >> sub & 1))) {
		memset(r, 0, 16);
	} else if (sub == 0) {
		show(r, xcr0, ~0u, 0, 0);
		r[ECX] = cpu_features.xsave_bytes;
	} else if (sub == 1) {
		show(r, EAXD_SHOWN, 0, 0, 0);
	}
}

static void filter(const struct vcpu *v, uint64_t cr4, uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	if (leaf == LEAF_HYPERVISOR) {
		r[EAX] = LEAF_HYPERVISOR;
		memcpy(&r[EBX], "VeneerVeneer", 12);
		return;
	}
	cpuid(leaf, sub, r);
	switch (leaf) {
	case 0: r[EAX] = MIN(r[EAX], 0xdu); break;
	case 1: leaf_1(v, cr4, r); break;
	case 7:
		if (sub)
			memset(r, 0, 16);
		else
			show(r, 0, EBX7_SHOWN, ECX7_SHOWN, EDX7_SHOWN | speculation_edx7());
		break;
	case 0xd: leaf_d(sub, r); break;
	case LEAF_EXTENDED: r[EAX] = MIN(r[EAX], LEAF_EXTENDED + 8); break;
	case LEAF_EXTENDED + 1: show(r, ~0u, 0, ECXX_SHOWN, EDXX_SHOWN); break;
	case LEAF_EXTENDED + 7: show(r, 0, 0, 0, BIT(8)); break; /* invariant TSC */
	case LEAF_EXTENDED + 8: show(r, 0xffff, speculation_ebx8(), 0, 0); break;
	case 2: /* caches */
	case 4:
	case LEAF_EXTENDED + 2 ... LEAF_EXTENDED + 6: break; /* and the processor's name */
	default: memset(r, 0, 16);
	}
}

HOT_FRAME void guest_cpuid(struct vcpu *v, uint64_t cr4)
{
	struct regs *r = v->regs;
	uint32_t out[4];

	v->counts[COUNT_PRIVILEGED]++;
	filter(v, cr4, (uint32_t)r->rax, (uint32_t)r->rcx, out);
	r->rax = out[EAX];
	r->rbx = out[EBX];
	r->rcx = out[ECX];
	r->rdx = out[EDX];
}

void guest_cpuid_in_ring1(struct vcpu *v, uint64_t cr4)
{
	struct regs *r = v->regs;
	uint32_t leaf = (uint32_t)r->rax;

	guest_cpuid(v, cr4);
	switch (leaf) {
	case 1:
		r->rcx &= ~ECX1_RING0;
		r->rdx &= ~EDX1_RING0;
		break;
	case 7:
		r->rbx &= ~EBX7_RING0;
		r->rcx &= ~ECX7_RING0;
		break;
	case LEAF_EXTENDED + 1: r->rdx &= ~EDXX_RING0;
	}
}
