/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries into a PV kernel and returns from it in a virtual machine: abi/veneer.h without exits. All
 * of it runs in the guest's ring 0. The hypervisor delivers no event while RIP is in here, so none
 * can arrive between an entry and the store that masks.
 *
 *   exception, event   hvm_vectors -> exception_entry -> the kernel's handler
 *   SYSCALL, SYSENTER  hvm_syscall, hvm_sysenter -> the kernel's entry
 *   INT n              hvm_softints -> softint_entry -> the kernel's handler, on the entry stack
 *   back               hypercall page, RETURN and RETURN_USER
 */
#define __ASSEMBLER__ 1
#include "abi/veneer.h"
#include "engine/hvm/gate.h"
#include "arch/cpu.h"

#define VP(field) gate_vcpu_page + VENEER_VP_##field(%rip)

/* The call into the hypervisor: AMD-V's, patched to VT-x's at boot. */
	.macro	hypercall_insn
	.pushsection .rodata.hvm_calls, "a"
	.quad	771f
	.popsection
771:	vmmcall
	.endm

/* The five words of a frame, from at(\base) */
	.macro	push_frame base:req, at=0
	.irp	word, 4, 3, 2, 1, 0
	pushq	\at + 8 * \word(%\base)
	.endr
	.endm

	.section .rodata.hvm_calls, "a"
	.globl	hvm_calls, hvm_calls_end
hvm_calls:
	.section .hvm.gate, "ax"
	.code64

/* One stub for each exception; the vector goes above the error code's place. */
	.balign	HVM_VECTOR_BYTES
hvm_vectors:
	.set	vector, 0
	.rept	32
	.balign	HVM_VECTOR_BYTES, 0xcc
	.if	!((VECTORS_WITH_ERROR >> vector) & 1)
	pushq	$-1
	.endif
	pushq	$vector
	jmp	exception_entry
	.set	vector, vector + 1
	.endr

/* [rsp]: vector, error or -1, RIP, CS, RFLAGS, RSP, SS. What the kernel wants is the frame without
 * the vector, IF telling whether it was masked; from ring 3 it always counts as unmasked. */
exception_entry:
	pushq	%rax
	pushq	%rcx
	movq	16(%rsp), %rcx
	cmpl	$VECTOR_PF, %ecx
	jne	1f
	movq	%cr2, %rax
	movq	%rax, VP(CR2)
1:	testb	$3, 40(%rsp)
	jnz	2f
	leaq	hvm_return_iret(%rip), %rax
	cmpq	%rax, 32(%rsp)
	je	refused_frame
	movl	VP(IRQ_MASK), %eax
	xorl	$VENEER_IRQ_MASKED, %eax
	andl	$~FLAGS_IF, 48(%rsp)
	orl	%eax, 48(%rsp)
2:	movl	$VENEER_IRQ_MASKED, VP(IRQ_MASK)
	leaq	gate_data(%rip), %rax
	movq	HD_EXCEPTION(%rax, %rcx, 8), %rax
	movq	%rax, 16(%rsp)			/* where to go, over the vector */
	popq	%rcx
	popq	%rax
	testl	$-1, 8(%rsp)
	js	3f
	ret					/* the error code is on top */
/* No error code: its slot must be removed, which holds the address to jump to. A real error code
 * never has bit 31. */
3:	popq	(%rsp)
	ret

/*
 * The gate's own IRETQ has faulted on an invalid frame: the exception is delivered as if from ring
 * 3, with that frame, on the kernel's stack. If the frame's stack is read-only, a double fault
 * arrives instead of the exception, which was most likely #GP.
 */
refused_frame:
	cmpl	$VECTOR_DF, %ecx
	jne	1f
	movl	$VECTOR_GP, %ecx
1:	movq	%rcx, VP(SCRATCH)
	movq	56(%rsp), %rax			/* RSP: at the frame */
	movq	24(%rsp), %rcx			/* error code */
	movq	%rsp, VP(USER_SP)
	movq	VP(KERNEL_SP), %rsp
	andq	$~15, %rsp
	push_frame rax
	pushq	%rcx
	pushq	VP(SCRATCH)
	movq	VP(USER_SP), %rax
	pushq	8(%rax)				/* RAX */
	pushq	(%rax)				/* RCX */
	movq	16(%rsp), %rcx
	jmp	2b

/* INT n: the frame of ring 3 moves to the small entry stack, and events stay as they were. */
	.balign	HVM_SOFTINT_BYTES
hvm_softints:
	.set	vector, 32
	.rept	224
	.balign	HVM_SOFTINT_BYTES, 0xcc
	pushq	$((vector ^ 128) - 128)		/* two bytes long; the low byte counts */
	jmp	softint_entry
	.set	vector, vector + 1
	.endr

softint_entry:
	pushq	%rax
	pushq	%rcx
	movzbl	16(%rsp), %ecx
	leaq	gate_data+HD_SOFTINT(%rip), %rax
	movq	(%rax, %rcx, 8), %rax
	testb	$3, 32(%rsp)
	jnz	1f
	movq	%rax, 16(%rsp)
	popq	%rcx
	popq	%rax
	ret
1:	movq	%rax, VP(SCRATCH)
	movq	%rsp, %rcx
	leaq	gate_vcpu_page+4096(%rip), %rsp
	push_frame rcx, 24
	movq	8(%rcx), %rax
	movq	(%rcx), %rcx
	jmp	*VP(SCRATCH)

