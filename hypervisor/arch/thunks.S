/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the compiler's indirect calls and jumps go (-mindirect-branch=thunk-extern): a place for
 * each register, by its number. Where retpolines are not wanted, guest/speculation.c turns the calls
 * and jumps that lead here into what they stand for.
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
