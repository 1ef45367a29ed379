/* SPDX-License-Identifier: MIT */
/*
 * Entry points for the hypervisor: start, exceptions, events, soft interrupts; and the common
 * return path, which ends with the restartable window.
 */
#define __ASSEMBLER__ 1
#include "abi/veneer.h"

	.section .note.veneer, "a", @note
	.balign	4
	.long	7, 4, VENEER_NOTE_GUEST
	.asciz	VENEER_NOTE_NAME
	.balign	4
	.long	VENEER_ABI_MAJOR

	.bss
	.globl	veneer_vcpu
	.balign	4096
veneer_vcpu:				/* the page table maps the vCPU page here */
	.skip	4096
	.balign	16
	.skip	8192
boot_stack:

	.text
	.globl	veneer_start
veneer_start:
	leaq	boot_stack(%rip), %rsp
	pushq	%rdi
	call	veneer_tables		/* start info in RDI */
	popq	%rdi
	subq	$8, %rsp
	andq	$-16, %rsp
	call	veneer_begin
	ud2

	.set	vector, 0
	.globl	veneer_exception_stubs
	.balign	16
veneer_exception_stubs:
	.rept	32
	.balign	16
	.if	!((0x60227d00 >> vector) & 1)
	pushq	$0
	.endif
	pushq	$vector
	jmp	exception
	.set	vector, vector + 1
	.endr

.macro SAVE
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rbx
	pushq	%rbp
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	cld
	movq	%rsp, %rdi
.endm

exception:
	SAVE
	call	veneer_exception
	jmp	leave

	.globl	veneer_event_entry
veneer_event_entry:
	subq	$16, %rsp
	SAVE
	call	veneer_event
	jmp	leave

/* From ring 3, on the entry stack: mask before anything else, move to the kernel's stack. */
	.globl	veneer_softint_entry
veneer_softint_entry:
	movl	$VENEER_IRQ_MASKED, veneer_vcpu+VENEER_VP_IRQ_MASK(%rip)
	movq	%rax, veneer_vcpu+VENEER_VP_FREE(%rip)
	movq	%rsp, %rax
	movq	veneer_vcpu+VENEER_VP_KERNEL_SP(%rip), %rsp
	pushq	32(%rax)
	pushq	24(%rax)
	pushq	16(%rax)
	pushq	8(%rax)
	pushq	(%rax)
	movq	veneer_vcpu+VENEER_VP_FREE(%rip), %rax
	subq	$16, %rsp
	SAVE
	call	veneer_softint

leave:
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rbp
	popq	%rbx
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$16, %rsp
	.globl	veneer_window_start, veneer_window_end
veneer_window_start:
	testb	$2, 17(%rsp)		/* RFLAGS.IF of the frame */
	jz	1f
	movl	$0, veneer_vcpu+VENEER_VP_IRQ_MASK(%rip)
	cmpl	$0, veneer_vcpu+VENEER_VP_IRQ_PENDING(%rip)
	jne	2f
1:	iretq
veneer_window_end:
2:	movl	$VENEER_IRQ_MASKED, veneer_vcpu+VENEER_VP_IRQ_MASK(%rip)
	movl	$0, veneer_vcpu+VENEER_VP_IRQ_PENDING(%rip)
	jmp	veneer_event_entry

	.section .note.GNU-stack, "", @progbits
