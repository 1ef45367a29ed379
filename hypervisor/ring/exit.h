/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exit reasons in regs.vector beyond the processor's own 256 vectors, and what gate.S knows of
 * struct cpu. */
#ifndef VENEER_RING_EXIT_H
#define VENEER_RING_EXIT_H

#define EXIT_HYPERCALL 0x100 /* through the hypercall page; RAX = number */
#define EXIT_BAD_FRAME 0x101 /* IRETQ refused the guest's frame */

/* Byte offsets in struct cpu */
#define CPU_NMI_COUNT	0
#define CPU_ABORT_STACK 8

#endif
