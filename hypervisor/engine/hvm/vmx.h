/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VT-x as the processor has it: Intel SDM 3C and 3D, chapters 24 to 31, appendices A to C. */
#pragma once

/* MSRs, appendix A */
#define MSR_FEATURE_CONTROL	 0x3a
#define FEATURE_CONTROL_LOCK	 0x1
#define FEATURE_CONTROL_VMX	 0x4 /* outside SMX */
#define MSR_VMX_BASIC		 0x480
#define VMX_BASIC_REVISION	 0x7fffffff
#define VMX_MISC_PREEMPTION_RATE 0x1f /* the timer counts down when this bit of the TSC changes */
#define VMX_BASIC_STRINGS	 (1ull << 54) /* an exit by INS or OUTS says how */
#define VMX_BASIC_TRUE_CONTROLS	 (1ull << 55)
#define MSR_VMX_MISC		 0x485
#define MSR_VMX_CR0_FIXED0	 0x486
#define MSR_VMX_CR4_FIXED0	 0x488
#define MSR_VMX_SECONDARY	 0x48b
#define MSR_VMX_EPT_VPID_CAP	 0x48c
#define MSR_VMX_TRUE_PIN	 0x48d
#define MSR_VMX_TRUE_PRIMARY	 0x48e
#define MSR_VMX_TRUE_EXIT	 0x48f
#define MSR_VMX_TRUE_ENTRY	 0x490

#define EPT_CAP_WALK_4		 (1ull << 6)
#define EPT_CAP_WRITE_BACK	 (1ull << 14)
#define EPT_CAP_LARGE		 (1ull << 16)
#define EPT_CAP_INVEPT_CONTEXT	 (1ull << 20 | 1ull << 25)
#define EPT_CAP_INVVPID_CONTEXT	 (1ull << 32 | 1ull << 41)

