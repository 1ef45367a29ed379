// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulation of one sensitive instruction of a legacy kernel, and of port I/O of any guest. The
 * instruction comes from the site table of a rewritten image or from the decoder; each operation
 * has one small function, reached through a table.
 */
#include "arch/cpu.h"
#include "arch/descriptor.h"
#include "arch/speculation.h"
#include "engine/ring/ring.h"
#include "guest/console.h"
#include "guest/fpu.h"
#include "guest/guest.h"
#include "guest/port_io.h"
#include "guest/speculation.h"
#include "kernel/cpu.h"
#include "lib/string.h"

static uint16_t segment_register(const struct vcpu *v, unsigned seg)
{
	uint16_t s = 0;

	switch (seg) {
	case 0: __asm__ volatile("movw %%es, %0" : "=r"(s)); return s;
	case 1: return (uint16_t)v->regs->cs;
	case 2: return (uint16_t)v->regs->ss;
	case 3: __asm__ volatile("movw %%ds, %0" : "=r"(s)); return s;
	case 4: __asm__ volatile("movw %%fs, %0" : "=r"(s)); return s;
	default: __asm__ volatile("movw %%gs, %0" : "=r"(s)); return s;
	}
}

static bool in_code64(const struct vcpu *v)
{
	if (!guest_is_pv(v->guest))
		return false;
	return v->regs->cs == VENEER_KERNEL_CS || (ring_descriptor(v, v->regs->cs) & DESC_L);
}

static uint32_t segment_base(const struct vcpu *v, unsigned seg)
{
	return desc_base(ring_descriptor(v, segment_register(v, seg)));
}

static uint32_t code_base(const struct vcpu *v)
{
	return desc_base(ring_descriptor(v, v->regs->cs));
}

uint64_t ring_segment_base(const struct vcpu *v, unsigned seg)
{
	if (!in_code64(v))
		return segment_base(v, seg);
	return seg < 4 ? 0 : rdmsr(seg == 4 ? MSR_FS_BASE : MSR_GS_BASE); /* they are loaded */
}

/* Of a 32-bit guest; the processor has looked at what it loaded itself. */
bool ring_segment_holds(const struct vcpu *v, unsigned seg, const struct span *s)
{
	uint16_t selector = segment_register(v, seg);
	uint64_t d = ring_descriptor(v, selector);

	if (in_code64(v) || (!(selector & 4) && selector >= SEL_GUEST_MAX)) /* ours are flat */
		return true;
	return operand_fits(d, desc_limit(d), s);
}

static bool in_segment(struct vcpu *v, unsigned seg, uint64_t offset, unsigned bytes, bool write)
{
	const struct span s = { offset, bytes, write };

	if (ring_segment_holds(v, seg, &s))
		return true;
	ring_exception(v, seg == 2 ? VECTOR_SS : VECTOR_GP, 0);
	return false;
}

/* An instruction's memory operand; false: the guest was sent the fault. */
static bool load_memory(struct vcpu *v, const struct insn *i, void *to, unsigned bytes)
{
	return in_segment(v, i->seg, operand_offset(v, i), bytes, false) &&
	       operand_load(v, operand_address(v, i), to, bytes);
}

static bool store_memory(struct vcpu *v, const struct insn *i, const void *from, unsigned bytes)
{
	return in_segment(v, i->seg, operand_offset(v, i), bytes, true) &&
	       operand_store(v, operand_address(v, i), from, bytes);
}

static gva_t stack_at(const struct vcpu *v, uint32_t offset)
{
	return GVA((uint32_t)(v->regs->rsp + offset + segment_base(v, 2)));
}

static bool load_stack(struct vcpu *v, uint32_t offset, void *to, unsigned bytes)
{
	return in_segment(v, 2, (uint32_t)(v->regs->rsp + offset), bytes, false) &&
	       operand_load(v, stack_at(v, offset), to, bytes);
}

