/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry to the kernel and exit from it, in ring 1.
 *
 * The hypervisor enters with the frame that hardware would push, on the kernel's stack. What
 * differs from hardware: the selectors of ring 1, which are translated here so that pt_regs looks as
 * everywhere; GS, whose bases are exchanged through the vCPU page for want of SWAPGS; and the
 * interrupt flag, which is a word of that page. From asm_exc_* on the code is the common one, on
 * the paths that X86_FEATURE_XENPV selects.
 */
#include <linux/linkage.h>
#include <asm/asm-offsets.h>
#include <asm/frame.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>
#include <asm/veneer.h>

#include "../entry/calling.h"

/* The running vCPU's page is at a fixed address; MOV with a 64-bit address only works with RAX. */
#define VP(field) (VENEER_VCPU_PAGE + VENEER_VP_##field)
/* With the kernel's GS it is a per-CPU variable too. */
#define VCPU(field) PER_CPU_VAR(veneer_vcpu + VENEER_VP_##field)

#define FRAME_CS    8
#define FRAME_FLAGS 16
#define FRAME_SS    32

.macro ENTER_GS
	pushq	%rax
	rdgsbase %rax
	movabsq	%rax, VP(USER_GS)
	movabsq	VP(KERNEL_GS), %rax
	wrgsbase %rax
	popq	%rax
.endm

	.section .noinstr.text, "ax"

SYM_FUNC_START(veneer_save_fl)
	movl	VCPU(IRQ_MASK), %eax
	xorl	$X86_EFLAGS_IF, %eax
	RET
SYM_FUNC_END(veneer_save_fl)

SYM_FUNC_START(veneer_irq_disable)
	movl	$VENEER_IRQ_MASKED, VCPU(IRQ_MASK)
	RET
SYM_FUNC_END(veneer_irq_disable)

/* An event between the two instructions is delivered by the hypervisor, which sees the first one's
 * store. */
SYM_FUNC_START(veneer_irq_enable)
	movl	$0, VCPU(IRQ_MASK)
	cmpl	$0, VCPU(IRQ_PENDING)
	jne	1f
	RET
1:	FRAME_BEGIN
	pushq	%rax
	pushq	%rcx
	pushq	%r11
	movabsq	$VENEER_HYPERCALL_ENTRY(VENEER_HC_EVENT_CHECK), %rax
	ANNOTATE_RETPOLINE_SAFE
	call	*%rax
	popq	%r11
	popq	%rcx
	popq	%rax
	FRAME_END
	RET
SYM_FUNC_END(veneer_irq_enable)

SYM_FUNC_START(veneer_read_cr2)
	movq	VCPU(CR2), %rax
	RET
SYM_FUNC_END(veneer_read_cr2)

	.section .entry.text, "ax"

/* Exceptions: RSP points at the error code, if the vector has one, and the frame. */
.macro EXCEPTION vector error_bytes:req
	testb	$2, FRAME_CS + \error_bytes(%rsp)
	jnz	.Luser_\@
	movq	$__KERNEL_CS, FRAME_CS + \error_bytes(%rsp)
	ANNOTATE_RETPOLINE_SAFE
	jmp	*(veneer_idt + 8 * \vector)(%rip)
.Luser_\@:
	ENTER_GS
	ANNOTATE_RETPOLINE_SAFE
	jmp	*(veneer_idt + 8 * \vector)(%rip)
.endm

	.balign VENEER_STUB_BYTES
SYM_CODE_START(veneer_exception_stubs)
	.set vector, 0
	.rept 32
	UNWIND_HINT_UNDEFINED
	ANNOTATE_NOENDBR
	/* #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX */
	.if (0x60227d00 >> vector) & 1
	EXCEPTION vector, 8
	.else
	EXCEPTION vector, 0
	.endif
	.balign VENEER_STUB_BYTES, 0xcc
	.set vector, vector + 1
	.endr
SYM_CODE_END(veneer_exception_stubs)

SYM_CODE_START(veneer_event_entry)
	UNWIND_HINT_UNDEFINED
	ANNOTATE_NOENDBR
	testb	$2, FRAME_CS(%rsp)
	jnz	1f
	movq	$__KERNEL_CS, FRAME_CS(%rsp)
	jmp	asm_sysvec_veneer_event
1:	ENTER_GS
	jmp	asm_sysvec_veneer_event
SYM_CODE_END(veneer_event_entry)

/*
 * SYSCALL and SYSENTER: the gate has put RSP at the kernel's stack, masked events, and kept the
 * user's RSP. RCX and R11 are as SYSCALL leaves them; after SYSENTER R11 has the flags.
 */
.macro SYSCALL_ENTRY rip:req cs:req rsp:req
	UNWIND_HINT_ENTRY
	ANNOTATE_NOENDBR
	pushq	%rax
	rdgsbase %rax
	movabsq	%rax, VP(USER_GS)
	movabsq	VP(KERNEL_GS), %rax
	wrgsbase %rax
	movq	(%rsp), %rax
	movq	$__USER_DS, (%rsp)
	pushq	\rsp
	pushq	%r11
	pushq	\cs
	pushq	\rip
.endm

SYM_CODE_START(veneer_syscall_entry)
	SYSCALL_ENTRY %rcx, $__USER_CS, VCPU(USER_SP)
	jmp	entry_SYSCALL_64_after_hwframe
SYM_CODE_END(veneer_syscall_entry)

