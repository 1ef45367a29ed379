/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry and exit code between a ring-1 guest and the hypervisor. Linked at GATE_TEXT, mapped in every
 * address space. Up to the load of CR3 this code runs on the guest's page table: of the hypervisor
 * it only accesses the gate area, and only uses the stacks there, whose old contents it never reads.
 * Registers hold no hypervisor data except the constants in gate_data, since an NMI or a machine
 * check would push them on a stack that the guest can read.
 *
 *   trap, interrupt   gate_vectors -> gate_common -> gate_exit (back in ring_enter's caller)
 *   SYSCALL, SYSENTER gate_syscall -> hypercall in the gate | gate_exit | straight on to ring 1
 *   resume            ring_enter -> gate_resume -> IRETQ
 */
#define __ASSEMBLER__ 1
#include "abi/veneer.h"
#include "kernel/gate.h"
#include "arch/cpu.h"
#include "arch/speculation.h"

.macro PUSH_REGS
	.irp	reg, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	pushq	%\reg
	.endr
.endm

.macro POP_REGS_BUT_RAX
	.irp	reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx
	popq	%\reg
	.endr
.endm

.macro POP_REGS
	POP_REGS_BUT_RAX
	popq	%rax
.endm

/* #UD in virtual-8086 mode: see gate_vectors */
#define REFUSE_VM86 verr %sp

/* To the ring-1 kernel's entry, or to gate_no_syscall if the kernel has registered none. If the IRETQ
 * faults, gate_from_ring0 recognizes it by its label. */
.macro ENTER_KERNEL from:req, entry:req
	pushq	$VENEER_KERNEL_SS
	pushq	gate_vcpu_page+VENEER_VP_KERNEL_SP(%rip)
	pushq	$(FLAGS_ONE | FLAGS_IF)
	pushq	$VENEER_KERNEL_CS
	pushq	gate_data+\entry(%rip)
	movl	$VENEER_IRQ_MASKED, gate_vcpu_page+VENEER_VP_IRQ_MASK(%rip)
gate_\from\()_iret:
	iretq
.endm

	.section .gate.text, "ax"
	.code64

/*
 * One stub per vector, 16 bytes apart; the error code's place is always filled. QEMU 7.2 delivers an exception
 * with flags that it has not stored yet (t/guests/iopl.c), and when it leaves its loop for a reason of its own, it
 * adds them to those of ring 0. So each stub begins with a TEST, which replaces them. IF: CLI stands before C code; what
 * interrupts the gate until then, gate_from_ring0 raises again. VM: REFUSE_VM86 stands before each IRETQ, which would be
 * virtual-8086 mode's; the exception becomes a double fault, which clears VM, and the instruction is executed again.
 */
	.balign	16
gate_vectors:
	.set	vector, 0
	.rept	256
	.balign	16
	.if	vector == VECTOR_PF
	testb	$PF_RESERVED, (%rsp)
	jmp	gate_page_fault
	.elseif	vector < 32 && ((VECTORS_WITH_ERROR >> (vector & 31)) & 1)
	testb	$3, 16(%rsp)		/* CS of the interrupted code */
	.else
	testb	$3, 8(%rsp)
	pushq	$0
	.endif
	pushq	$((vector ^ 128) - 128)	/* two bytes long */
	.if	vector == VECTOR_DB
	jmp	gate_debug
	.elseif	vector == VECTOR_DF || vector == VECTOR_MC
	jmp	gate_abort
	.elseif	vector >= 128
	jmp	gate_negative
	.else
	jmp	gate_common
	.endif
	.set	vector, vector + 1
	.endr

/*
 * A page fault of ring 3 whose shadow entry has the reserved bit set, so that the guest has no page
 * there either: passed to the guest at once, unless the previous one was too.
 */
gate_page_fault:
	jz	1f
	testb	$2, 16(%rsp)		/* CS of ring 3 */
	jz	1f
	cmpl	$0, gate_vcpu_page+VENEER_VP_FAULT_BUSY(%rip)
	jne	1f
	cmpq	$0, gate_data+GD_FAULT_ENTRY(%rip)
	je	1f
	movl	$1, gate_vcpu_page+VENEER_VP_FAULT_BUSY(%rip)
	pushq	%rax
	movq	%cr2, %rax
	movq	%rax, gate_vcpu_page+VENEER_VP_CR2(%rip)
	movl	8(%rsp), %eax
	andl	$~(PF_PRESENT | PF_RESERVED), %eax
	movq	%rax, gate_vcpu_page+VENEER_VP_FAULT+5*8(%rip)
	popq	%rax
	addq	$8, %rsp
	.irp	word, 0, 1, 2, 3, 4
	popq	gate_vcpu_page+VENEER_VP_FAULT+\word*8(%rip)
	.endr
	REFUSE_VM86
	ENTER_KERNEL fault, GD_FAULT_ENTRY
1:	testb	$3, 16(%rsp)
	pushq	$VECTOR_PF

gate_common:
	jz	gate_from_ring0
	andl	$FLAGS_GUEST, 32(%rsp)	/* of RFLAGS: see FLAGS_GUEST; so wherever a guest's frame is loaded again */
	PUSH_REGS

/* Exit from the guest: the frame is complete; return to the caller of ring_enter. */
gate_exit:
	REFUSE_VM86
	cli
	cld
gate_exit_df_clear:			/* a hypercall's way: SYSCALL has cleared DF */
	movq	gate_data+GD_HV_CR3(%rip), %rax
	movq	%rax, %cr3
	movq	gate_data+GD_HV_RSP(%rip), %rsp
gate_exit_return:			/* a site, see gate_exit_stuff; behind a RET nothing is executed */
	popq	%rbp
	ret
	.fill	3, 1, 0xcc

gate_negative:				/* the vector, of which the low byte counts */
	jz	gate_from_ring0
	movl	$0, 4(%rsp)
	andl	$0xff, (%rsp)		/* not 0 */
	jmp	gate_common

/* Enters the guest on the page table in RAX. RDI is the hypervisor's address of its struct regs, which
 * the guest's page table maps at the end of GATE_STACKS. */
gate_resume:
	movq	%rdi, %rsp
	POP_REGS_BUT_RAX
	leaq	gate_frame_rax(%rip), %rsp /* before CR3: the guest can read what an NMI pushes then */
	movq	%rax, %cr3
gate_resume_rax:			/* a site, see gate_resume_clear */
	popq	%rax
	addq	$16, %rsp		/* vector, error */
gate_resume_iret:
	iretq

/*
 * SYSCALL, from ring 1 through the hypercall page or from ring 3. RCX tells which: only ring 1 can
 * execute the hypercall page. The processor has cleared IF, TF, DF, NT and AC (MSR_SFMASK). Every
 * exception that can occur here has its own stack, so RSP can serve as a register.
 */
	.balign	16
gate_syscall:
	movq	%rsp, gate_vcpu_page+VENEER_VP_USER_SP(%rip)
	leaq	gate_hypercall(%rip), %rsp
	xorq	%rcx, %rsp
	cmpq	$0xfff, %rsp
	jbe	gate_hypercall_entry
	leaq	gate_frame_end(%rip), %rsp
	ENTER_KERNEL syscall, GD_SYSCALL_ENTRY

/* SYSCALL from 32-bit code, which only AMD's processors have. */
gate_syscall32:
	movq	%rsp, gate_vcpu_page+VENEER_VP_USER_SP(%rip)
	leaq	gate_frame_end(%rip), %rsp
	ENTER_KERNEL syscall32, GD_SYSCALL32_ENTRY

/* SYSENTER clears only IF of the flags: the others are cleared here. The user's are passed in R11, which
 * 32-bit code does not have. */
gate_sysenter:
	pushfq
	popq	%r11
	orq	$FLAGS_IF, %r11
	pushq	$FLAGS_ONE
	popfq
gate_sysenter_clean:
	REFUSE_VM86
	ENTER_KERNEL sysenter, GD_SYSENTER_ENTRY

gate_hypercall_entry:
	leaq	gate_frame_end(%rip), %rsp
	pushq	$VENEER_KERNEL_SS
	pushq	gate_vcpu_page+VENEER_VP_USER_SP(%rip)
	testl	%eax, %eax
	jz	1f
	andl	$FLAGS_GUEST, %r11d
	pushq	%r11
	pushq	$VENEER_KERNEL_CS
	pushq	%rcx
	pushq	$0
	pushq	$EXIT_HYPERCALL
	PUSH_REGS
	jmp	gate_exit_df_clear
1:	pushq	$(FLAGS_ONE | FLAGS_IF)	/* VENEER_HC_NOP: RAX is its own result */
	pushq	$VENEER_KERNEL_CS
	pushq	%rcx
gate_hypercall_iret:
	iretq

/*
 * From ring 0: a guest frame that IRETQ refused, an interrupt in the idle loop, or a bug. A refused
 * frame is still complete at the top of the entry stack, and the general registers are the guest's:
 * turn it into a full exit. An interrupt in this code (see gate_vectors) is raised again, for when
 * the guest is left the next time.
 */
gate_from_ring0:
	cli				/* ring 1 can jump to this code, and gets no further */
	pushq	%rax
	cmpl	$0, 28(%rsp)		/* RIP, upper half. QEMU 7.2: an IRETD in long mode enters virtual-8086 mode */
	je	1f
	leaq	gate_vectors(%rip), %rax
	negq	%rax
	addq	24(%rsp), %rax
	cmpq	$(gate_text_end - gate_vectors), %rax
	jae	3f
	.irp	iret, resume, hypercall, syscall, syscall32, sysenter, fault
	leaq	gate_\iret\()_iret(%rip), %rax
	cmpq	%rax, 24(%rsp)
	je	1f
	.endr
	popq	%rax
	jmp	gate_abort
3:	popq	%rax
	testb	$0xe0, (%rsp)		/* an exception? */
	jz	gate_abort
	PUSH_REGS
	cld
	movzbl	15*8(%rsp), %edi
	movq	gate_data+GD_HV_CR3(%rip), %rax
	movq	%cr3, %rcx
	cmpq	%rax, %rcx
	je	2f			/* so for each interrupt that ends a VM's turn: this keeps the TLB */
	movq	%rax, %cr3
2:	movabsq	$interrupt_handle, %rax
	call	gate_indirect_thunk_rax
	POP_REGS
	addq	$16, %rsp
	iretq
1:	popq	%rax
	leaq	gate_frame_error(%rip), %rsp
	movq	$0, (%rsp)
	pushq	$EXIT_BAD_FRAME
	PUSH_REGS
	jmp	gate_exit

/*
 * NMI, on its own stack, at any instruction and on any page table: count it and return. The IDT points
 * here directly. IRETQ unblocks NMIs, and must not do so before this stack is free again: nothing here
 * faults, and a #DB or #MC that interrupts it returns by gate_resume_nmi.
 */
	.balign	16
gate_nmi:
	testl	%esp, %esp		/* see gate_vectors */
	REFUSE_VM86
	pushq	%rax
	pushq	%rcx
	movq	%cr3, %rax
	movq	gate_data+GD_HV_CR3(%rip), %rcx
	movq	%rcx, %cr3
	movq	gate_data+GD_THIS_CPU(%rip), %rcx
	lock incq CPU_NMI_COUNT(%rcx)
	movq	%rax, %cr3
	popq	%rcx
	popq	%rax
	andl	$FLAGS_GUEST, 16(%rsp)
	iretq
gate_nmi_end:

/* Jumps to the label if RIP in the frame at 16(%rsp) is in the NMI handler. Clobbers RAX. */
.macro IF_IN_NMI label:req
	leaq	gate_nmi(%rip), %rax
	negq	%rax
	addq	16(%rsp), %rax
	cmpq	$(gate_nmi_end - gate_nmi), %rax
	jb	\label
.endm

/* Returns into the NMI handler without an IRETQ. On this stack: RAX, an error code, the frame. The words
 * below the handler's RSP are free for what POPFQ and RET pop. */
gate_resume_nmi:
	movq	40(%rsp), %rax		/* RSP */
	pushq	32(%rsp)
	popq	-16(%rax)		/* RFLAGS */
	pushq	16(%rsp)
	popq	-8(%rax)		/* RIP */
	subq	$16, 40(%rsp)
	popq	%rax
	movq	32(%rsp), %rsp
	popfq
	ret

/*
 * #DB has its own stack, because MOV SS and SYSCALL can delay it to ring 0's first instruction, where
 * RSP is still the guest's. From ring 0 it is ignored; from the guest it is a normal exit. SYSENTER
 * leaves TF set, so single steps continue until gate_sysenter has saved the user's flags.
 *
 * The gate runs with the guest's debug registers active, and so does C code until ring.c clears DR7.
 * A breakpoint does no harm there:
 *   - SET_DEBUGREG refuses every address that the hypervisor's own tables map, including the gate area.
 *     So the only one that can fire is on the guest's memory, delayed by one instruction after MOV SS.
 *   - If one does fire, RF lets the instruction at the breakpoint continue: no loop.
 *   - If one fires in the NMI handler, NMIs must stay blocked: it returns without IRETQ. Since POPFQ
 *     cannot set RF, DR7 is cleared instead.
 */
gate_debug:
	jnz	1f
	cmpl	$0, 20(%rsp)		/* see gate_from_ring0 */
	je	1f
	movq	%rax, (%rsp)		/* over the vector */
	orl	$FLAGS_RF, 32(%rsp)
	REFUSE_VM86
	IF_IN_NMI 4f
	leaq	gate_sysenter(%rip), %rax
	cmpq	%rax, 16(%rsp)
	jb	2f
	leaq	gate_sysenter_clean(%rip), %rax
	cmpq	%rax, 16(%rsp)
	jb	3f
2:	andq	$~FLAGS_TF, 32(%rsp)
3:	jmp	gate_ignored
4:	movl	$DR7_FIXED, %eax
	movq	%rax, %dr7
	andq	$~FLAGS_TF, 32(%rsp)
	jmp	gate_resume_nmi
1:	andl	$FLAGS_GUEST, 32(%rsp)
	pushq	%rax
	leaq	gate_frame_end(%rip), %rax
	.irp	word, 1, 2, 3, 4, 5	/* SS, then what lies below it */
	pushq	(8 - \word)*8(%rsp)
	popq	-\word*8(%rax)
	.endr
	movq	$0, -48(%rax)
	movq	$VECTOR_DB, -56(%rax)
	popq	%rax
	leaq	gate_frame_vector(%rip), %rsp
	PUSH_REGS
	jmp	gate_exit

/* Machine check, double fault, and what else comes in this code: C code decides, on a stack that no guest can see. It gets RIP,
 * RSP and RFLAGS in registers, since under the hypervisor's page table this stack's address maps another frame, and returns the
 * flags. */
gate_abort:
	REFUSE_VM86
	cli
	PUSH_REGS
	cld
	movzbl	15*8(%rsp), %edi
	movq	17*8(%rsp), %rsi	/* RIP */
	movq	20*8(%rsp), %rdx	/* RSP */
	movq	19*8(%rsp), %rcx	/* RFLAGS */
	movq	%rsp, %rbp
	movq	%cr3, %rbx
	movq	gate_data+GD_HV_CR3(%rip), %rax
	movq	%rax, %cr3
	movq	gate_data+GD_THIS_CPU(%rip), %rax
	movq	CPU_ABORT_STACK(%rax), %rsp
	movabsq	$ring0_abort, %rax
	call	gate_indirect_thunk_rax
	movq	%rbx, %cr3
	movq	%rbp, %rsp
	movq	%rax, 19*8(%rsp)
	POP_REGS
	movq	%rax, (%rsp)		/* over the vector */
	testb	$3, 24(%rsp)
	jnz	gate_ignored
	IF_IN_NMI gate_resume_nmi
gate_ignored:				/* RAX lies over the vector */
	popq	%rax
	addq	$8, %rsp
	andl	$FLAGS_GUEST, 16(%rsp)
	iretq

/* Where a measure is on (arch/speculation.h), in place of what stands at the sites above. Here the guest
 * has left: its registers are saved, the hypervisor's page table and stack are loaded, and nothing has
 * returned or branched by a prediction of the guest's making. */
gate_exit_barrier:
	write_command MSR_PRED_CMD
gate_exit_stuff:
	stuff_return_stack
	popq	%rbp
	ret
	int3
	speculation_site gate_exit_return, gate_exit_stuff, MITIGATION_RSB
	speculation_site gate_exit_return, gate_exit_barrier, MITIGATION_IBPB_EXIT

/* On the guest's page table; from here on the guest's own frame alone is read. */
gate_resume_clear:
	verw	gate_data_selector(%rip)
	popq	%rax
	addq	$16, %rsp
	jmp	gate_resume_iret
gate_data_selector:
	.word	SEL_HV_SS
	speculation_site gate_resume_rax, gate_resume_clear, MITIGATION_VERW

/* The hypervisor's own are out of reach of a call from here. */
	.balign	THUNK_BYTES, 0xcc
gate_indirect_thunk_rax:
	retpoline rax
gate_text_end:

/* The hypercall page: VENEER_HYPERCALL_STRIDE bytes for each number, executed in ring 1. */
	.section .gate.hypercall, "ax"
hypercall_page_start:
	.set	nr, 0
	.rept	VENEER_HC_RETURN_USER
	.balign	VENEER_HYPERCALL_STRIDE, 0xcc
	movl	$nr, %eax
	syscall
	ret
	.set	nr, nr + 1
	.endr

	.org	hypercall_page_start + VENEER_HC_RETURN_USER * VENEER_HYPERCALL_STRIDE, 0xcc
	movq	%rax, gate_vcpu_page+VENEER_VP_SCRATCH(%rip)	/* the stack may be read-only */
	movq	gate_vcpu_page+VENEER_VP_USER_GS(%rip), %rax
	wrgsbase %rax
	movq	gate_vcpu_page+VENEER_VP_SCRATCH(%rip), %rax
	jmp	gate_return

/* An event that arrives after the store is delivered as if the IRETQ had been executed. One that was
 * pending before is delivered on this frame, unless the frame's stack segment is in the LDT: then the
 * frame may be on a read-only stack, and the hypervisor moves it. */
	.org	hypercall_page_start + VENEER_HC_RETURN * VENEER_HYPERCALL_STRIDE, 0xcc
gate_return:
	movl	$0, gate_vcpu_page+VENEER_VP_IRQ_MASK(%rip)
	cmpl	$0, gate_vcpu_page+VENEER_VP_IRQ_PENDING(%rip)
	jne	1f
gate_return_iret:
	iretq
1:	movl	$VENEER_IRQ_MASKED, gate_vcpu_page+VENEER_VP_IRQ_MASK(%rip)
	testb	$4, 32(%rsp)
	jnz	gate_return_pending
	movl	$0, gate_vcpu_page+VENEER_VP_IRQ_PENDING(%rip)
	jmp	*gate_data+GD_EVENT_ENTRY(%rip)
gate_return_pending:
	ud2
gate_return_end:

/* SYSCALL and SYSENTER lead here if the kernel has registered no entry: the #UD causes an exit. */
	.balign	VENEER_HYPERCALL_STRIDE, 0xcc
gate_no_syscall:
	ud2
gate_no_syscall32:
	ud2
	.balign	4096, 0xcc

/* Called from enter in ring.c: RAX = the guest's CR3, RDI = its struct regs, RSI = where gate_exit
 * finds this stack. Returns when the guest has trapped; preserves only RBP and RSP. A ring-0 selector in
 * CS is a bug of ours, and a panic is better than to run the guest's code in ring 0. */
	.text
	.globl	ring_enter
ring_enter:
	testb	$3, 18*8(%rdi)		/* CS */
	jz	1f
	pushq	%rbp
	movq	%rsp, (%rsi)
	movabsq	$gate_resume, %rcx
	jmp	__x86_indirect_thunk_rcx
1:	ud2

/* Addresses of the gate's entry points, for C code that cannot reach that far. */
	.section .rodata
	.globl	gate_entry_points
	.balign	8
gate_entry_points:
	.quad	gate_vectors, gate_syscall, gate_syscall32, gate_sysenter
	.quad	gate_return, gate_return_iret, gate_return_pending, gate_return_end, gate_no_syscall, gate_no_syscall32
	.quad	gate_nmi

	.section .note.GNU-stack, "", @progbits
