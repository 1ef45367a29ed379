/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operands of emulated instructions: registers, addresses, memory. For all engines. */
#pragma once

#include "insn/insn.h"
#include "lib/types.h"

struct regs;
struct span;

/* How an emulation ends */
enum outcome {
	DONE,	/* go on behind the instruction */
	JUMPED, /* RIP is set, or a fault was sent */
	REFUSE, /* the guest gets #GP(0) */
	INVALID /* the guest gets #UD */
};

/* By the processor's numbers: RAX RCX RDX RBX RSP RBP RSI RDI R8..R15, and 16 for RIP. */
uint64_t *operand_register(struct regs *r, unsigned n);
void operand_set_register(struct vcpu *v, unsigned n, uint64_t value, unsigned width);

/* Of its memory operand: in its segment, and linear; and of another offset in that segment */
uint64_t operand_offset(const struct vcpu *v, const struct insn *i);
gva_t operand_address(const struct vcpu *v, const struct insn *i);
gva_t operand_linear(const struct vcpu *v, const struct insn *i, uint64_t offset);

/* An address or a count in the address size of the instruction; adding to a register of that size
 */
uint64_t operand_counter(const struct insn *i, uint64_t value);
void operand_advance(const struct insn *i, uint64_t *reg, int64_t by);

/* Whether a 32-bit segment's rights, as in its descriptor, and its limit allow it: SDM 3A 5.3 to
 * 5.5. */
bool operand_fits(uint64_t descriptor, uint64_t limit, const struct span *s);

/* With the rights of the running code; false: a page fault was injected. */
bool operand_load(struct vcpu *v, gva_t at, void *to, unsigned bytes);
bool operand_store(struct vcpu *v, gva_t at, const void *from, unsigned bytes);
/* Reads code at a linear address. Returns the number of bytes read, fewer if the next page is not
 * mapped. */
unsigned operand_fetch(struct vcpu *v, uint64_t at, uint8_t code[INSN_BYTES]);
unsigned operand_access(const struct vcpu *v); /* PF_USER or 0 */

/* port_io.c: IN, OUT, INS, OUTS. Without a board no port has a device. */
bool port_io_is(unsigned op); /* whether op is one of them */
/* Whether the I/O bitmap of a PV guest lets its ring 3 have the port. */
bool port_io_permitted(struct vcpu *v, const struct insn *i);
enum outcome port_io(struct vcpu *v, const struct insn *i);