static bool pop(struct vcpu *v, uint32_t *words, unsigned count, unsigned width)
{
	uint16_t narrow[8];

	if (width != 2)
		return load_stack(v, 0, words, 4 * count);
	if (!load_stack(v, 0, narrow, 2 * count))
		return false;
	for (unsigned i = 0; i < count; i++)
		words[i] = narrow[i];
	return true;
}

static bool push(struct vcpu *v, uint32_t word, unsigned width)
{
	if (!in_segment(v, 2, (uint32_t)(v->regs->rsp - width), width, true) ||
	    !operand_store(v, stack_at(v, (uint32_t)-width), &word, width))
		return false;
	v->regs->rsp = (uint32_t)(v->regs->rsp - width);
	return true;
}

static void release(struct vcpu *v, unsigned bytes)
{
	v->regs->rsp = (uint32_t)(v->regs->rsp + bytes);
}

/* Writes the r/m operand of a store such as SMSW, STR or MOV from a segment register. */
static enum outcome store_operand(struct vcpu *v, const struct insn *i, uint64_t value)
{
	if (i->flags & INSN_MEM)
		return store_memory(v, i, &value, 2) ? DONE : JUMPED;
	operand_set_register(v, i->base, value, i->width);
	return DONE;
}

static bool load_operand16(struct vcpu *v, const struct insn *i, uint16_t *value)
{
	if (i->flags & INSN_MEM)
		return load_memory(v, i, value, 2);
	*value = (uint16_t)*operand_register(v->regs, i->base);
	return true;
}

/* --- the interrupt flag and flags images --- */

/* In a PV kernel these mean nothing, for a POPF that belongs to them would not trap: the word in
 * the page counts, and it is the kernel's to write. */
static enum outcome do_cli_sti(struct vcpu *v, const struct insn *i)
{
	if (!guest_is_pv(v->guest))
		v->page->irq_mask = i->op == INSN_CLI ? VENEER_IRQ_MASKED : 0;
	return DONE;
}

static enum outcome do_hlt(struct vcpu *v, const struct insn *i)
{
	(void)i;
	vcpu_halt(v, v->page->irq_mask);
	return DONE;
}

static enum outcome do_pushf(struct vcpu *v, const struct insn *i)
{
	return push(v, ring_flags(v) & ~(FLAGS_RF | FLAGS_VM), i->width) ? DONE : JUMPED;
}

static enum outcome do_popf(struct vcpu *v, const struct insn *i)
{
	uint32_t flags;

	if (!pop(v, &flags, 1, i->width))
		return JUMPED;
	if (i->width == 2)
		flags |= (uint32_t)v->regs->rflags & 0xffff0000;
	release(v, i->width);
	ring_set_flags(v, flags);
	return DONE;
}

/* Whether code at privilege cpl may go on at selector:offset, SDM 3A 5.8.1; what IRETQ would refuse
 * must be the guest's exception, not its end. */
static bool code_fits(struct vcpu *v, uint16_t selector, uint32_t offset, unsigned cpl)
{
	uint64_t d;

	if (selector >= SEL_GUEST_MAX)
		return (selector & ~3u) == (SEL_BOOT_CS32 & ~3u) && !cpl;
	return ring_gdt_read(v, selector, &d) && (d & DESC_P) && (d & DESC_S) && (d & DESC_CODE) &&
	       (d & DESC_CONFORM ? desc_dpl(d) <= cpl : desc_dpl(d) == cpl) &&
	       offset <= desc_limit(d);
}

/* Whether that ring may have it in SS. */
static bool stack_fits(struct vcpu *v, uint16_t selector, unsigned ring)
{
	uint64_t d;

	return (selector & 3) == ring && ring_gdt_read(v, selector, &d) && (d & DESC_P) &&
	       (d & DESC_S) && !(d & DESC_CODE) && (d & DESC_WRITE) && desc_dpl(d) == ring;
}

static enum outcome do_iret(struct vcpu *v, const struct insn *i)
{
	uint32_t frame[5];

