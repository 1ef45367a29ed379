/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate area: the only part of the hypervisor that is mapped while a ring-1 guest runs.
 *
 * It fills the start of root slot 256. Each physical CPU has page tables of its own for it, so the
 * per-CPU pages below stand at the same addresses on every CPU, and no CPU can see another's.
 * Ring 1 may read all of it, and write only the stacks, whose contents mean nothing between traps,
 * and its own vCPU page.
 *
 * What there is to read:
 *   - Text, hypercall page, TSS and our page of the GDT are constant, but for the descriptor of the
 *     current vCPU's LDT and the selectors for its kind of guest.
 *   - IDT, the guest's page of the GDT, LDT and vCPU page are the current vCPU's own frames.
 *   - GATE_DATA has the current vCPU's entries and three constants of this CPU: the hypervisor's
 *     CR3, its stack pointer and its struct cpu. They depend on the machine's memory map alone, and
 *     no interface of a guest's takes such an address.
 *   - The stacks are a frame of the current vCPU's. What interrupts the hypervisor itself is pushed
 *     elsewhere: in its own page tables another frame lies at GATE_STACKS, which no guest ever
 *     sees. So a guest finds its own registers there, or those of gate.S under its page table: the
 *     guest's once more, the constants above, and on the way in, in RAX, where its own root is.
 */
#pragma once

#define GATE_SLOT      256
#define GATE_BASE      0xffff800000000000
#define GATE_TEXT      (GATE_BASE + 0x00000) /* 4 pages, execute */
#define GATE_IDT       (GATE_BASE + 0x04000) /* of the current vCPU */
#define GATE_TSS       (GATE_BASE + 0x05000) /* TSS and I/O bitmap, 3 pages */
#define GATE_GDT       (GATE_BASE + 0x08000) /* page 0: of the current vCPU; page 1: ours */
#define GATE_DATA      (GATE_BASE + 0x0a000) /* struct gate_data */
#define GATE_VCPU_PAGE (GATE_BASE + 0x20000) /* of the current vCPU, writable */
#define GATE_HYPERCALL (GATE_BASE + 0x30000) /* execute */
#define GATE_LDT       (GATE_BASE + 0x40000) /* of the current vCPU, up to 16 pages */
#define GATE_LDT_PAGES 16

/*
 * One page, writable, with unmapped ones around it. Its tops, in bytes: no stack is deeper than the
 * frame of an exception and all registers twice, for only gate.S runs on them, and an IST stack
 * starts at its top each time.
 */
#define GATE_STACKS	     (GATE_BASE + 0x201000)
#define GATE_DF_STACK_TOP    0x400
#define GATE_MC_STACK_TOP    0x800
#define GATE_NMI_STACK_TOP   0xa00
#define GATE_DB_STACK_TOP    0xc00
#define GATE_ENTRY_STACK_TOP 0x1000
#define GATE_FRAME	     (GATE_ENTRY_STACK_TOP - 22 * 8) /* struct regs of the guest */

/* Selectors: the guest's GDT entries fill page 0, ours start page 1. Only the kernel segments for
 * the current vCPU's kind of guest are present: see ring_load_selectors. */
#define SEL_GUEST_MAX 0x1000
#define SEL_HV_CS     0x1000
#define SEL_HV_SS     0x1008
#define SEL_TSS	      0x1010
#define SEL_BOOT_CS32 0x1021 /* flat, DPL 1: what a legacy guest starts with */
#define SEL_BOOT_DS32 0x1029
#define SEL_PV_CS     0x1031 /* VENEER_KERNEL_CS and _SS */
#define SEL_PV_SS     0x1039
#define SEL_LDT	      0x1040
#define SEL_KEPT_CS   0x1051 /* what a legacy kernel has in CS and SS, and no longer in its GDT */
#define SEL_KEPT_SS   0x1059
#define GDT_LIMIT     0x105f
#define SEL_OURS(sel) (!((sel)&4) && (sel) >= SEL_GUEST_MAX)
#define SEL_OWN(sel)  (((sel) & (SEL_GUEST_MAX - 1)) / 8) /* index in our page */

/* Exit reasons in regs.vector beyond the processor's own 256 vectors */
#define EXIT_HYPERCALL 0x100 /* through the hypercall page; RAX = number */
#define EXIT_BAD_FRAME 0x101 /* IRETQ refused the guest's frame */

/* Byte offsets in struct cpu, for gate.S */
#define CPU_NMI_COUNT	0
#define CPU_ABORT_STACK 8

/* Byte offsets in struct gate_data */
#define GD_HV_CR3	   0
#define GD_HV_RSP	   8
#define GD_THIS_CPU	   16
#define GD_SYSCALL_ENTRY   24
#define GD_SYSCALL32_ENTRY 32
#define GD_SYSENTER_ENTRY  40
#define GD_EVENT_ENTRY	   48
#define GD_FAULT_ENTRY	   56

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Per CPU; read-only in the gate area, written through the direct map. */
struct gate_data {
	uint64_t hv_cr3;
	uint64_t hv_rsp;   /* the hypervisor's stack pointer, for gate.S */
	uint64_t this_cpu; /* struct cpu * */
	/* entries of the current vCPU's kernel, in ring 1 */
	uint64_t syscall_entry, syscall32_entry, sysenter_entry, event_entry, fault_entry;
};
_Static_assert(__builtin_offsetof(struct gate_data, syscall_entry) == GD_SYSCALL_ENTRY, "gate.S");
_Static_assert(__builtin_offsetof(struct gate_data, syscall32_entry) == GD_SYSCALL32_ENTRY, "");
_Static_assert(__builtin_offsetof(struct gate_data, sysenter_entry) == GD_SYSENTER_ENTRY, "");
_Static_assert(__builtin_offsetof(struct gate_data, event_entry) == GD_EVENT_ENTRY, "gate.S");
_Static_assert(__builtin_offsetof(struct gate_data, fault_entry) == GD_FAULT_ENTRY, "gate.S");
_Static_assert(__builtin_offsetof(struct gate_data, this_cpu) == GD_THIS_CPU, "gate.S");
#endif
