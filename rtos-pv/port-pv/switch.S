/* SPDX-License-Identifier: GPL-2.0-or-later */
#define __ASSEMBLER__ 1
#include "abi/veneer.h"

	.text
/* void port_switch(void **save_sp, void *load_sp) */
	.globl	port_switch
port_switch:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.globl	port_thread_begin
port_thread_begin:
	movq	%rbp, %rdi
	call	*%rbx
	ud2

/* void port_enter_user(void (*entry)(void *), void *arg, void *stack_top) */
	.globl	port_enter_user
port_enter_user:
	movq	%rdi, %rax
	movq	%rsi, %rdi
	andq	$-16, %rdx
	leaq	user_return(%rip), %rcx
	movq	%rcx, -8(%rdx)
	subq	$8, %rdx
	pushq	$VENEER_USER_SS
	pushq	%rdx
	pushq	$0x202
	pushq	$VENEER_USER_CS
	pushq	%rax
	iretq				/* ring 3 counts as unmasked */

user_return:				/* the thread's function returned: SYS_EXIT */
	movl	$1, %eax
	int	$0x80
	ud2

	.section .note.GNU-stack, "", @progbits