	if (!pop(v, frame, 3, i->width))
		return JUMPED;
	if ((frame[2] & FLAGS_VM) || (v->regs->rflags & FLAGS_NT)) {
		guest_crash(v->guest,
			    frame[2] & FLAGS_VM
				    ? "IRET to virtual-8086 mode: not offered by the ring engine"
				    : "IRET from a nested task: no task switches are offered");
		return JUMPED;
	}
	uint16_t cs = (uint16_t)frame[1];
	bool user = (cs & 3) == 3;
	if (user && !pop(v, frame, 5, i->width))
		return JUMPED;
	if (!ring_gdt_load(v))
		return JUMPED;
	if (!code_fits(v, cs, frame[0], user ? 3 : 0) ||
	    (user && !stack_fits(v, (uint16_t)frame[4], 3))) {
		ring_exception(v, VECTOR_GP, cs & ~3u);
		return JUMPED;
	}
	struct regs *r = v->regs;
	release(v, 3 * i->width);
	r->rip = frame[0];
	r->cs = user ? cs : (cs & ~3u) | 1;
	if (user) {
		r->rsp = frame[3];
		r->ss = (uint16_t)frame[4];
	}
	ring_set_flags(v, frame[2]);
	return JUMPED;
}

static enum outcome do_int(struct vcpu *v, const struct insn *i)
{
	ring_soft_interrupt(v, i->imm, i->length);
	return JUMPED;
}

/* --- descriptor tables --- */

struct table_register {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));

static enum outcome do_store_table(struct vcpu *v, const struct insn *i)
{
	const struct legacy_state *l = &v->legacy;
	bool idt = i->op == INSN_SIDT, pv = guest_is_pv(v->guest);
	uint64_t base = idt ? l->idt_base : pv ? v->pv_gdt_base : l->gdt_base;
	uint64_t limit = idt ? l->idt_limit : pv ? v->pv_gdt_limit : l->gdt_limit;
	uint64_t table[2] = { (limit & 0xffff) | base << 16, base >> 48 };

	return store_memory(v, i, table, pv ? 10 : 6) ? DONE : JUMPED;
}

/* Once in a life of the guest. */
static void warn_if_not_flat(struct vcpu *v)
{
	for (unsigned i = 1; i < SEL_GUEST_MAX / 8 && !v->ring->warned; i++) {
		uint64_t d = v->ring->gdt[i];

		if (!d || (d & DESC_CODE) || !desc_base(d))
			continue;
		v->ring->warned = true;
		console_guest_notice(v->guest,
				     "GDT entry %u has a base: rewritten code that runs with it "
				     "in DS is not safe",
				     i);
	}
}

static enum outcome do_load_table(struct vcpu *v, const struct insn *i)
{
	struct table_register t;

	if (!load_memory(v, i, &t, sizeof(t)))
		return JUMPED;
	if (i->op == INSN_LIDT) {
		v->legacy.idt_base = t.base;
		v->legacy.idt_limit = t.limit;
		return DONE;
	}
	v->legacy.gdt_base = t.base;
	v->legacy.gdt_limit = t.limit;
	if (!ring_gdt_load(v))
		return JUMPED;
	if (v->guest->prepare == PREPARE_REWRITTEN)
		warn_if_not_flat(v);
	return DONE;
}

/* SLDT, STR, SMSW */
static enum outcome do_store_word(struct vcpu *v, const struct insn *i)
{
	const struct legacy_state *l = &v->legacy;

	return store_operand(v, i,
			     i->op == INSN_SLDT	 ? l->ldtr
			     : i->op == INSN_STR ? l->tr
						 : l->cr0);
}

static enum outcome do_lldt(struct vcpu *v, const struct insn *i)
{
	uint16_t selector;

	if (!load_operand16(v, i, &selector))
		return JUMPED;
	if (selector & ~3u) {
		guest_crash(v->guest, "LLDT %x: local descriptor tables are not offered", selector);
		return JUMPED;
	}
	v->legacy.ldtr = selector;
	return DONE;
}

static enum outcome do_ltr(struct vcpu *v, const struct insn *i)
{
	uint16_t selector;
	uint64_t d;

