/* SPDX-License-Identifier: GPL-2.0-or-later */
	.section .multiboot, "a"
	.balign	4
	.long	0x1badb002, 0, -0x1badb002

	.bss
	.balign	16
	.skip	16384
stack:
attempt_sp:
	.skip	4

	.text
	.globl	_start
_start:
	cli
	movl	$stack, %esp
	call	pc_start
1:	cli
	hlt
	jmp	1b

/* int attempt(fn, arg) */
	.globl	attempt
attempt:
	movl	4(%esp), %eax
	movl	8(%esp), %ecx
	pushl	%ebx
	pushl	%ebp
	pushl	%esi
	pushl	%edi
	movl	%esp, attempt_sp
	pushl	%ecx
	call	*%eax
	movl	$-1, %eax
back:	movl	$0x10, %ecx		/* any segment register but CS may be unusable */
	movl	%ecx, %ss
	movl	%cs:attempt_sp, %esp
	movl	$0x23, %ecx
	movl	%ecx, %ds
	movl	%ecx, %es
	sti				/* every line of the 8259s is masked */
	popl	%edi
	popl	%esi
	popl	%ebp
	popl	%ebx
	ret

	.globl	stubs
	.balign	16
stubs:
	.set	vector, 0
	.rept	256
	.balign	16
	pushl	$vector
	jmp	caught
	.set	vector, vector + 1
	.endr
caught:
	popl	%eax
	jmp	back			/* leaves the frame there: attempt_sp restores the stack */

	.globl	load_gdt_asm
load_gdt_asm:
	movl	4(%esp), %eax
	lgdt	(%eax)
	ljmp	$0x08, $1f
1:	movl	$0x10, %eax
	movl	%eax, %ss
	movl	$0x23, %eax
	movl	%eax, %ds
	movl	%eax, %es
	ret

	.section .note.GNU-stack, "", @progbits
