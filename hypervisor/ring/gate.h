/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate area: the only part of the hypervisor that is mapped while a ring-1 guest runs.
 *
 * It fills the start of root slot 256. Each physical CPU has page tables of its own for it, so the
 * per-CPU pages below stand at the same addresses on every CPU, and no CPU can see another's.
 * Ring 1 may read all of it (there is nothing to learn) and write only the stacks, whose contents
 * mean nothing between traps, and its own vCPU page.
 */
#ifndef VENEER_GATE_H
#define VENEER_GATE_H

#define GATE_SLOT	 256
#define GATE_BASE	 0xffff800000000000
#define GATE_TEXT	 (GATE_BASE + 0x00000) /* 4 pages, execute */
#define GATE_IDT	 (GATE_BASE + 0x04000) /* of the current vCPU */
#define GATE_TSS	 (GATE_BASE + 0x05000) /* TSS and I/O bitmap, 3 pages */
#define GATE_GDT	 (GATE_BASE + 0x08000) /* page 0: of the current vCPU; page 1: ours */
#define GATE_DATA	 (GATE_BASE + 0x0a000) /* struct gate_data */
#define GATE_ENTRY_STACK (GATE_BASE + 0x0c000) /* one page, writable, unmapped pages around it */
#define GATE_NMI_STACK	 (GATE_BASE + 0x0e000)
#define GATE_MC_STACK	 (GATE_BASE + 0x10000)
#define GATE_DF_STACK	 (GATE_BASE + 0x12000)
#define GATE_DB_STACK	 (GATE_BASE + 0x14000)
#define GATE_VCPU_PAGE	 (GATE_BASE + 0x20000) /* of the current vCPU, writable */
#define GATE_HYPERCALL	 (GATE_BASE + 0x30000) /* execute */
#define GATE_LDT	 (GATE_BASE + 0x40000) /* of the current vCPU, up to 16 pages */
#define GATE_LDT_PAGES	 16

#define GATE_STACK_BYTES 0x1000
#define GATE_FRAME	 (GATE_ENTRY_STACK + GATE_STACK_BYTES - 22 * 8) /* struct regs of the guest */

/* Selectors: the guest's GDT entries fill page 0, ours start page 1 */
#define SEL_GUEST_MAX 0x1000
#define SEL_HV_CS     0x1000
#define SEL_HV_SS     0x1008
#define SEL_TSS	      0x1010
#define SEL_BOOT_CS32 0x1021 /* flat, DPL 1: what a legacy guest starts with */
#define SEL_BOOT_DS32 0x1029
#define SEL_PV_CS     0x1031 /* VENEER_KERNEL_CS and _SS */
#define SEL_PV_SS     0x1039
#define SEL_LDT	      0x1040
#define GDT_LIMIT     0x104f

/* Byte offsets in struct gate_data, for gate.S */
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

/* Per CPU, read-only inside the gate; the hypervisor writes it through its direct map. */
struct gate_data {
	uint64_t hv_cr3;
	uint64_t hv_rsp;   /* where gate.S finds the hypervisor's stack */
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
#endif
