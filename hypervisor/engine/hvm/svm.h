/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AMD-V: the virtual machine control block and its constants, AMD APM 2 chapter 15 and appendix B.
 */
#pragma once

#define VMCB_DR7 0x560 /* byte offset, for svm_entry.S */

#ifndef __ASSEMBLER__
#include "engine/hvm/hvm.h"

/* Appendix B, table B-1; reserved, or not used here */
struct vmcb_control {
	uint16_t cr_read, cr_write, dr_read, dr_write;
	uint32_t exception_bitmap;
	uint32_t intercept1, intercept2;
	uint8_t reserved0[0x40 - 0x14];
	uint64_t iopm_base, msrpm_base, tsc_offset;
	uint32_t asid, tlb_control;
	uint32_t virtual_interrupt, virtual_vector;
	uint64_t interrupt_shadow;
	uint64_t exit_code, exit_info1, exit_info2, exit_interrupt;
	uint64_t nested_paging;
	uint8_t reserved1[0xa8 - 0x98];
	uint64_t event;
	uint64_t nested_cr3;
	uint8_t reserved2[0xc0 - 0xb8];
	uint32_t clean, reserved3;
	uint64_t next_rip;
	uint8_t reserved4[0x400 - 0xd0];
};

/* Table B-2, from offset 0x400 */
struct vmcb_save {
	struct hvm_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved0[0xcb - 0xa0];
	uint8_t cpl;
	uint32_t reserved1;
	uint64_t efer;
	uint8_t reserved2[0x148 - 0xd8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved3[0x1d8 - 0x180];
	uint64_t rsp;
	uint8_t reserved4[0x1f8 - 0x1e0];
	uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t reserved5[0x268 - 0x248];
	uint64_t pat;
	uint8_t reserved6[0xc00 - 0x270];
};

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
};
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB");

/* Per-vCPU and per-CPU state of the engine. */
struct svm_vcpu {
	struct hvm_vcpu hvm;
	mpa_t vmcb_at, host_at; /* of what follows, and of its CPU's host */
	_Alignas(PAGE_SIZE) struct vmcb vmcb;
};

struct svm_cpu {
	_Alignas(PAGE_SIZE) uint8_t save[PAGE_SIZE]; /* the processor's own, VM_HSAVE_PA */
	uint8_t host[PAGE_SIZE]; /* FS, GS, TR, LDTR and system-call MSRs, as VMSAVE has them */
};

