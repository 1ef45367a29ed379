/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls report(EAX, EBX, ESP), on the stack that it was given. With HEADER there is a Multiboot
 * header with these flags. */
	.text
#ifdef HEADER
	.section .header, "a"
	.balign	4
header:	.long	0x1badb002, HEADER, -(0x1badb002 + HEADER)
	.long	header, image, image_end, bss_end, _start
	.text
#endif
	.fill	64, 1, 0x0b		/* UD2's second byte: the entry is not the image's first */
	.globl	_start
_start:	pushl	%esp
	pushl	%ebx
	pushl	%eax
	call	report
1:	hlt
	jmp	1b
	.section .note.GNU-stack, "", @progbits
