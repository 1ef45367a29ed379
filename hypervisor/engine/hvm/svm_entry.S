/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * void svm_enter(struct regs *r, uint64_t vmcb, uint64_t host, const struct vmcb *b)
 *
 * VMRUN exchanges RAX, RSP, RIP, RFLAGS, CR0, CR3, CR4, EFER, the tables and CS, SS, DS, ES (AMD
 * APM 2, 15.5.1); VMLOAD and VMSAVE the rest of the system state (15.5.2); the general registers
 * are left to us. GIF is 0 where the two sets are mixed: an NMI would look for its stack in the
 * guest's TSS. IF is 1 in the guest, for it is the host's IF that lets an interrupt end the run.
 *
 * #VMEXIT is specified to load DR7 with all breakpoints disabled (15.6). Where a processor leaves
 * the guest's there it goes while GIF is still 0, which discards what breakpoints raise (15.17).
 * QEMU 7.2 does neither, but VMRUN does not arm DR7 there either: only MOV does, which svm.c
 * intercepts.
 */
#define __ASSEMBLER__ 1
#include "engine/hvm/entry.inc"
#include "engine/hvm/svm.h"
#include "kernel/gate.h"
#include "arch/cpu.h"
#include "arch/speculation.h"

	.text
	.globl	svm_enter
svm_enter:
	push_registers
	pushq	%rcx			/* b */
	pushq	%rdx			/* host */
	pushq	%rdi			/* r */
	movq	%rsi, %rax
svm_entry_site:
	clgi
	sti
	vmload	%rax
svm_entry_go_on:
	load_guest_registers

	vmrun	%rax

	vmsave	%rax
	store_guest_registers
svm_exit_site:
	popq	%rax
	vmload	%rax
	popq	%rax
svm_exit_go_on:
	testb	$DR7_ENABLE, VMCB_DR7(%rax)
	jz	1f
	movl	$DR7_FIXED, %eax
	movq	%rax, %dr7
1:	stgi				/* what waits is taken here */
	cli
	pop_registers
	ret
	int3

/* Where a measure is on, in place of what stands at the sites above. Behind VERW only what the guest
 * may know is read: its registers, its control block, and the state that VMLOAD gives it. */
svm_entry_clear:
	verw	svm_data_selector(%rip)
	clgi
	sti
	vmload	%rax
	jmp	svm_entry_go_on
svm_data_selector:
	.word	SEL_HV_SS

svm_exit_barrier:
	write_command MSR_PRED_CMD
svm_exit_stuff:
	stuff_return_stack
	popq	%rax
	vmload	%rax
	popq	%rax
	jmp	svm_exit_go_on

	speculation_site svm_entry_site, svm_entry_clear, MITIGATION_VERW
	speculation_site svm_exit_site, svm_exit_stuff, MITIGATION_RSB
	speculation_site svm_exit_site, svm_exit_barrier, MITIGATION_IBPB_EXIT

	.section .note.GNU-stack, "", @progbits
