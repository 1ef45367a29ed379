/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entry by Multiboot 1, interrupt stubs, thread switch: 32-bit, on a bare PC. */
	.section .multiboot, "a"
	.balign	4
	.long	0x1badb002, 2, -(0x1badb002 + 2)	/* memory information wanted */

	.bss
	.balign	16
	.skip	8192
boot_stack:

	.text
	.globl	_start
_start:
	cli
	cld
	movl	$boot_stack, %esp
	pushl	$0
	popfl
	pushl	%ebx
	call	pc_main
1:	hlt
	jmp	1b

/* Entry points: vectors 0 to 47 and the system call, 16 bytes apart. */
	.globl	pc_stubs
	.balign	16
pc_stubs:
	.set	vector, 0
	.rept	48
	.balign	16
	.if	!(vector < 32 && ((0x60227d00 >> vector) & 1))
	pushl	$0
	.endif
	pushl	$vector
	jmp	common
	.set	vector, vector + 1
	.endr

	.globl	pc_syscall_stub
pc_syscall_stub:
	pushl	$0
	pushl	$0x80
common:
	pushal
	cld
	pushl	%esp
	call	pc_interrupt
	addl	$4, %esp
	popal
	addl	$8, %esp
	iretl

/* void port_switch(void **save_sp, void *load_sp) */
	.globl	port_switch
port_switch:
	movl	4(%esp), %eax
	movl	8(%esp), %edx
	pushl	%ebx
	pushl	%ebp
	pushl	%esi
	pushl	%edi
	movl	%esp, (%eax)
	movl	%edx, %esp
	popl	%edi
	popl	%esi
	popl	%ebp
	popl	%ebx
	ret

	.globl	port_thread_begin
port_thread_begin:
	pushl	%ebp
	call	*%ebx
	ud2

/* void port_enter_user(void (*entry)(void *), void *arg, void *stack_top) */
	.globl	port_enter_user
port_enter_user:
	movl	4(%esp), %eax
	movl	8(%esp), %ecx
	movl	12(%esp), %edx
	andl	$-16, %edx
	movl	%ecx, -12(%edx)
	movl	$user_return, -16(%edx)
	subl	$16, %edx
	pushl	$0x23
	pushl	%edx
	pushl	$0x202
	pushl	$0x1b
	pushl	%eax
	iretl

user_return:
	movl	$1, %eax		/* SYS_EXIT */
	int	$0x80
	ud2

/* void pc_load_segments(void): after LGDT */
	.globl	pc_load_segments
pc_load_segments:
	ljmp	$0x08, $1f
1:	movl	$0x23, %eax		/* the user's data segment serves ring 0 too, and */
	movl	%eax, %ds		/* survives the return to ring 3 */
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	movl	$0x10, %eax
	movl	%eax, %ss
	movl	$0x28, %eax
	ltr	%ax
	ret

	.section .note.GNU-stack, "", @progbits
