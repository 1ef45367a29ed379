/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry code of the PV attacker. Each vCPU has its own entries, so that none needs to trust a
 * register or a page to know which vCPU it is. Any exception ends the attempt: trap() begins anew
 * on an empty stack.
 */
#define __ASSEMBLER__ 1
#include "abi/veneer.h"
#include "pv.h"

	.bss
	.balign	4096
	.globl	trap_stacks
trap_stacks:
	.skip	VCPUS * TRAP_STACK

	.text
	.globl	exception_entries, event_entries, system_entries
	.balign	16
exception_entries:
	.set	vcpu, 0
	.rept	VCPUS
	.set	vector, 0
	.rept	32
	.balign	16
	.if	!((0x60227d00 >> vector) & 1)
	pushq	$0
	.endif
	pushq	$(vcpu << 8 | vector)
	jmp	trapped
	.set	vector, vector + 1
	.endr
	.set	vcpu, vcpu + 1
	.endr

	.balign	16
event_entries:
	.set	vcpu, 0
	.rept	VCPUS
	.balign	16
	pushq	$0
	pushq	$(vcpu << 8)
	jmp	event
	.set	vcpu, vcpu + 1
	.endr

/* SYSCALL, SYSENTER, INT n: RSP depends on the attempt, so nothing is pushed. */
	.balign	16
system_entries:
	.set	vcpu, 0
	.rept	VCPUS
	.balign	16
	movl	$vcpu, %edi
	jmp	called
	.set	vcpu, vcpu + 1
	.endr

trapped:
	movzbl	1(%rsp), %edi
called:
	cld
	leal	1(%rdi), %ecx
	imull	$TRAP_STACK, %ecx, %ecx
	leaq	trap_stacks(%rcx), %rsp
	call	trap
	ud2

event:
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
	movzbl	15*8+1(%rsp), %edi
	call	event_taken
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
	jmp	*to_return(%rip)

	.section .rodata
	.balign	8
to_return:
	.quad	VENEER_HYPERCALL_PAGE + VENEER_HC_RETURN * VENEER_HYPERCALL_STRIDE
to_return_user:
	.quad	VENEER_HYPERCALL_PAGE + VENEER_HC_RETURN_USER * VENEER_HYPERCALL_STRIDE

.macro PUSH_CALLEE_SAVED
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm

.macro POP_CALLEE_SAVED
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
.endm

	.text
/* void attack_on(struct self *, void *stack): nothing that was on the stack can be trusted any
 * more */
	.globl	attack_on
attack_on:
	movq	%rsi, %rsp
	xorl	%ebp, %ebp
	call	attack_for_ever
	ud2

/* Loads 15 registers from RBX on, in the order of struct registers, RBX last. */
.macro LOAD_REGISTERS
	movq	8(%rbx), %rax
	movq	16(%rbx), %rcx
	movq	24(%rbx), %rdx
	movq	32(%rbx), %rsi
	movq	40(%rbx), %rdi
	movq	48(%rbx), %rbp
	movq	56(%rbx), %r8
	movq	64(%rbx), %r9
	movq	72(%rbx), %r10
	movq	80(%rbx), %r11
	movq	88(%rbx), %r12
	movq	96(%rbx), %r13
	movq	104(%rbx), %r14
	movq	112(%rbx), %r15
	movq	(%rbx), %rbx
.endm

/* void run_code(const struct registers *, const void *code): code returns */
	.globl	run_code
run_code:
	PUSH_CALLEE_SAVED
	leaq	1f(%rip), %rax
	pushq	%rax
	pushq	%rsi
	movq	%rdi, %rbx
	LOAD_REGISTERS
	ret
1:	cld
	POP_CALLEE_SAVED
	ret

/* void enter_frame(const struct registers *, const uint64_t frame[5], enum way) */
	.globl	enter_frame
enter_frame:
	movq	%rdi, %rbx
	.irp	word, 32, 24, 16, 8, 0
	pushq	\word(%rsi)
	.endr
	cmpl	$1, %edx
	je	1f
	ja	2f
	LOAD_REGISTERS
	iretq
1:	LOAD_REGISTERS
	jmp	*to_return(%rip)
2:	LOAD_REGISTERS
	jmp	*to_return_user(%rip)

	.section .note.GNU-stack, "", @progbits
