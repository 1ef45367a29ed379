// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPUID as a guest in a virtual machine may see it: the processor's, without what it does not get.
 * Leaves and bits: Intel SDM 2A, CPUID; AMD APM 3, appendix E.
 */
#include "core/guest.h"
#include "core/string.h"
#include "hvm/hvm.h"
#include "x86/cpu.h"

enum { EAX, EBX, ECX, EDX };

#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_EXTENDED	0x80000000u
#define LEAF_MAX	0x0du
#define EXTENDED_MAX	0x80000008u

/* Leaf 1 */
#define ECX1_HIDDEN                                                                          \
	(BIT(2) | BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(10) | BIT(11) | BIT(15) | \
	 BIT(18) | BIT(21) | BIT(24) | BIT(27)) /* DTES64 MONITOR VMX SMX EIST TM2 CNXT SDBG \
						   PDCM DCA x2APIC deadline OSXSAVE */
#define EDX1_APIC	BIT(9)
#define ECX1_OSXSAVE	BIT(27)
#define ECX1_HYPERVISOR BIT(31)
#define EDX1_HIDDEN                                                                    \
	(BIT(7) | BIT(9) | BIT(12) | BIT(14) | BIT(21) | BIT(22) | BIT(28) | BIT(29) | \
	 BIT(31)) /* MCE APIC MTRR MCA DS ACPI HTT TM PBE */
/* Leaf 7: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS INVPCID AVX512* RDSEED ADX SMAP CLFLUSHOPT CLWB SHA */
#define EBX7_SHOWN 0xf1bd07a9u
/* AVX512_VBMI UMIP VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNT */
#define ECX7_SHOWN 0x00005f06u
#define EDX7_SHOWN 0x0000001cu /* 4VNNIW 4FMAPS FSRM */
/* Leaf 0x80000001: without SVM, SKINIT, profiling, topology; 1 GiB pages, RDTSCP */
#define ECXX_HIDDEN                                                                             \
	(BIT(2) | BIT(3) | BIT(9) | BIT(10) | BIT(12) | BIT(13) | BIT(15) | BIT(19) | BIT(22) | \
	 BIT(23) | BIT(24) | BIT(26) | BIT(27) | BIT(28) | BIT(29))
#define EDXX_HIDDEN (BIT(7) | BIT(9) | BIT(12) | BIT(14) | BIT(26) | BIT(27))

static void hypervisor_leaf(uint32_t r[4])
{
	r[EAX] = LEAF_HYPERVISOR;
	memcpy(&r[EBX], "VeneerVeneer", 12);
}

static void leaf_1(const struct vcpu *v, uint32_t r[4])
{
	r[EBX] = (r[EBX] & 0xffff) | v->guest->vcpus << 16 | v->id << 24;
	r[ECX] = (r[ECX] & ~ECX1_HIDDEN) | ECX1_HYPERVISOR;
	if (v->engine->hvm->get(v, HVM_CR4) & CR4_OSXSAVE)
		r[ECX] |= ECX1_OSXSAVE;
	r[EDX] &= ~EDX1_HIDDEN;
	if (v->guest->platform)
		r[EDX] |= EDX1_APIC;
}

static void leaf_7(uint32_t sub, uint32_t r[4])
{
	r[EAX] = 0;
	r[EBX] &= sub ? 0 : EBX7_SHOWN;
	r[ECX] &= sub ? 0 : ECX7_SHOWN;
	r[EDX] &= sub ? 0 : EDX7_SHOWN;
}

void hvm_filter_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	if (leaf == LEAF_HYPERVISOR) {
		hypervisor_leaf(r);
		return;
	}
	if (leaf > (leaf & LEAF_EXTENDED ? EXTENDED_MAX : LEAF_MAX)) {
		memset(r, 0, 16);
		return;
	}
	cpuid(leaf, sub, r);
	switch (leaf) {
	case 0: r[EAX] = MIN(r[EAX], LEAF_MAX); break;
	case 1: leaf_1(v, r); break;
	case 7: leaf_7(sub, r); break;
	case 5:
	case 6:
	case 9:
	case 0xa:
	case 0xb: memset(r, 0, 16); break;
	case 0xd:
		if (sub == 1)
			r[EAX] &= ~BIT(3); /* XSAVES */
		break;
	case LEAF_EXTENDED: r[EAX] = MIN(r[EAX], EXTENDED_MAX); break;
	case LEAF_EXTENDED + 1:
		r[ECX] &= ~ECXX_HIDDEN;
		r[EDX] &= ~EDXX_HIDDEN;
		break;
	case LEAF_EXTENDED + 7:
		r[EAX] = r[EBX] = r[ECX] = 0;
		r[EDX] &= BIT(8); /* invariant TSC */
		break;
	case LEAF_EXTENDED + 8: r[EBX] = r[ECX] = r[EDX] = 0; break;
	}
}
