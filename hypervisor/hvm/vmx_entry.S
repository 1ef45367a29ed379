/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bool vmx_enter(struct regs *r, bool launched)
 *
 * The VMCS exchanges RSP, RIP, RFLAGS, control and segment registers (Intel SDM 3C, 27.3.2 and
 * 28.5); the general registers are left to us. VMLAUNCH and VMRESUME go on behind themselves when
 * they refuse: the return value is then false. An exit arrives at vmx_exit with interrupts masked
 * and DR7 at 400H (28.5.1): no breakpoint of the guest's is armed there.
 */
#define __ASSEMBLER__ 1
#include "hvm/entry.inc"
#include "hvm/vmx.h"

	.text
	.globl	vmx_enter, vmx_exit
vmx_enter:
	push_registers
	pushq	%rdi			/* r */
	movl	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax
	movq	REGS_RAX(%rdi), %rax
	testb	%sil, %sil
	load_guest_registers
	jnz	1f
	vmlaunch
	jmp	2f
1:	vmresume
2:	popq	%rdi
	xorl	%eax, %eax
	pop_registers
	ret

vmx_exit:
	store_guest_registers
	movq	%rax, REGS_RAX(%rdi)
	movl	$1, %eax
	sti				/* what waits is taken between the two */
	nop
	cli
	pop_registers
	ret

	.section .note.GNU-stack, "", @progbits