	if (!load_operand16(v, i, &selector))
		return JUMPED;
	if (!ring_gdt_read(v, selector, &d) || (d & DESC_S) || desc_type(d) != DESC_TYPE_TSS32 ||
	    !(d & DESC_P)) {
		ring_exception(v, VECTOR_GP, selector & ~3u);
		return JUMPED;
	}
	v->legacy.tr = selector;
	v->legacy.tr_base = desc_base(d);
	v->legacy.tr_limit = desc_limit(d);
	d |= 2ull << 40; /* busy */
	gva_t at = GVA((uint32_t)(v->legacy.gdt_base + (selector & ~7u)));
	return operand_store(v, at, &d, sizeof(d)) ? DONE : JUMPED;
}

/* VERR, VERW, LAR, LSL: what a descriptor is to the kernel in its ring 0. */
static enum outcome do_ask(struct vcpu *v, const struct insn *i)
{
	uint16_t selector;
	uint64_t d;

	if (!load_operand16(v, i, &selector))
		return JUMPED;
	bool ok = ring_gdt_read(v, selector, &d) &&
		  (desc_dpl(d) >= MAX(virtual_cpl(v->regs->cs), selector & 3u) ||
		   ((d & DESC_S) && (d & DESC_CODE) && (d & DESC_CONFORM)));
	if (ok && i->op == INSN_VERR)
		ok = (d & DESC_S) && (!(d & DESC_CODE) || (d & DESC_WRITE));
	else if (ok && i->op == INSN_VERW)
		ok = (d & DESC_S) && !(d & DESC_CODE) && (d & DESC_WRITE);
	else if (ok)
		operand_set_register(v, i->reg,
				     i->op == INSN_LAR ? (d >> 32) & 0xf0ff00 : desc_limit(d),
				     i->width);
	v->regs->rflags = (v->regs->rflags & ~0x40ull) | (ok ? 0x40 : 0); /* ZF */
	return DONE;
}

/* --- control, debug and model-specific registers --- */

static void paging_changed(struct vcpu *v)
{
	const struct legacy_state *l = &v->legacy;
	const struct paging p = paging_of(l->cr0, GPA(l->cr3), l->cr4, l->efer);

	ring_load_root(v, &p, false);
}

static void set_cr0(struct vcpu *v, uint64_t value)
{
	uint64_t changed = v->legacy.cr0 ^ value;

	v->legacy.cr0 = value | CR0_ET;
	if (changed & CR0_TS)
		write_cr0((read_cr0() & ~(uint64_t)CR0_TS) | (value & CR0_TS));
	if (changed & (CR0_PG | CR0_WP))
		paging_changed(v);
}

static enum outcome do_mov_to_cr(struct vcpu *v, const struct insn *i)
{
	uint32_t value = (uint32_t)*operand_register(v->regs, i->base);

	switch (i->reg) {
	case 0:
		if ((value & CR0_PG) && !(value & CR0_PE))
			return REFUSE;
		if (!(value & CR0_PE)) {
			guest_crash(v->guest, "real mode: not offered by the ring engine");
			return JUMPED;
		}
		set_cr0(v, value);
		return DONE;
	case 2: v->legacy.cr2 = value; return DONE;
	case 3: v->legacy.cr3 = value; break;
	case 4:
		if (value & ~(0x7ffu | CR4_OSXSAVE))
			return REFUSE;
		v->legacy.cr4 = value;
		break;
	default: return INVALID;
	}
	if (v->legacy.cr0 & CR0_PG)
		paging_changed(v);
	return DONE;
}

static enum outcome do_mov_from_cr(struct vcpu *v, const struct insn *i)
{
	const struct legacy_state *l = &v->legacy;
	uint64_t value;

