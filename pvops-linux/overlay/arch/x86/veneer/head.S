/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first instructions under Veneer, and the notes that tell it where they are. The hypervisor
 * enters in ring 1, as if paging were off: virtual addresses are guest-physical ones. RDI is
 * the guest-physical address of struct veneer_start_info.
 */
#include <linux/elfnote.h>
#include <linux/init.h>
#include <linux/linkage.h>
#include <linux/threads.h>
#include <asm/asm-offsets.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/processor-flags.h>
#include <asm/thread_info.h>
#include <asm/unwind_hints.h>
#include <asm/veneer.h>

	ELFNOTE(Veneer, VENEER_NOTE_GUEST, .long VENEER_ABI_MAJOR)
	ELFNOTE(Veneer, VENEER_NOTE_ENTRY, .quad veneer_start - __START_KERNEL_map)



	__INIT
SYM_CODE_START(veneer_start)
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	movq	%rdi, %rbx
	testb	$VENEER_FEATURE_FSGSBASE, VENEER_SI_FEATURES(%rdi)
	jz	.Lno_fsgsbase

	/* early_top_pgt only maps the image: the hypercall returns into it. */
	movq	$.Lvirtual, (__top_init_kernel_stack - 8)(%rip)
	movq	$(__top_init_kernel_stack - 8), %rsp
	movq	$(early_top_pgt - __START_KERNEL_map), %rdi
	movabsq	$VENEER_HYPERCALL_ENTRY(VENEER_HC_MMU_LOAD_ROOT), %rax
	ANNOTATE_RETPOLINE_SAFE
	jmp	*%rax

.Lvirtual:
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	leaq	INIT_PER_CPU_VAR(fixed_percpu_data)(%rip), %rax
	wrgsbase %rax
	movq	%rbx, %rdi
	call	veneer_start_kernel
	ud2

.Lno_fsgsbase:
	leaq	__top_init_kernel_stack(%rip), %rsp
	leaq	no_fsgsbase(%rip), %rdi
	movl	$(no_fsgsbase_end - no_fsgsbase), %esi
	movabsq	$VENEER_HYPERCALL_ENTRY(VENEER_HC_CONSOLE_WRITE), %rax
	ANNOTATE_RETPOLINE_SAFE
	call	*%rax
	movl	$VENEER_SHUTDOWN_CRASH, %edi
	movabsq	$VENEER_HYPERCALL_ENTRY(VENEER_HC_SHUTDOWN), %rax
	ANNOTATE_RETPOLINE_SAFE
	call	*%rax
	ud2
SYM_CODE_END(veneer_start)

	__INITRODATA
no_fsgsbase:
	.ascii	"This kernel needs a processor with FSGSBASE (CPUID 7, EBX bit 0).\n"
no_fsgsbase_end:
