/* SPDX-License-Identifier: GPL-2.0-or-later */
#define __ASSEMBLER__ 1
#include "abi/veneer.h"

	.bss
	.globl	attempt_sp
	.balign	8
attempt_sp:
	.skip	8
	.balign	16
	.skip	16384
user_stack:
	.skip	16384
	.globl	trap_stack
trap_stack:

	.text
/* int try_call(void (*fn)(void *), void *arg): returns -1, or the vector if it ends at try_fault */
	.globl	try_call, try_fault
try_call:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	movq	%rsp, attempt_sp(%rip)
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	movl	$-1, %eax
try_fault:
	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

/* The same with fn in ring 3, which returns by INT 0x81 or ends in an exception. */
	.globl	try_call_user
try_call_user:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	movq	%rsp, attempt_sp(%rip)
	leaq	user_stack-8(%rip), %rax
	leaq	user_end(%rip), %rcx
	movq	%rcx, (%rax)
	pushq	$VENEER_USER_SS
	pushq	%rax
	pushq	$0x202
	pushq	$VENEER_USER_CS
	pushq	%rdi
	movq	%rsi, %rdi
	iretq
user_end:
	movl	$0x81818181, %eax
	int	$0x81
	ud2

	.section .note.GNU-stack, "", @progbits
