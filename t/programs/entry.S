/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The beginning, and the way from a program to the harness and back. */
#define DATA $0x10

	.section .multiboot, "a"
	.balign	4
	.long	0x1badb002, 0, -0x1badb002

	.bss
	.balign	16
	.skip	16384
stack:
	.skip	16384
handler_stack:
	.globl	resume_ss, resume_esp
resume_ss:
	.skip	4
resume_esp:
	.skip	4
harness_esp:
	.skip	4

	.text
	.globl	_start
_start:
	cli
	movl	$stack, %esp
	pushl	%ebx
	call	main

	.globl	load_tables
load_tables:
	movl	4(%esp), %eax
	lgdt	(%eax)
	movl	8(%esp), %eax
	lidt	(%eax)
	ljmp	$0x08, $1f
1:	movl	DATA, %eax
	movl	%eax, %ss
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	ret

	.globl	enter_program
enter_program:
	pushal
	movl	%esp, harness_esp
resume:	movl	resume_ss, %eax
	movl	resume_esp, %ecx
	movl	%eax, %ss
	movl	%ecx, %esp
	popl	%gs
	popl	%fs
	popl	%es
	popl	%ds
	popal
	leal	8(%esp), %esp
	iretl

	.globl	leave_program
leave_program:
	movl	DATA, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movl	harness_esp, %esp
	popal
	ret

	.globl	stubs
	.balign	16
stubs:
	.set	vector, 0
	.rept	256
	.balign	16
	.if	vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	.else
	pushl	$0
	.endif
	pushl	$vector
	jmp	event
	.set	vector, vector + 1
	.endr

event:
	pushal
	pushl	%ds
	pushl	%es
	pushl	%fs
	pushl	%gs
	movl	%ss, %ecx
	movl	%esp, %eax
	movl	DATA, %edx
	movl	%edx, %ss
	movl	$handler_stack, %esp
	movl	%edx, %ds
	movl	%edx, %es
	cld
	pushl	%ecx
	pushl	%eax
	call	on_event
	jmp	resume

	.section .note.GNU-stack, "", @progbits