/* Fields of the VMCS, appendix B */
#define VMCS_VPID		    0x0000
#define VMCS_GUEST_SELECTOR(n)	    (0x0800 + 2 * (n)) /* ES CS SS DS FS GS LDTR TR */
#define VMCS_HOST_SELECTOR(n)	    (0x0c00 + 2 * (n)) /* ES CS SS DS FS GS TR */
#define VMCS_MSR_BITMAP		    0x2004
#define VMCS_EPT_POINTER	    0x201a
#define VMCS_GUEST_PHYSICAL	    0x2400
#define VMCS_LINK_POINTER	    0x2800
#define VMCS_GUEST_DEBUGCTL	    0x2802
#define VMCS_GUEST_PAT		    0x2804
#define VMCS_GUEST_EFER		    0x2806
#define VMCS_GUEST_PDPTE(n)	    (0x280a + 2 * (n))
#define VMCS_HOST_PAT		    0x2c00
#define VMCS_HOST_EFER		    0x2c02
#define VMCS_PIN		    0x4000
#define VMCS_PRIMARY		    0x4002
#define VMCS_EXCEPTION_BITMAP	    0x4004
#define VMCS_PAGE_FAULT_MASK	    0x4006
#define VMCS_PAGE_FAULT_MATCH	    0x4008
#define VMCS_CR3_TARGETS	    0x400a
#define VMCS_EXIT		    0x400c
#define VMCS_EXIT_MSR_STORES	    0x400e
#define VMCS_EXIT_MSR_LOADS	    0x4010
#define VMCS_ENTRY		    0x4012
#define VMCS_ENTRY_MSR_LOADS	    0x4014
#define VMCS_ENTRY_EVENT	    0x4016
#define VMCS_ENTRY_ERROR	    0x4018
#define VMCS_SECONDARY		    0x401e
#define VMCS_EXIT_REASON	    0x4402
#define VMCS_EXIT_EVENT		    0x4404
#define VMCS_EXIT_ERROR		    0x4406
#define VMCS_VECTORING_EVENT	    0x4408
#define VMCS_VECTORING_ERROR	    0x440a
#define VMCS_EXIT_LENGTH	    0x440c
#define VMCS_INSTRUCTION	    0x440e
#define VMCS_GUEST_LIMIT(n)	    (0x4800 + 2 * (n)) /* and GDTR IDTR */
#define VMCS_GUEST_RIGHTS(n)	    (0x4814 + 2 * (n))
#define VMCS_GUEST_INTERRUPTIBILITY 0x4824
#define VMCS_GUEST_ACTIVITY	    0x4826
#define VMCS_GUEST_SYSENTER_CS	    0x482a
#define VMCS_PREEMPTION		    0x482e
#define VMCS_CR0_MASK		    0x6000
#define VMCS_CR4_MASK		    0x6002
#define VMCS_CR0_SHADOW		    0x6004
#define VMCS_CR4_SHADOW		    0x6006
#define VMCS_QUALIFICATION	    0x6400
#define VMCS_GUEST_CR0		    0x6800
#define VMCS_GUEST_CR3		    0x6802
#define VMCS_GUEST_CR4		    0x6804
#define VMCS_GUEST_BASE(n)	    (0x6806 + 2 * (n))
#define VMCS_GUEST_DR7		    0x681a
#define VMCS_GUEST_RSP		    0x681c
#define VMCS_GUEST_RIP		    0x681e
#define VMCS_GUEST_RFLAGS	    0x6820
#define VMCS_GUEST_PENDING_DEBUG    0x6822
#define VMCS_GUEST_SYSENTER_ESP	    0x6824
#define VMCS_GUEST_SYSENTER_EIP	    0x6826
#define VMCS_HOST_SYSENTER_CS	    0x4c00
#define VMCS_HOST_CR0		    0x6c00
#define VMCS_HOST_CR3		    0x6c02
#define VMCS_HOST_CR4		    0x6c04
#define VMCS_HOST_FS_BASE	    0x6c06
#define VMCS_HOST_GS_BASE	    0x6c08
#define VMCS_HOST_TR_BASE	    0x6c0a
#define VMCS_HOST_GDTR_BASE	    0x6c0c
#define VMCS_HOST_IDTR_BASE	    0x6c0e
#define VMCS_HOST_SYSENTER_ESP	    0x6c10
#define VMCS_HOST_SYSENTER_EIP	    0x6c12
#define VMCS_HOST_RSP		    0x6c14
#define VMCS_HOST_RIP		    0x6c16

/* Controls, 25.6 to 25.8 */
#define VMX_PIN_INTERRUPT	   0x00000001u
#define VMX_PIN_NMI		   0x00000008u
#define VMX_PIN_PREEMPTION	   0x00000040u
#define VMX_PRIMARY_WINDOW	   0x00000004u
#define VMX_PRIMARY_HLT		   0x00000080u
#define VMX_PRIMARY_MWAIT	   0x00000400u
#define VMX_PRIMARY_RDPMC	   0x00000800u
#define VMX_PRIMARY_CR8		   0x00180000u /* load and store */
#define VMX_PRIMARY_IO		   0x01000000u
#define VMX_PRIMARY_MSR_BITMAP	   0x10000000u
#define VMX_PRIMARY_MONITOR	   0x20000000u
#define VMX_PRIMARY_SECONDARY	   0x80000000u
#define VMX_SECONDARY_EPT	   0x00000002u
#define VMX_SECONDARY_RDTSCP	   0x00000008u
#define VMX_SECONDARY_VPID	   0x00000020u
#define VMX_SECONDARY_WBINVD	   0x00000040u
#define VMX_SECONDARY_UNRESTRICTED 0x00000080u
#define VMX_SECONDARY_INVPCID	   0x00001000u
#define VMX_EXIT_DEBUG		   0x00000004u
#define VMX_EXIT_HOST_64	   0x00000200u
#define VMX_EXIT_SAVE_PAT	   0x00040000u
#define VMX_EXIT_LOAD_PAT	   0x00080000u
#define VMX_EXIT_SAVE_EFER	   0x00100000u
#define VMX_EXIT_LOAD_EFER	   0x00200000u
#define VMX_ENTRY_DEBUG		   0x00000004u
#define VMX_ENTRY_LONG_MODE	   0x00000200u
#define VMX_ENTRY_LOAD_PAT	   0x00004000u
#define VMX_ENTRY_LOAD_EFER	   0x00008000u

