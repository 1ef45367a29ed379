/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What takes the place of instructions in gate.S where a measure is on; see arch/speculation.h. */
#define __ASSEMBLER__ 1
#include "kernel/gate.h"
#include "arch/cpu.h"
#include "arch/speculation.h"

	.section .gate.text, "ax"
	.code64

/* The guest has left: its registers are saved, the hypervisor's page table and stack are loaded, and
 * nothing has returned or branched by a prediction of the guest's making. */
	.globl	gate_exit_barrier, gate_exit_stuff
gate_exit_barrier:
	write_command MSR_PRED_CMD
gate_exit_stuff:
	stuff_return_stack
	popq	%rbp
	ret
	int3
	speculation_site gate_exit_return, gate_exit_stuff, MITIGATE_RSB
	speculation_site gate_exit_return, gate_exit_barrier, MITIGATE_IBPB_EXIT

/* On the guest's page table; from here on the guest's own frame alone is read. */
	.globl	gate_resume_clear
gate_resume_clear:
	verw	gate_data_selector(%rip)
	popq	%rax
	addq	$16, %rsp
	jmp	gate_resume_iret
gate_data_selector:
	.word	SEL_HV_SS
	speculation_site gate_resume_rax, gate_resume_clear, MITIGATE_VERW

/* The hypervisor's own are out of reach of a call from here. */
	.balign	THUNK_BYTES, 0xcc
	.globl	gate_indirect_thunk_rax
gate_indirect_thunk_rax:
	retpoline rax

	.section .note.GNU-stack, "", @progbits
