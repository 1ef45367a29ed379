/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measures against speculative execution attacks: sites declared in assembly, which
 * guest/speculation.c patches at boot.
 *
 * A site costs nothing while its measure is off: it consists of at least five bytes of instructions
 * that are needed anyway. To turn the measure on, they are overwritten by a jump to code that
 * applies the measure, executes the original instructions and jumps back behind them. If two
 * measures share a site, the one listed last wins, and its code continues into the other's.
 */
#pragma once

/* The measures, by their numbers in a set; README.md tells what each does. */
#define MITIGATION_RETPOLINE 0
#define MITIGATION_RSB	     1
#define MITIGATION_IBPB	     2
#define MITIGATION_IBPB_EXIT 3
#define MITIGATION_VERW	     4
#define MITIGATION_L1D_FLUSH 5
#define MITIGATION_SSBD	     6
#define MITIGATION_SPEC_CTRL 7
#define MITIGATIONS	     8

#define THUNK_BYTES	   32 /* distance between the thunks of two registers in thunks.S */

#ifdef __ASSEMBLER__
.macro	speculation_site at:req, to:req, measure:req
	.pushsection .speculation.sites, "a"
	.quad	\at, \to, \measure
	.popsection
	.endm

/* Makes 32 entries, as many as any return stack buffer has, point to a trap. Clobbers RCX. LFENCE:
 * no call may be skipped by a wrong prediction of the loop's end. */
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

/* Clobbers RAX, RCX and RDX. */
	.macro	write_command msr:req
	movl	$\msr, %ecx
	movl	$1, %eax
	xorl	%edx, %edx
	wrmsr
	.endm

/* JMP *reg as a retpoline: the return is predicted by the call here, not by anything a guest has
 * trained, and the predicted path is an endless loop. */
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
/* The five-byte calls and jumps to thunks, extracted from the linked image; see build.mk. */
extern const uint64_t indirect_sites[], indirect_sites_end[];

/*
 * The index if it is below size, else 0, even if the processor speculates past a bounds check
 * (Spectre v1). Use it wherever a number from a guest is an index into memory that is not only the
 * guest's.
 */
static inline uint64_t index_nospec(uint64_t index, uint64_t size)
{
	uint64_t mask;

	__asm__ volatile("cmpq %2, %1; sbbq %0, %0" : "=r"(mask) : "r"(index), "re"(size) : "cc");
	return index & mask;
}
#endif
