/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry from a boot loader, PVH (Xen's public/arch-x86/hvm/start_info.h) or Multiboot2 (section
 * 3.3): both arrive in 32-bit protected mode with paging off. Check the minimum that C code needs
 * to print an error, build a page table (the first 4 GiB, at 0, at DIRECT_MAP and the image at its
 * link address), enter long mode, call boot_main(magic, info).
 */
#define __ASSEMBLER__ 1
#include "arch/layout.h"
#include "arch/cpu.h"

#define MB2_MAGIC 0xe85250d6

	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 4, 18		/* name size, desc size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	boot_pvh

	.section .boot.header, "a"
	.balign	8
multiboot2_header:
	.long	MB2_MAGIC, 0, multiboot2_end - multiboot2_header
	.long	-(MB2_MAGIC + 0 + (multiboot2_end - multiboot2_header))
	.balign	8
	.short	3, 0			/* entry address */
	.long	12, boot_multiboot2
	.balign	8
	.short	1, 0			/* information request: modules, memory map */
	.long	16, 3, 6
	.balign	8
	.short	6, 0			/* modules page-aligned */
	.long	8
	.balign	8
	.short	0, 0
	.long	8
multiboot2_end:

	.section .boot.text, "ax"
	.code32
	.globl	boot_pvh
boot_pvh:
	movl	$BOOT_MAGIC_PVH, %eax
boot_multiboot2:			/* EAX = 0x36d76289 */
	cli
	cld
	movl	%eax, %ebp
	movl	%ebx, %esi
	movl	$boot_stack_end, %esp
	movl	$0x80000001, %eax
	cpuid
	testl	$(1 << 29), %edx	/* long mode */
	movl	$no_long_mode, %edi
	jz	boot_refuse
	testl	$(1 << 20), %edx	/* execute disable: needed for W^X page tables */
	movl	$no_nx, %edi
	jz	boot_refuse

	/* 4 GiB in 2 MiB pages */
	movl	$boot_pd, %edi
	xorl	%ecx, %ecx
1:	movl	%ecx, %eax
	shll	$21, %eax
	orl	$0x83, %eax
	movl	%eax, (%edi, %ecx, 8)
	incl	%ecx
	cmpl	$2048, %ecx
	jne	1b
	movl	$boot_pml4, %ecx
	movl	$boot_start64, %edi
	jmp	boot_long_mode

boot_refuse:				/* EDI = message: to COM1, then stop */
	movl	%edi, %esi
1:	movw	$0x3fd, %dx
	inb	%dx, %al
	testb	$0x20, %al
	jz	1b
	movw	$0x3f8, %dx
	outsb
	cmpb	$0, (%esi)
	jne	1b
2:	movb	$0x7f, %al		/* QEMU's isa-debug-exit, when there is one */
	outb	%al, $0xf4
	cli
	hlt
	jmp	2b

/* Into long mode on the page table ECX, on to the 64-bit address EDI. */
boot_long_mode:
	movl	%cr4, %eax
	orl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	%ecx, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$(EFER_LME | EFER_NXE | EFER_SCE), %eax
	wrmsr
	movl	$(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG), %eax
	movl	%eax, %cr0
	lgdt	boot_gdtr
	ljmp	$8, $1f
	.code64
1:	jmp	*%rdi			/* cpu_load_tables sets the segment registers */

boot_start64:
	movq	$init_stack_end, %rsp
	movl	%ebp, %edi
	movl	%esi, %esi
	/* the value for -fstack-protector: new at each boot, by RDRAND if available */
	movl	$1, %eax
	cpuid
	movl	%ecx, %r8d
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movabsq	$0x9e3779b97f4a7c15, %rdx	/* odd: no bit of the time is lost */
	imulq	%rdx, %rax
	btl	$30, %r8d
	jnc	1f
	rdrand	%rdx
	xorq	%rdx, %rax
1:	movabsq	%rax, __stack_chk_guard
	movq	$boot_main, %rax
	call	*%rax
	ud2

	.section .boot.data, "aw"
	.balign	8
boot_gdt:
	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
boot_gdtr:
	.short	. - boot_gdt - 1
	.long	boot_gdt
no_long_mode:
	.asciz	"veneer: this processor has no 64-bit mode (CPUID 0x80000001 EDX.29)\r\n"
no_nx:
	.asciz	"veneer: this processor has no execute-disable bit (CPUID 0x80000001 EDX.20)\r\n"

	.balign	4096
boot_pml4:
	.quad	boot_pdpt + 3
	.org	boot_pml4 + DIRECT_MAP_SLOT * 8
	.quad	boot_pdpt + 3
	.org	boot_pml4 + 511 * 8
	.quad	boot_pdpt_high + 3
boot_pdpt:
	.quad	boot_pd + 3, boot_pd + 0x1003, boot_pd + 0x2003, boot_pd + 0x3003
	.balign	4096
boot_pdpt_high:
	.org	boot_pdpt_high + 510 * 8
	.quad	boot_pd + 3, 0

	.section .boot.bss, "aw", @nobits
	.balign	4096
boot_pd:
	.skip	4 * 4096
	.skip	256
boot_stack_end:

	.bss
	.balign	4096
	.globl	init_stack_guard, init_stack_end
init_stack_guard:			/* no longer mapped once hv_tables_init has run */
	.skip	4096
	.skip	CPU_STACK_BYTES
init_stack_end:

/*
 * Start of an application processor: a copy of this in a page below 1 MiB, where it arrives in real
 * mode with CS = page >> 4. From there it goes the boot processor's way.
 */
	.section .rodata
	.globl	ap_start, ap_start_end, ap_start_stack, ap_start_root, ap_start_cpu
	.balign	16
	.code16
ap_start:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	movzwl	%ax, %ebx
	shll	$4, %ebx		/* linear address of this page */
	lgdtl	ap_gdtr - ap_start
	movl	%cr0, %eax
	orl	$CR0_PE, %eax
	movl	%eax, %cr0
	ljmpl	$24, $ap_32
ap_gdtr:
	.short	boot_gdtr - boot_gdt - 1
	.long	boot_gdt
	.balign	8
ap_start_stack:
	.quad	0
ap_start_root:
	.quad	0
ap_start_cpu:
	.quad	0
ap_start_end:

	.section .boot.text, "ax"
	.code32
ap_32:	movl	$16, %eax
	movw	%ax, %ds
	movl	$boot_pml4, %ecx
	movl	$ap_64, %edi
	jmp	boot_long_mode
	.code64
ap_64:	movq	(ap_start_stack - ap_start)(%rbx), %rsp
	movq	(ap_start_root - ap_start)(%rbx), %rax
	movq	(ap_start_cpu - ap_start)(%rbx), %rdi
	movq	$ap_on_own_tables, %rcx
	jmp	*%rcx

/* The stack is in the CPU's own tables alone. */
	.text
ap_on_own_tables:
	movq	%rax, %cr3
	call	cpu_main
	ud2

	.section .note.GNU-stack, "", @progbits