	if (guest_is_pv(v->guest)) { /* a kernel may look at what it has */
		if (i->reg != 2 && i->reg != 4)
			return REFUSE;
		operand_set_register(v, i->base, i->reg == 2 ? v->page->cr2 : read_cr4(), i->width);
		return DONE;
	}
	switch (i->reg) {
	case 0: value = l->cr0; break;
	case 2: value = l->cr2; break;
	case 3: value = l->cr3; break;
	case 4: value = l->cr4; break;
	default: return INVALID;
	}
	operand_set_register(v, i->base, value, i->width);
	return DONE;
}

/* Debug registers are kept but never armed: a breakpoint could be set on the gate. */
static enum outcome do_mov_to_dr(struct vcpu *v, const struct insn *i)
{
	v->legacy.dr[i->reg & 7] = (uint32_t)*operand_register(v->regs, i->base);
	return DONE;
}

static enum outcome do_mov_from_dr(struct vcpu *v, const struct insn *i)
{
	static const uint32_t fixed[8] = { [6] = 0xffff0ff0, [7] = 0x400 };
	unsigned n = i->reg & 7;

	operand_set_register(v, i->base, v->legacy.dr[n] | fixed[n], i->width);
	return DONE;
}

static enum outcome do_xsetbv(struct vcpu *v, const struct insn *i)
{
	uint64_t value = (uint32_t)v->regs->rax | v->regs->rdx << 32;

	(void)i;
	if (!guest_is_pv(v->guest) || !fpu_set_xcr0(v, (uint32_t)v->regs->rcx, value))
		return REFUSE;
	return DONE;
}

static enum outcome do_lmsw(struct vcpu *v, const struct insn *i)
{
	uint16_t value;

	if (!load_operand16(v, i, &value))
		return JUMPED;
	set_cr0(v, (v->legacy.cr0 & ~0xeull) | (value & 0xf)); /* PE can be set, not cleared */
	return DONE;
}

static enum outcome do_clts(struct vcpu *v, const struct insn *i)
{
	(void)i;
	set_cr0(v, v->legacy.cr0 & ~(uint64_t)CR0_TS);
	return DONE;
}

static enum outcome do_invlpg(struct vcpu *v, const struct insn *i)
{
	mmu_flush(&v->mmu, operand_address(v, i), 1);
	return DONE;
}

/* Caches are coherent; there is nothing to write back for a guest without DMA. */
static enum outcome do_nothing(struct vcpu *v, const struct insn *i)
{
	(void)v;
	(void)i;
	return DONE;
}

/* A PV kernel has hypercalls for all but what is against speculation. */
static enum outcome do_rdmsr(struct vcpu *v, const struct insn *i)
{
	uint32_t msr = (uint32_t)v->regs->rcx;
	bool pv = guest_is_pv(v->guest);
	uint64_t value;

	(void)i;
	if (!pv && msr == MSR_TSC)
		value = rdtsc();
	else if (!pv && msr == MSR_EFER)
		value = v->legacy.efer;
	else if (!speculation_rdmsr(v, msr, &value))
		return REFUSE;
	v->regs->rax = (uint32_t)value;
	v->regs->rdx = value >> 32;
	return DONE;
}

static enum outcome do_wrmsr(struct vcpu *v, const struct insn *i)
{
	(void)i;
	uint64_t value = (uint32_t)v->regs->rax | v->regs->rdx << 32;

	if (speculation_wrmsr(v, (uint32_t)v->regs->rcx, value))
		return DONE;
	if (guest_is_pv(v->guest) || (uint32_t)v->regs->rcx != MSR_EFER ||
	    (value & ~(uint64_t)EFER_NXE))
		return REFUSE;
	v->legacy.efer = value;
	if (v->legacy.cr0 & CR0_PG)
		paging_changed(v);
	return DONE;
}

/* --- segment registers and far transfers --- */

/* The selector the guest believes it loaded. */
static uint16_t shown_selector(const struct vcpu *v, unsigned seg)
{
	uint16_t s = segment_register(v, seg);

	return (seg == 1 || seg == 2) && (s & 3) == 1 ? s & ~3u : s;
}

static enum outcome do_mov_from_seg(struct vcpu *v, const struct insn *i)
{
	return store_operand(v, i, shown_selector(v, i->reg));
}

