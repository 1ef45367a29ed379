/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board of an emulated machine: its devices at ports and memory addresses, and their
 * interrupts. guest/ and the engines only use these functions. A PV guest has no board:
 * guest->board is NULL.
 *
 * Unless noted otherwise, functions that take a vCPU are called on its own CPU, and those that take
 * a guest on the CPU of its vCPU 0. Widths are in bytes. Without a device, reads return all ones.
 */
#pragma once

#include "guest/operand.h"
#include "lib/types.h"

/* What is known of an access to memory, with the guest's rights. */
struct board_access {
	gpa_t at; /* ~0: nothing is */
	bool write;
};

struct board {
	uint64_t low_bytes; /* RAM from 0 to here, and from 1 MiB on */
	uint64_t apic_at;   /* the local APICs' registers */

	int (*create)(struct guest *g); /* once; 0, or -ENOMEM */
	void (*reset)(struct guest *g); /* all vCPUs are stopped */
	void (*park)(struct vcpu *v);	/* no more timers */
	void (*init)(struct vcpu *v);	/* it is as before its start */
	void (*input)(struct guest *g); /* console input is there, or another vCPU set a timer */
	void (*room)(struct guest *g);	/* the console takes output again */

	uint32_t (*in)(struct vcpu *v, uint16_t port, unsigned width);
	void (*out)(struct vcpu *v, uint16_t port, unsigned width, uint32_t value);
	/* The instruction at RIP has accessed an address without memory, or one that must not be
	 * written without notice, with an operand: carries it out. DONE: it has that length;
	 * INVALID: it is not one of those that are known. */
	enum outcome (*outside)(struct vcpu *v, const struct board_access *a, unsigned *length);

	/* Whether the vCPU has a pending interrupt; from any CPU. */
	bool (*interrupt_pending)(const struct vcpu *v);
	/* Interrupt acknowledge: returns the vector, or -1 if another vCPU has taken it. */
	int (*acknowledge)(struct vcpu *v);

	/* It halts with interrupts masked. True: so do all others, and nothing can wake any. */
	bool (*halts_for_good)(struct vcpu *v);

	/* The text screen: console lines; or for programs, character and attribute of each cell in
	 * hexadecimal. From any CPU. */
	void (*print_screen)(const struct guest *g, bool cells);
};

extern const struct board pc_board;
