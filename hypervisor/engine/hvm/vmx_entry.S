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
#include "engine/hvm/entry.inc"
#include "engine/hvm/vmx.h"
#include "kernel/gate.h"
#include "arch/cpu.h"
#include "arch/speculation.h"

	.text
	.globl	vmx_enter, vmx_exit
vmx_enter:
	push_registers
	pushq	%rdi			/* r */
vmx_entry_site:
	movl	$VMCS_HOST_RSP, %eax
vmx_entry_go_on:
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
vmx_exit_site:
	movl	$1, %eax
vmx_exit_go_on:
	sti				/* what waits is taken between the two */
	nop
	cli
	pop_registers
	ret
	int3

/* Where a measure is on, in place of what stands at the sites above. Behind the flush and VERW only
 * the guest's own registers are read. */
vmx_entry_flush:
	write_command MSR_FLUSH_CMD
vmx_entry_clear:
	verw	vmx_data_selector(%rip)
	movl	$VMCS_HOST_RSP, %eax
	jmp	vmx_entry_go_on
vmx_data_selector:
	.word	SEL_HV_SS

vmx_exit_barrier:
	write_command MSR_PRED_CMD
vmx_exit_stuff:
	stuff_return_stack
	movl	$1, %eax
	jmp	vmx_exit_go_on

	speculation_site vmx_entry_site, vmx_entry_clear, MITIGATION_VERW
	speculation_site vmx_entry_site, vmx_entry_flush, MITIGATION_L1D_FLUSH
	speculation_site vmx_exit_site, vmx_exit_stuff, MITIGATION_RSB
	speculation_site vmx_exit_site, vmx_exit_barrier, MITIGATION_IBPB_EXIT

	.section .note.GNU-stack, "", @progbits