static enum outcome do_push_seg(struct vcpu *v, const struct insn *i)
{
	return push(v, shown_selector(v, i->reg), i->width) ? DONE : JUMPED;
}

static bool load_segment(struct vcpu *v, unsigned seg, uint16_t selector)
{
	uint32_t s = selector;

	if (!ring_gdt_load(v)) /* it may have changed since */
		return false;
	if (seg == 2 ? selector >= SEL_GUEST_MAX || !stack_fits(v, selector, 0)
		     : !ring_selector_fits(v, selector)) {
		ring_exception(v, VECTOR_GP, selector & ~3u);
		return false;
	}
	switch (seg) {
	case 0: __asm__ volatile("movl %0, %%es" ::"r"(s)); break;
	case 2: v->regs->ss = (selector & ~3u) | 1; break;
	case 3: __asm__ volatile("movl %0, %%ds" ::"r"(s)); break;
	case 4: __asm__ volatile("movl %0, %%fs" ::"r"(s)); break;
	default: __asm__ volatile("movl %0, %%gs" ::"r"(s)); break;
	}
	return true;
}

static enum outcome do_mov_to_seg(struct vcpu *v, const struct insn *i)
{
	uint16_t selector;

	if (!load_operand16(v, i, &selector))
		return JUMPED;
	return load_segment(v, i->reg, selector) ? DONE : JUMPED;
}

static enum outcome do_pop_seg(struct vcpu *v, const struct insn *i)
{
	uint32_t selector;

	if (!pop(v, &selector, 1, i->width) || !load_segment(v, i->reg, (uint16_t)selector))
		return JUMPED;
	release(v, i->width);
	return DONE;
}

/* From the instruction itself, or from where it says. */
static bool load_far_pointer(struct vcpu *v, const struct insn *i, uint16_t *selector,
			     uint32_t *offset)
{
	uint8_t pointer[6];

	if (i->op == INSN_JMP_FAR || i->op == INSN_CALL_FAR) {
		*selector = i->imm;
		*offset = i->disp;
		return true;
	}
	if (!load_memory(v, i, pointer, i->width + 2u))
		return false;
	*offset = 0;
	memcpy(offset, pointer, i->width);
	memcpy(selector, pointer + i->width, 2);
	return true;
}

static enum outcome do_load_far(struct vcpu *v, const struct insn *i)
{
	uint32_t offset;
	uint16_t selector;

	if (!load_far_pointer(v, i, &selector, &offset) || !load_segment(v, i->imm, selector))
		return JUMPED;
	operand_set_register(v, i->reg, offset, i->width);
	return DONE;
}

static bool jump_far(struct vcpu *v, uint16_t selector, uint32_t offset)
{
	if (!ring_gdt_load(v))
		return false;
	if ((selector & 3) > virtual_cpl(v->regs->cs) ||
	    !code_fits(v, selector, offset, virtual_cpl(v->regs->cs))) {
		ring_exception(v, VECTOR_GP, selector & ~3u);
		return false;
	}
	v->regs->cs = (selector & ~3u) | 1;
	v->regs->rip = offset;
	return true;
}

static enum outcome do_jmp_far(struct vcpu *v, const struct insn *i)
{
	uint16_t selector;
	uint32_t offset;

	if (load_far_pointer(v, i, &selector, &offset))
		jump_far(v, selector, offset);
	return JUMPED;
}

static enum outcome do_call_far(struct vcpu *v, const struct insn *i)
{
	uint64_t sp = v->regs->rsp;
	uint32_t next = (uint32_t)v->regs->rip + i->length, offset;
	uint16_t selector;

	if (!load_far_pointer(v, i, &selector, &offset) || !push(v, shown_selector(v, 1), i->width))
		return JUMPED;
	if (!push(v, next, i->width) || !jump_far(v, selector, offset))
		v->regs->rsp = sp;
	return JUMPED;
}

/* To ring 3 the stack comes along, behind the bytes to release. */
static enum outcome ret_far_to_user(struct vcpu *v, const struct insn *i, const uint32_t *frame)
{
	uint32_t stack[2];