/* A page fault in ring 3 that came without an exit: the frame is in the vCPU page. */
SYM_CODE_START(veneer_fault_entry)
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	ENTER_GS
	pushq	VCPU(FAULT + 4*8)
	pushq	VCPU(FAULT + 3*8)
	pushq	VCPU(FAULT + 2*8)
	pushq	VCPU(FAULT + 1*8)
	pushq	VCPU(FAULT + 0*8)
	pushq	VCPU(FAULT + 5*8)
	jmp	asm_exc_page_fault
SYM_CODE_END(veneer_fault_entry)

#ifdef CONFIG_IA32_EMULATION
SYM_CODE_START(veneer_syscall_compat_entry)
	SYSCALL_ENTRY %rcx, $__USER32_CS, VCPU(USER_SP)
	jmp	entry_SYSCALL_compat_after_hwframe
SYM_CODE_END(veneer_syscall_compat_entry)

/* The vDSO knows where it was called from; common code continues from there. */
SYM_CODE_START(veneer_sysenter_entry)
	SYSCALL_ENTRY $0, $__USER32_CS, $0
	jmp	entry_SYSENTER_compat_after_hwframe
SYM_CODE_END(veneer_sysenter_entry)

/*
 * INT 0x80 comes straight from the processor, on the small entry stack and with events not yet
 * masked. Mask them, and move the frame to the kernel's stack.
 */
SYM_CODE_START(veneer_int80_entry)
	UNWIND_HINT_UNDEFINED
	ANNOTATE_NOENDBR
	pushq	%rax
	movl	$VENEER_IRQ_MASKED, %eax
	movabsl	%eax, VP(IRQ_MASK)
	ENTER_GS
	pushq	%rdi
	movq	%rsp, %rdi
	movq	VCPU(KERNEL_SP), %rsp
	pushq	6*8(%rdi)
	pushq	5*8(%rdi)
	pushq	4*8(%rdi)
	pushq	3*8(%rdi)
	pushq	2*8(%rdi)
	movq	8(%rdi), %rax
	movq	(%rdi), %rdi
	jmp	asm_int80_emulation
SYM_CODE_END(veneer_int80_entry)
#endif

/*
 * All returns end in the hypercall page: its last instructions unmask, check for events and return
 * atomically, because the hypervisor knows their addresses. A fault of that IRET is reported as a
 * fault of the user program.
 */
SYM_CODE_START(veneer_restore_regs_and_return_to_usermode)
	UNWIND_HINT_REGS
	STACKLEAK_ERASE
	POP_REGS
	addq	$8, %rsp
	UNWIND_HINT_IRET_REGS
#ifdef CONFIG_X86_ESPFIX64
	testb	$4, FRAME_SS(%rsp)
	jnz	return_to_ldt
#endif
	ANNOTATE_RETPOLINE_SAFE
	jmp	*return_to_user(%rip)

#ifdef CONFIG_X86_ESPFIX64
/*
 * To a stack segment from the LDT: an IRET to one of 16 bits leaves ESP's upper half as it is, so
 * the frame goes to this CPU's espfix stack, and RSP to the one of its 65536 read-only aliases
 * that has the user's upper half.
 */
return_to_ldt:
	pushq	%rdi
	movq	PER_CPU_VAR(espfix_waddr), %rdi
	movq	%rax, (%rdi)
	movq	1*8(%rsp), %rax
	movq	%rax, 1*8(%rdi)
	movq	2*8(%rsp), %rax
	movq	%rax, 2*8(%rdi)
	movq	3*8(%rsp), %rax
	movq	%rax, 3*8(%rdi)
	movq	5*8(%rsp), %rax
	movq	%rax, 5*8(%rdi)
	movq	4*8(%rsp), %rax
	movq	%rax, 4*8(%rdi)
	popq	%rdi
	andl	$0xffff0000, %eax
	orq	PER_CPU_VAR(espfix_stack), %rax
	movq	%rax, %rsp
	UNWIND_HINT_IRET_REGS offset=8
	popq	%rax
	ANNOTATE_RETPOLINE_SAFE
	jmp	*return_to_user(%rip)
#endif
SYM_CODE_END(veneer_restore_regs_and_return_to_usermode)

/* To the kernel, whose ring depends on the engine; entry_64.S is made to jump here. */
SYM_CODE_START(veneer_iret)
	UNWIND_HINT_IRET_REGS
	ANNOTATE_NOENDBR
	movw	%cs, FRAME_CS(%rsp)
	movw	%ss, FRAME_SS(%rsp)
	testl	$X86_EFLAGS_IF, FRAME_FLAGS(%rsp)
	jz	1f
	ANNOTATE_RETPOLINE_SAFE
	jmp	*return_unmasked(%rip)
1:	iretq
SYM_CODE_END(veneer_iret)

/* A secondary vCPU's first instruction: RDI is its per-CPU offset, RSP its idle task's stack. */
SYM_CODE_START(veneer_ap_entry)
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	wrgsbase %rdi
	xorl	%ebp, %ebp
	call	veneer_ap_start
	ud2
SYM_CODE_END(veneer_ap_entry)

	.section .rodata, "a"
	.balign 8
SYM_DATA_LOCAL(return_to_user, .quad VENEER_HYPERCALL_ENTRY(VENEER_HC_RETURN_USER))
SYM_DATA_LOCAL(return_unmasked, .quad VENEER_HYPERCALL_ENTRY(VENEER_HC_RETURN))
