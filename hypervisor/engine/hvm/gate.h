/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate area of a PV guest in a virtual machine: the same addresses as under the ring engine
 * (kernel/gate.h), but all of it belongs to the guest. What the hypervisor does there in ring 0,
 * this code does in ring 0 of the virtual machine, on the page table of the guest's kernel, so a
 * system call, an exception or a page fault costs no exit. A guest that modifies it only harms
 * itself.
 *
 * In guest-physical memory, the area and its page tables are at HVM_GATE_GPA, where no guest has
 * memory.
 */
#pragma once

#include "kernel/gate.h"

#define HVM_GATE_TEXT	  (GATE_BASE + 0x60000) /* gate.S */
#define HVM_GATE_GPA	  0x8000000000
#define HVM_GATE_PDPT	  (HVM_GATE_GPA + 0x0000) /* what a root's slot 256 leads to */
#define HVM_GATE_PD	  (HVM_GATE_GPA + 0x1000)
#define HVM_GATE_PT	  (HVM_GATE_GPA + 0x2000)
#define HVM_IDENTITY_ROOT (HVM_GATE_GPA + 0x3000) /* va = gpa, until the guest has a root */
#define HVM_IDENTITY_PDPT (HVM_GATE_GPA + 0x4000)
#define HVM_IDENTITY_PD	  (HVM_GATE_GPA + 0x5000)   /* one for each GiB */
#define HVM_GATE_PAGES	  (HVM_GATE_GPA + 0x200000) /* + va - GATE_BASE */

#define HVM_KERNEL_CS	  0x1030 /* where VENEER_KERNEL_CS is, but of ring 0 */
#define HVM_KERNEL_SS	  0x1038
#define HVM_EVENT_VECTOR  2 /* the NMI's, which is never sent */

/* The task state segment overlaps the vCPU page so that its RSP0 is kernel_sp: the processor loads
 * the kernel stack from where the guest stores it. SDM 3A 8.7. */
#define HVM_TSS (GATE_VCPU_PAGE + VENEER_VP_KERNEL_SP - 4)

/* struct hvm_gate_data, for gate.S */
#define HD_EXCEPTION 0x000
#define HD_EVENT     (HD_EXCEPTION + 8 * HVM_EVENT_VECTOR)
#define HD_SYSCALL   0x100
#define HD_SYSCALL32 0x108
#define HD_SYSENTER  0x110
#define HD_SOFTINT   0x200
#define HD_ROOTS     0xa00
#define HVM_ROOTS    64 /* by bits 17:12 of the address */

#ifndef __ASSEMBLER__
/* Per vCPU, at GATE_DATA: the kernel's entry points. */
struct hvm_gate_data {
	uint64_t exception[32]; /* at HVM_EVENT_VECTOR: of events */
	uint64_t syscall, syscall32, sysenter;
	uint64_t reserved[29];
	uint64_t softint[256];
	uint64_t root[HVM_ROOTS]; /* known to have slot 256 */
	uint64_t reserved2[128];
};
_Static_assert(__builtin_offsetof(struct hvm_gate_data, sysenter) == HD_SYSENTER, "gate.S");
_Static_assert(__builtin_offsetof(struct hvm_gate_data, softint) == HD_SOFTINT, "gate.S");
_Static_assert(__builtin_offsetof(struct hvm_gate_data, root) == HD_ROOTS, "gate.S");
_Static_assert(sizeof(struct hvm_gate_data) == 4096, "one page");

/* Places in gate.S, for C code. */
enum hvm_gate_place {
	HVM_GATE_VECTORS,  /* HVM_VECTOR_BYTES apart */
	HVM_GATE_SOFTINTS, /* HVM_SOFTINT_BYTES apart, from vector 32 on */
	HVM_GATE_SYSCALL,
	HVM_GATE_SYSCALL32,
	HVM_GATE_SYSENTER,
	HVM_GATE_RETURN, /* an event from here to RETURN_WAITS restarts here */
	HVM_GATE_RETURN_WAITS,
	HVM_GATE_PLACES
};
extern const uint64_t hvm_gate_places[HVM_GATE_PLACES];
#endif
#define HVM_VECTOR_BYTES  16
#define HVM_SOFTINT_BYTES 8