	if (!code_fits(v, (uint16_t)frame[1], frame[0], 3))
		return REFUSE;
	if (!load_stack(v, 2u * i->width + i->imm, stack, sizeof(stack)))
		return JUMPED;
	if (!stack_fits(v, (uint16_t)stack[1], 3))
		return REFUSE;
	v->regs->rip = frame[0];
	v->regs->cs = (uint16_t)frame[1];
	v->regs->rsp = stack[0] + i->imm;
	v->regs->ss = (uint16_t)stack[1];
	return JUMPED;
}

static enum outcome do_ret_far(struct vcpu *v, const struct insn *i)
{
	uint32_t frame[2];

	if (!pop(v, frame, 2, i->width))
		return JUMPED;
	if ((frame[1] & 3) == 3)
		return i->width == 4 ? ret_far_to_user(v, i, frame) : REFUSE;
	if (jump_far(v, (uint16_t)(frame[1] & ~3u), frame[0]))
		release(v, 2 * i->width + i->imm);
	return JUMPED;
}

/*
 * Who may have it emulated, beside a legacy kernel. Ring 3 of a legacy guest: at the rewriter's
 * trap sites, and INT n; of both kinds, ports that are permitted to it. A PV kernel's devices are
 * hypercalls; its ports are empty, but there to be measured. INT n traps through a gate the
 * hypervisor keeps to itself; its error code names the vector, but QEMU before 8.1 shifts it by one
 * bit too many in long mode, so the instruction is what we believe.
 */
enum { PV = 1, PV_KERNEL = 2, USER = 4 };

static const struct operation {
	enum outcome (*emulate)(struct vcpu *v, const struct insn *i);
	uint8_t who;
} operations[INSN_OPS] = {
	[INSN_CLI... INSN_STI] = { do_cli_sti, PV_KERNEL },
	[INSN_HLT] = { do_hlt },
	[INSN_PUSHF] = { do_pushf, USER },
	[INSN_POPF] = { do_popf },
	[INSN_IRET] = { do_iret },
	[INSN_INT] = { do_int, PV | USER },
	[INSN_IN... INSN_OUTS] = { port_io, PV },
	[INSN_SGDT] = { do_store_table, PV_KERNEL | USER },
	[INSN_SIDT] = { do_store_table, USER },
	[INSN_LGDT... INSN_LIDT] = { do_load_table },
	[INSN_SMSW] = { do_store_word, USER },
	[INSN_LMSW] = { do_lmsw },
	[INSN_INVLPG] = { do_invlpg },
	[INSN_SLDT... INSN_STR] = { do_store_word, USER },
	[INSN_LLDT] = { do_lldt },
	[INSN_LTR] = { do_ltr },
	[INSN_VERR... INSN_LSL] = { do_ask, USER },
	[INSN_CLTS] = { do_clts },
	[INSN_INVD... INSN_WBINVD] = { do_nothing },
	[INSN_MOV_FROM_CR] = { do_mov_from_cr, PV_KERNEL },
	[INSN_MOV_TO_CR] = { do_mov_to_cr },
	[INSN_XSETBV] = { do_xsetbv, PV_KERNEL },
	[INSN_MOV_FROM_DR] = { do_mov_from_dr },
	[INSN_MOV_TO_DR] = { do_mov_to_dr },
	[INSN_RDMSR] = { do_rdmsr, PV_KERNEL },
	[INSN_WRMSR] = { do_wrmsr, PV_KERNEL },
	[INSN_MOV_FROM_SEG] = { do_mov_from_seg, USER },
	[INSN_MOV_TO_SEG] = { do_mov_to_seg },
	[INSN_PUSH_SEG] = { do_push_seg, USER },
	[INSN_POP_SEG] = { do_pop_seg },
	[INSN_LOAD_FAR] = { do_load_far },
	[INSN_JMP_FAR] = { do_jmp_far },
	[INSN_CALL_FAR] = { do_call_far },
	[INSN_RET_FAR] = { do_ret_far },
	[INSN_JMP_FAR_MEM] = { do_jmp_far },
	[INSN_CALL_FAR_MEM] = { do_call_far },
};

