/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How measures against attacks by speculative execution get into code: what assembly declares, and
 * guest/speculation.c patches at boot.
 *
 * A site costs nothing while its measure is off: it is five bytes or more of instructions that are
 * needed anyway. To switch the measure on they are overwritten by a jump to code that carries it
 * out, then does what they did, and goes on behind them. Where two measures share a site, the one
 * listed last wins, and its code falls into the other's.
 */
#ifndef VENEER_X86_SPECULATION_H
#define VENEER_X86_SPECULATION_H

/* enum mitigation of load/config.h, those that have sites */
#define MITIGATE_RSB	   1
#define MITIGATE_IBPB_EXIT 3
#define MITIGATE_VERW	   4
#define MITIGATE_L1D_FLUSH 5

#define THUNK_BYTES	   32 /* from one register's in thunks.S to the next */

#ifdef __ASSEMBLER__
	.macro	speculation_site at:req, to:req, measure:req
	.pushsection .speculation.sites, "a"
	.quad	\at, \to, \measure
	.popsection
	.endm

/* 32 entries, as many as any return stack buffer has, now lead into a trap. RCX is spent. LFENCE:
 * none of the calls is left out by a guess at the loop's end. */
	.macro	stuff_return_stack
	movl	$16, %ecx
771:	call	772f
	int3
772:	call	773f
	int3
773:	decl	%ecx
	jnz	771b
	addq	$32 * 8, %rsp
	lfence
	.endm

/* RAX, RCX and RDX are spent. */
	.macro	write_command msr:req
	movl	$\msr, %ecx
	movl	$1, %eax
	xorl	%edx, %edx
	wrmsr
	.endm

/* JMP *reg, behind a call: the return is predicted by the call here, not by what a guest has taught
 * the predictor, and the prediction leads into a loop that goes nowhere. */
	.macro	retpoline reg:req
	call	772f
771:	pause
	lfence
	jmp	771b
772:	movq	%\reg, (%rsp)
	ret
	int3
	.endm
#else
#include <stdint.h>

struct speculation_site {
	uint64_t at, to, measure;
};
extern const struct speculation_site speculation_sites[], speculation_sites_end[];

extern const char indirect_thunks[]; /* thunks.S, in .text */
/* The calls and jumps that lead to thunks, of five bytes; from the linked image, see build.mk. */
extern const uint64_t indirect_sites[], indirect_sites_end[];

/*
 * The index where it is below size, else 0: also where the processor goes on ahead of the check
 * that should have stopped it (Spectre v1). Wherever a guest's number is an index into memory that
 * is not all the guest's.
 */
static inline uint64_t index_nospec(uint64_t index, uint64_t size)
{
	uint64_t mask;

	__asm__ volatile("cmpq %2, %1; sbbq %0, %0" : "=r"(mask) : "r"(index), "re"(size) : "cc");
	return index & mask;
}
#endif
#endif