#define VMCB_AT(part, field, offset) \
	_Static_assert(__builtin_offsetof(struct vmcb, part.field) == (offset), #field)
VMCB_AT(control, iopm_base, 0x40);
VMCB_AT(control, virtual_interrupt, 0x60);
VMCB_AT(control, exit_code, 0x70);
VMCB_AT(control, nested_paging, 0x90);
VMCB_AT(control, event, 0xa8);
VMCB_AT(control, clean, 0xc0);
VMCB_AT(control, next_rip, 0xc8);
VMCB_AT(save, tr, 0x490);
VMCB_AT(save, cpl, 0x4cb);
VMCB_AT(save, efer, 0x4d0);
VMCB_AT(save, cr4, 0x548);
VMCB_AT(save, dr7, VMCB_DR7);
VMCB_AT(save, rip, 0x578);
VMCB_AT(save, rsp, 0x5d8);
VMCB_AT(save, rax, 0x5f8);
VMCB_AT(save, cr2, 0x640);
VMCB_AT(save, pat, 0x668);

/* Runs the guest of the VMCB b, whose machine address is vmcb, until it exits. Its general
 * registers except RAX and RSP are loaded from r and stored there; host holds this CPU's FS, GS,
 * TR, LDTR and system-call MSRs (VMSAVE). Interrupts and NMIs that arrived meanwhile are taken
 * before the return, or pending. */
void svm_enter(struct regs *r, uint64_t vmcb, uint64_t host, const struct vmcb *b);

/* Intercepts, control word 1 (offset 0x00c) */
#define SVM_INTERCEPT1_INTR	0x00000001u
#define SVM_INTERCEPT1_NMI	0x00000002u
#define SVM_INTERCEPT1_INIT	0x00000008u
#define SVM_INTERCEPT1_VINTR	0x00000010u
#define SVM_INTERCEPT1_CR0_SEL	0x00000020u /* but for TS and MP */
#define SVM_INTERCEPT1_RDPMC	0x00008000u
#define SVM_INTERCEPT1_CPUID	0x00040000u
#define SVM_INTERCEPT1_RSM	0x00080000u
#define SVM_INTERCEPT1_INVD	0x00400000u
#define SVM_INTERCEPT1_HLT	0x01000000u
#define SVM_INTERCEPT1_INVLPGA	0x04000000u
#define SVM_INTERCEPT1_IOIO	0x08000000u
#define SVM_INTERCEPT1_MSR	0x10000000u
#define SVM_INTERCEPT1_SHUTDOWN 0x80000000u
/* control word 2 (offset 0x010) */
#define SVM_INTERCEPT2_SVM     0x007fu /* VMRUN VMMCALL VMLOAD VMSAVE STGI CLGI SKINIT */
#define SVM_INTERCEPT2_WBINVD  0x0200u
#define SVM_INTERCEPT2_MONITOR 0x0400u
#define SVM_INTERCEPT2_MWAIT   0x0800u
#define SVM_INTERCEPT2_XSETBV  0x2000u
#define SVM_INTERCEPT2_RDPRU   0x4000u

/* Exit codes, appendix C */
#define SVM_EXIT_CR_WRITE    0x010
#define SVM_EXIT_DR_WRITE    0x030
#define SVM_EXIT_EXCEPTION   0x040
#define SVM_EXIT_INTR	     0x060
#define SVM_EXIT_NMI	     0x061
#define SVM_EXIT_SMI	     0x062 /* INIT */
#define SVM_EXIT_VINTR	     0x064
#define SVM_EXIT_CR0_SEL     0x065
#define SVM_EXIT_RDPMC	     0x06f
#define SVM_EXIT_CPUID	     0x072
#define SVM_EXIT_RSM	     0x073
#define SVM_EXIT_INVD	     0x076
#define SVM_EXIT_HLT	     0x078
#define SVM_EXIT_INVLPGA     0x07a
#define SVM_EXIT_IOIO	     0x07b
#define SVM_EXIT_MSR	     0x07c
#define SVM_EXIT_SHUTDOWN    0x07f
#define SVM_EXIT_VMRUN	     0x080 /* VMMCALL VMLOAD VMSAVE STGI CLGI */
#define SVM_EXIT_VMMCALL     0x081
#define SVM_EXIT_SKINIT	     0x086
#define SVM_EXIT_WBINVD	     0x089
#define SVM_EXIT_MONITOR     0x08a /* MWAIT */
#define SVM_EXIT_MWAIT_ARMED 0x08c
#define SVM_EXIT_XSETBV	     0x08d
#define SVM_EXIT_RDPRU	     0x08e
#define SVM_EXIT_NPF	     0x400
#define SVM_EXIT_INVALID     0xffffffffu /* the low half of -1 */

/* EVENTINJ and EXITINTINFO, 15.20 */
#define SVM_EVENT_INTERRUPT 0x000
#define SVM_EVENT_EXCEPTION 0x300
#define SVM_EVENT_SOFTWARE  0x400
#define SVM_EVENT_TYPE	    0x700
#define SVM_EVENT_ERROR	    0x800
#define SVM_EVENT_VALID	    0x80000000u

/* EXITINFO1 of a nested page fault, 15.25.6: a fetch, or a walk of the guest's own tables */
#define SVM_NPF_NOT_DATA (1ull << 4 | 1ull << 33)
#define SVM_NPF_WRITE	 0x2

/* Virtual interrupts, 15.21 */
#define SVM_V_IRQ	   0x00000100u
#define SVM_V_PRIORITY	   0x000f0000u
#define SVM_V_IGNORE_TPR   0x00100000u
#define SVM_V_INTR_MASKING 0x01000000u

/* TLB_CONTROL, 15.16.2 */
#define SVM_TLB_FLUSH_ALL  1
#define SVM_TLB_FLUSH_ASID 3

/* Clean bits, 15.15.3: what the processor may keep cached since the last VMRUN. Code that writes a
 * field of a group between two runs clears its bit. EVENTINJ, TLB_CONTROL, the interrupt shadow,
 * RIP, RSP, RAX, RFLAGS and what VMLOAD loads are in none. */
#define SVM_CLEAN_INTERCEPTS 0x001u
#define SVM_CLEAN_TPR	     0x008u
#define SVM_CLEAN_CR	     0x020u
#define SVM_CLEAN_DR	     0x040u
#define SVM_CLEAN_DT	     0x080u
#define SVM_CLEAN_SEG	     0x100u
#define SVM_CLEAN_CR2	     0x200u
#define SVM_CLEAN_ALL	     0x3ffu

/* MSRs, 15.30 and appendix A.7 */
#define MSR_VM_CR	0xc0010114
#define MSR_VM_HSAVE_PA 0xc0010117
#define VM_CR_SVMDIS	0x10
#define EFER_SVME	0x1000

#endif
