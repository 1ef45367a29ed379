/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emulation of one sensitive instruction under the ring engine: emulate.c finds it and has the
 * table of operations, the other files are the operations, a subject each. Ports are common to all
 * engines: guest/port_io.c.
 */
#pragma once

#include "engine/ring/ring.h"
#include "guest/operand.h"

/* operands.c: contents of segment registers (ES CS SS DS FS GS = 0..5), operands and the stack.
 * Functions that return bool return false after injecting a fault. */
uint16_t ring_selector(const struct vcpu *v, unsigned seg);
bool ring_load_memory(struct vcpu *v, const struct insn *i, void *to, unsigned bytes);
bool ring_store_memory(struct vcpu *v, const struct insn *i, const void *from, unsigned bytes);
bool ring_load_operand16(struct vcpu *v, const struct insn *i, uint16_t *value);
/* The r/m operand of a store such as SMSW, STR or MOV from a segment register. */
enum outcome ring_store_operand(struct vcpu *v, const struct insn *i, uint64_t value);
bool ring_load_stack(struct vcpu *v, uint32_t offset, void *to, unsigned bytes);
/* Reads words from the stack; ring_release then removes them. */
bool ring_pop(struct vcpu *v, uint32_t *words, unsigned count, unsigned width);
bool ring_push(struct vcpu *v, uint64_t word, unsigned width); /* 2, 4 or 8 bytes */

static inline void ring_release(struct vcpu *v, unsigned bytes)
{
	v->regs->rsp = (uint32_t)(v->regs->rsp + bytes);
}

static inline uint32_t ring_code_base(const struct vcpu *v)
{
	return desc_base(ring_descriptor(v, v->regs->cs));
}

static inline bool ring_in_code64(const struct vcpu *v)
{
	if (v->guest->board)
		return false;
	return v->regs->cs == VENEER_KERNEL_CS || (ring_descriptor(v, v->regs->cs) & DESC_L);
}

typedef enum outcome emulation(struct vcpu *v, const struct insn *i);

/* flags.c: the interrupt flag, flags images, IRET, INT n */
emulation emulate_cli_sti, emulate_hlt, emulate_pushf, emulate_popf, emulate_iret, emulate_int;
/* tables.c: descriptor tables, and what a descriptor is */
emulation emulate_store_table, emulate_load_table, emulate_store_word, emulate_lldt, emulate_ltr;
emulation emulate_ask;
/* control.c: control, debug and model-specific registers, TLB, caches */
emulation emulate_mov_to_cr, emulate_mov_from_cr, emulate_mov_to_dr, emulate_mov_from_dr;
emulation emulate_xsetbv, emulate_lmsw, emulate_clts, emulate_invlpg, emulate_nothing;
emulation emulate_rdmsr, emulate_wrmsr, emulate_cpuid;
/* selectors.c: segment registers and far transfers */
emulation emulate_mov_from_seg, emulate_mov_to_seg, emulate_push_seg, emulate_pop_seg;
emulation emulate_load_far, emulate_jmp_far, emulate_call_far, emulate_ret_far;
/* call_gate.c: with an instruction behind it */
void ring_call_gate(struct vcpu *v, uint16_t selector, uint64_t gate, uint32_t next);
