/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * void svm_enter(struct regs *r, uint64_t vmcb, uint64_t host)
 *
 * VMRUN exchanges RAX, RSP, RIP, RFLAGS, CR0, CR3, CR4, EFER, the tables and CS, SS, DS, ES (AMD
 * APM 2, 15.5.1); VMLOAD and VMSAVE the rest of the system state (15.5.2); the general registers
 * are left to us. GIF is 0 where the two sets are mixed: an NMI would look for its stack in the
 * guest's TSS. IF is 1 in the guest, for it is the host's IF that lets an interrupt end the run.
 */
#define __ASSEMBLER__ 1
#include "hvm/svm.h"

	.text
	.globl	svm_enter
svm_enter:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdx			/* host */
	pushq	%rdi			/* r */
	movq	%rsi, %rax
	clgi
	sti
	vmload	%rax
	movq	REGS_R15(%rdi), %r15
	movq	REGS_R14(%rdi), %r14
	movq	REGS_R13(%rdi), %r13
	movq	REGS_R12(%rdi), %r12
	movq	REGS_R11(%rdi), %r11
	movq	REGS_R10(%rdi), %r10
	movq	REGS_R9(%rdi), %r9
	movq	REGS_R8(%rdi), %r8
	movq	REGS_RSI(%rdi), %rsi
	movq	REGS_RBP(%rdi), %rbp
	movq	REGS_RBX(%rdi), %rbx
	movq	REGS_RDX(%rdi), %rdx
	movq	REGS_RCX(%rdi), %rcx
	movq	REGS_RDI(%rdi), %rdi

	vmrun	%rax

	vmsave	%rax
	xchgq	%rdi, (%rsp)
	movq	%r15, REGS_R15(%rdi)
	movq	%r14, REGS_R14(%rdi)
	movq	%r13, REGS_R13(%rdi)
	movq	%r12, REGS_R12(%rdi)
	movq	%r11, REGS_R11(%rdi)
	movq	%r10, REGS_R10(%rdi)
	movq	%r9, REGS_R9(%rdi)
	movq	%r8, REGS_R8(%rdi)
	movq	%rsi, REGS_RSI(%rdi)
	movq	%rbp, REGS_RBP(%rdi)
	movq	%rbx, REGS_RBX(%rdi)
	movq	%rdx, REGS_RDX(%rdi)
	movq	%rcx, REGS_RCX(%rdi)
	popq	REGS_RDI(%rdi)
	popq	%rax
	vmload	%rax
	stgi				/* what waits is taken here */
	cli
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