hvm_syscall:
	movq	%rsp, VP(USER_SP)
	movq	VP(KERNEL_SP), %rsp
	movl	$VENEER_IRQ_MASKED, VP(IRQ_MASK)
	jmp	*gate_data+HD_SYSCALL(%rip)

/* From 32-bit code. Without an entry for it, the kernel gets #UD. */
hvm_syscall32:
	movq	%rsp, VP(USER_SP)
	movq	VP(KERNEL_SP), %rsp
	cmpq	$0, gate_data+HD_SYSCALL32(%rip)
	je	1f
	movl	$VENEER_IRQ_MASKED, VP(IRQ_MASK)
	jmp	*gate_data+HD_SYSCALL32(%rip)
1:	pushq	$VENEER_USER_SS
	pushq	VP(USER_SP)
	pushq	%r11
	pushq	$VENEER_USER_CS32
	subq	$2, %rcx
	pushq	%rcx
	pushq	$-1
	pushq	$VECTOR_UD
	jmp	exception_entry

/* SYSENTER only clears IF; the flags go to R11, which 32-bit code does not use. RSP is at the end
 * of the entry stack. */
hvm_sysenter:
	pushfq
	popq	%r11
	orq	$FLAGS_IF, %r11
	pushq	$FLAGS_ONE
	popfq
	movq	VP(KERNEL_SP), %rsp
	movl	$VENEER_IRQ_MASKED, VP(IRQ_MASK)
	jmp	*gate_data+HD_SYSENTER(%rip)

/* MMU_LOAD_ROOT: a root that was loaded before is loaded here, without an exit. */
load_root:
	movq	%rdi, %rcx
	andq	$~VENEER_ROOT_FLUSH, %rcx
	movl	%ecx, %eax
	shrl	$12, %eax
	andl	$(HVM_ROOTS - 1), %eax
	leaq	gate_data+HD_ROOTS(%rip), %r11
	cmpq	%rcx, (%r11, %rax, 8)
	jne	1f
	movq	%rcx, %cr3
	xorl	%eax, %eax
	ret
1:	movl	$VENEER_HC_MMU_LOAD_ROOT, %eax
	hypercall_insn
	ret

/* MMU_FLUSH: flushes a single page, or else everything. */
flush:
	xorl	%eax, %eax
	cmpq	$4096, %rsi
	ja	1f
	invlpg	(%rdi)
	leaq	-1(%rdi, %rsi), %rcx
	invlpg	(%rcx)
	ret
1:	movq	%cr3, %rcx
	movq	%rcx, %cr3
	ret

/* The hypercall page: VENEER_HYPERCALL_STRIDE bytes for each number. */
	.section .hvm.hypercall, "ax"
hvm_hypercall_page:
	.set	nr, 0
	.rept	VENEER_HC_RETURN_USER
	.balign	VENEER_HYPERCALL_STRIDE, 0xcc
	.if	nr == VENEER_HC_NOP
	xorl	%eax, %eax
	.elseif	nr == VENEER_HC_MMU_LOAD_ROOT
	jmp	load_root
	.elseif	nr == VENEER_HC_MMU_FLUSH
	jmp	flush
	.else
	movl	$nr, %eax
	hypercall_insn
	.endif
	ret
	.set	nr, nr + 1
	.endr

	.org	hvm_hypercall_page + VENEER_HC_RETURN_USER * VENEER_HYPERCALL_STRIDE, 0xcc
	movq	%rax, VP(SCRATCH)		/* the stack may be read-only */
	movq	VP(USER_GS), %rax
	wrgsbase %rax
	movq	VP(SCRATCH), %rax
	jmp	hvm_return

/* As under the ring engine (engine/ring/gate.S): what waits takes the frame where it is, unless its stack
 * segment is a local one: such a frame may stand on a stack that can only be read, and moves to the
 * kernel's. */
	.org	hvm_hypercall_page + VENEER_HC_RETURN * VENEER_HYPERCALL_STRIDE, 0xcc
hvm_return:
	movl	$0, VP(IRQ_MASK)
	cmpl	$0, VP(IRQ_PENDING)
	jne	hvm_return_waits
hvm_return_iret:
	iretq
hvm_return_waits:
	movl	$VENEER_IRQ_MASKED, VP(IRQ_MASK)
	movl	$0, VP(IRQ_PENDING)
	testb	$4, 32(%rsp)
	jnz	1f
	jmp	*gate_data+HD_EVENT(%rip)
1:	movq	%rax, VP(SCRATCH)
	movq	%rsp, %rax
	movq	VP(KERNEL_SP), %rsp
	andq	$~15, %rsp
	push_frame rax
	movq	VP(SCRATCH), %rax
	jmp	*gate_data+HD_EVENT(%rip)
	.balign	4096, 0xcc

	.section .rodata
	.globl	hvm_gate_places
	.balign	8
hvm_gate_places:
	.quad	hvm_vectors, hvm_softints, hvm_syscall, hvm_syscall32, hvm_sysenter
	.quad	hvm_return, hvm_return_waits

	.section .rodata.hvm_calls
hvm_calls_end:

	.section .note.GNU-stack, "", @progbits
