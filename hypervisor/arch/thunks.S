/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Targets of the compiler's indirect calls and jumps (-mindirect-branch=thunk-extern): one thunk
 * for each register, by its number. If retpolines are off, guest/speculation.c patches the calls
 * and jumps to these thunks into plain indirect ones.
 */
#define __ASSEMBLER__ 1
#include "arch/speculation.h"

	.text
	.balign	THUNK_BYTES
	.globl	indirect_thunks
indirect_thunks:
	.irp	reg, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	.balign	THUNK_BYTES, 0xcc
	.globl	__x86_indirect_thunk_\reg
__x86_indirect_thunk_\reg:
	retpoline \reg
	.endr

	.section .note.GNU-stack, "", @progbits
