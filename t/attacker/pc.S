/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry code of the 32-bit attacker. Each vCPU has its own IDT, whose entries know the vCPU's
 * number. Any interrupt or exception restarts the attack on an empty stack, except a timer tick
 * that finds progress. Interrupts stay enabled, because the ring engine single-steps a kernel that
 * masks them.
 */
#define __ASSEMBLER__ 1
#include "pc.h"

	.section .multiboot, "a"
	.balign	4
	.long	0x1badb002, 0, -0x1badb002

	.bss
	.balign	4096
	.globl	stacks
stacks:
	.skip	VCPUS * STACK

	.text
	.globl	_start
_start:
	cli
	movl	$stacks + STACK, %esp
	pushl	%ebx
	call	pc_start

	.globl	entries
	.balign	16
entries:
	.set	vcpu, 0
	.rept	VCPUS
	.set	vector, 0
	.rept	256
	.balign	16
	.if	vector == TIMER
	pushl	$vcpu
	jmp	tick
	.else
	movl	$vcpu, %eax
	jmp	caught
	.endif
	.set	vector, vector + 1
	.endr
	.set	vcpu, vcpu + 1
	.endr

/* Any segment register but CS may be unusable by now. */
caught:
	movl	$KERNEL_DS, %ecx
	movl	%ecx, %ss
	leal	1(%eax), %esp
	shll	$13, %esp
	addl	$stacks, %esp
	movl	%ecx, %ds
	movl	%ecx, %es
	cld
	pushl	%eax
	call	begin_anew

tick:
	pushal
	pushl	%ds
	pushl	%es
	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	cld
	pushl	40(%esp)
	call	ticked
	addl	$4, %esp
	popl	%es
	popl	%ds
	popal
	addl	$4, %esp
	iretl

	.globl	attack_on
attack_on:
	movl	4(%esp), %eax
	movl	8(%esp), %esp
	pushl	%eax
	call	attack_for_ever
	ud2

/* void run_code(const struct registers *, code) */
	.globl	run_code
run_code:
	pushal
	movl	36(%esp), %eax
	movl	40(%esp), %ecx
	pushl	$1f
	pushl	%ecx
	movl	0(%eax), %edi
	movl	4(%eax), %esi
	movl	8(%eax), %ebp
	movl	16(%eax), %ebx
	movl	20(%eax), %edx
	movl	24(%eax), %ecx
	movl	28(%eax), %eax
	ret
1:	cld
	popal
	ret

/* void enter_frame(const struct registers *, frame): EIP, CS, EFLAGS, ESP, SS */
	.globl	enter_frame
enter_frame:
	movl	4(%esp), %eax
	movl	8(%esp), %ecx
	.irp	word, 16, 12, 8, 4, 0
	pushl	\word(%ecx)
	.endr
	movl	0(%eax), %edi
	movl	4(%eax), %esi
	movl	8(%eax), %ebp
	movl	16(%eax), %ebx
	movl	20(%eax), %edx
	movl	24(%eax), %ecx
	movl	28(%eax), %eax
	iretl

	.globl	jump_far, call_far, return_far
jump_far:
	ljmp	*4(%esp)
call_far:
	lcall	*4(%esp)
	ret
return_far:
	pushl	8(%esp)
	pushl	8(%esp)
	lret

/* The target of far transfers: the first byte of the next instruction is a prefix in 64-bit code,
 * and a decrement in 32-bit code. */
	.globl	far_landing
far_landing:
	xorl	%eax, %eax
	.byte	0x48, 0x90
	movl	$mode64_seen, %ecx
	testl	%eax, %eax
	js	1f
	movl	$1, (%ecx)
1:	ud2

	.globl	load_segments
load_segments:
	ljmp	$KERNEL_CS, $1f
1:	movl	$KERNEL_DS, %eax
	movl	%eax, %ss
	movl	%eax, %ds
	movl	%eax, %es
	ret

/* Copied below 1 MiB: leads from real mode to the attack. The vCPU's number is that of its local
 * APIC. */
	.globl	trampoline, trampoline_end
	.code16
trampoline:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	trampoline_gdt - trampoline
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$KERNEL_CS, $1f
trampoline_gdt:
	.word	63
	.long	gdt
	.code32
trampoline_end:
1:	movl	$KERNEL_DS, %eax
	movl	%eax, %ss
	movl	%eax, %ds
	movl	%eax, %es
	movl	0xfee00020, %eax
	shrl	$24, %eax
	andl	$VCPUS - 1, %eax
	leal	1(%eax), %esp
	shll	$13, %esp
	addl	$stacks, %esp
	pushl	%eax
	call	begin_other

	.section .note.GNU-stack, "", @progbits