/* Events, 25.8.3 and 25.9.2 */
#define VMX_EVENT_VECTOR    0x000000ffu
#define VMX_EVENT_TYPE	    0x00000700u
#define VMX_EVENT_INTERRUPT 0x00000000u
#define VMX_EVENT_NMI	    0x00000200u
#define VMX_EVENT_EXCEPTION 0x00000300u
#define VMX_EVENT_ERROR	    0x00000800u
#define VMX_EVENT_VALID	    0x80000000u

/* Interruptibility, 25.4.2 */
#define VMX_BLOCKED	    0x3u /* by STI, by MOV SS */

#define VMX_RIGHTS_UNUSABLE 0x10000u
#define VMX_EPT_WALK_4_WB   0x1e /* of the EPT pointer, 25.6.11 */

/* Exit reasons, appendix C */
#define VMX_REASON_EXCEPTION	0
#define VMX_REASON_INTERRUPT	1
#define VMX_REASON_TRIPLE_FAULT 2
#define VMX_REASON_WINDOW	7
#define VMX_REASON_CPUID	10
#define VMX_REASON_GETSEC	11
#define VMX_REASON_HLT		12
#define VMX_REASON_INVD		13
#define VMX_REASON_RDPMC	15
#define VMX_REASON_VMCALL	18
#define VMX_REASON_VMCLEAR	19 /* VMLAUNCH VMPTRLD VMPTRST VMREAD VMRESUME VMWRITE VMXOFF */
#define VMX_REASON_VMXON	27
#define VMX_REASON_CR		28
#define VMX_REASON_IO		30
#define VMX_REASON_RDMSR	31
#define VMX_REASON_WRMSR	32
#define VMX_REASON_BAD_STATE	33
#define VMX_REASON_MWAIT	36
#define VMX_REASON_MONITOR	39
#define VMX_REASON_EPT		48
#define VMX_REASON_EPT_WRONG	49
#define VMX_REASON_INVEPT	50
#define VMX_REASON_PREEMPTION	52
#define VMX_REASON_INVVPID	53
#define VMX_REASON_WBINVD	54
#define VMX_REASON_XSETBV	55
#define VMX_REASON_SEAMCALL	76
#define VMX_REASON_TDCALL	77
#define VMX_REASON_FAILED	0x80000000u /* an entry, not an exit */

#ifndef __ASSEMBLER__
#include "engine/hvm/hvm.h"

/* Per-vCPU and per-CPU state of the engine. */
struct vmx_vcpu {
	struct hvm_vcpu hvm;
	bool launched, flush; /* VMLAUNCH is done; translations must go */
	bool masked;	      /* entered with interrupts masked */
	uint8_t cr8;
	uint64_t msr[HVM_LAZY_MSRS]; /* while they are not in the processor */
	mpa_t vmcs_at;
	_Alignas(PAGE_SIZE) uint8_t vmcs[PAGE_SIZE];
};

struct vmx_cpu {
	struct vcpu *vmcs;	     /* whose VMCS is current */
	uint64_t msr[HVM_LAZY_MSRS]; /* the hypervisor's while a guest's are loaded */
	_Alignas(PAGE_SIZE) uint8_t vmxon[PAGE_SIZE];
};

/* Runs the guest of this CPU's current VMCS until it exits. General registers except RSP are loaded
 * from r and stored there. False: the processor rejects the VMCS. Interrupts that arrived meanwhile
 * are taken before the return. */
bool vmx_enter(struct regs *r, bool launched);
#endif