static void count_unlisted(struct guest *g, uint32_t address)
{
	for (unsigned i = 0; i < PROFILE_ENTRIES; i++) {
		struct profile_entry *e = &g->profile[(address + i) % PROFILE_ENTRIES];

		if (e->count && e->address != address)
			continue;
		e->address = address;
		e->count++;
		return;
	}
}

static bool decode_here(struct vcpu *v, struct insn *insn)
{
	const struct veneer_site *site =
		ring_find(v->guest->sites, v->guest->rewrite.site_count, sizeof(*site),
			  offsetof(struct veneer_site, address), v->regs->rip);
	uint8_t code[INSN_BYTES];

	if (site && !code_base(v)) { /* a table of linear addresses */
		*insn = site->insn;
		return true;
	}
	if (v->guest->prepare == PREPARE_REWRITTEN)
		count_unlisted(v->guest, (uint32_t)v->regs->rip);
	bool code64 = in_code64(v);
	uint64_t at = code64 ? v->regs->rip : (uint32_t)(v->regs->rip + code_base(v));
	unsigned bytes = operand_fetch(v, at, code);
	return bytes && !insn_decode(code, bytes, code64, insn);
}

static void execute(struct vcpu *v, const struct insn *i)
{
	uint64_t mask = in_code64(v) ? ~0ull : 0xffffffff;

	if (!port_io_is(i->op))
		v->counts[COUNT_PRIVILEGED]++;
	switch (operations[index_nospec(i->op, INSN_OPS)].emulate(v, i)) {
	case DONE: v->regs->rip = (v->regs->rip + i->length) & mask; break;
	case JUMPED: break;
	case REFUSE: ring_exception(v, VECTOR_GP, 0); break;
	case INVALID: ring_exception(v, VECTOR_UD, NO_ERROR); break;
	}
}

static bool allowed(struct vcpu *v, const struct insn *i)
{
	const struct operation *o = &operations[i->op];
	unsigned ring = v->regs->cs & 3;

	if (!o->emulate ||
	    (guest_is_pv(v->guest) && !(o->who & PV) && !((o->who & PV_KERNEL) && ring == 1)))
		return false;
	return ring != 3 || (port_io_is(i->op) ? port_io_permitted(v, i) : o->who & USER);
}

HOT_FRAME void ring_emulate(struct vcpu *v)
{
	struct insn insn;

	if (decode_here(v, &insn) && allowed(v, &insn))
		execute(v, &insn);
	else
		ring_exception(v, (unsigned)v->regs->vector, (int64_t)v->regs->error);
}

void ring_skip_hlt(struct vcpu *v)
{
	struct insn insn;
	uint8_t code;
	uint64_t at = (uint32_t)(v->regs->rip + code_base(v));

	if (!mmu_read(&v->mmu, GVA(at), &code, 1, PF_FETCH, NULL) && code == 0xf4 &&
	    decode_here(v, &insn) && insn.op == INSN_HLT)
		v->regs->rip = (uint32_t)(v->regs->rip + insn.length);
}

void ring_iret(struct vcpu *v)
{
	const struct insn iret = { .op = INSN_IRET, .width = 4, .length = 1 };

	execute(v, &iret);
}

#define STEP_LIMIT 2 /* then others may have the processor */

/* PUSHF, POPF and IRET: ring 1 executes them without a trap but with another meaning. */
bool ring_step(struct vcpu *v)
{
	struct insn insn;

	for (unsigned n = 0; n < STEP_LIMIT; n++) {
		if (v->state != VCPU_RUNNABLE)
			return false;
		if (!v->page->irq_mask || (v->regs->cs & 3) == 3 || !decode_here(v, &insn) ||
		    insn.op < INSN_PUSHF || insn.op > INSN_IRET)
			return true;
		execute(v, &insn);
	}
	return false;
}
