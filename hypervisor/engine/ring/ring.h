/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring engine: guest kernels in ring 1, guest users in ring 3, no hardware virtualization. */
#pragma once

#include "arch/descriptor.h"
#include "engine/ring/shadow/mmu.h"
#include "guest/guest.h"

/* Per-vCPU state of the engine. The gate area maps its first three pages while it is loaded:
 * nothing else may be in them. */
struct ring_vcpu {
	_Alignas(PAGE_SIZE) uint64_t gdt[PAGE_SIZE / 8]; /* page 0 of GATE_GDT */
	struct gate64 idt[256];				 /* GATE_IDT */
	char stacks[PAGE_SIZE];				 /* GATE_STACKS; v->regs is in it */

	unsigned gdt_entries; /* of a legacy guest, taken over from its own; the rest is 0 */
	unsigned ldt_entries;
	uint64_t kept[2];	       /* descriptors of SEL_KEPT_CS and _SS; 0: not in use */
	uint16_t kept_selector[2];     /* that the guest has loaded there */
	uint64_t *ldt[GATE_LDT_PAGES]; /* frames of GATE_LDT, from the shadow pool */
	bool stepping;		       /* TF was set by the hypervisor */
	bool warned;		       /* of a GDT that is not flat, or 16-bit code */
	struct translator *translator; /* of a stock kernel; else NULL */
	struct gdt_watch {	       /* translate/gdt.c */
		gpa_t page[2];	       /* of the GDT's first byte and last one; ~0: none */
		unsigned beside;       /* writes to them beside it */
		bool stale, off;
	} watch;
	gpa_t carried;	 /* the page that an instruction which is carried out writes to; ~0: none */
	bool fresh_stay; /* nothing of an exit is in it */
	bool finishing;	 /* it is stepped to the end of what stands for one instruction */
	bool guest_tf;	 /* what TF was before that */
	bool in_guest;	 /* it may be walking shadow tables; atomic */

	/* kept in the processor while loaded */
	uint16_t ds, es, fs, gs;
	uint64_t fs_base, gs_base, kernel_gs_base;

	struct mmu_view view; /* v->view is in it */
	/* under way, for REQUEST_WORK */
	struct mmu_flush flush;
	bool flush_user; /* when the root is loaded */
	struct ldt_load {
		gva_t at;
		unsigned entries, done;
	} ldt_load;

	uint64_t guest_gdt[]; /* of a legacy guest: its own table, as far as gdt has it */
};
_Static_assert(offsetof(struct ring_vcpu, gdt_entries) == 3 * PAGE_SIZE, "not in the gate area");

/* Per-CPU state. */
struct ring_cpu {
	unsigned ldt_pages; /* mapped at GATE_LDT */
	bool sysenter_on;
};

/* A store to the armed page of the patch window: unmask, then deliver. */
void ring_unmask_trap(struct vcpu *v);

/* exit.c: handles the exit in v->regs->vector */
void ring_exit(struct vcpu *v);

/* inject.c: exceptions and interrupts */
void ring_exception(struct vcpu *v, unsigned vector, int64_t error);
void ring_debug(struct vcpu *v);
void ring_page_fault(struct vcpu *v, gva_t va, unsigned error);
bool ring_legacy_interrupt(struct vcpu *v, unsigned vector);
void ring_soft_interrupt(struct vcpu *v, unsigned vector, unsigned length);
/* Of a legacy guest, by its TSS; false: it has none, and ends. */
bool ring_kernel_stack(struct vcpu *v, uint32_t *esp, uint16_t *ss);
void ring_pv_event(struct vcpu *v);
/* #UD. The gate's own UD2s mean that its return has found an event, which is delivered at the next
 * entry, or that SYSCALL has no handler. */
void ring_invalid_opcode(struct vcpu *v);

/* emulate/: one instruction of a legacy kernel, or port I/O of a PV one */
void ring_emulate(struct vcpu *v);
/* Carries out an access to memory by a board, see there; false: not that instruction. */
bool ring_memory_insn(struct vcpu *v);
void ring_skip_hlt(struct vcpu *v); /* steps over a HLT at RIP */
void ring_iret(struct vcpu *v);
unsigned ring_code_bits(const struct vcpu *v);
unsigned ring_fetch(struct vcpu *v, uint8_t *code);
uint16_t ring_shown_segment(const struct vcpu *v, unsigned seg); /* as the guest has loaded it */
uint64_t ring_segment_base(const struct vcpu *v, unsigned seg);
bool ring_segment_holds(const struct vcpu *v, unsigned seg, const struct span *s);
/* Emulates the kernel's instruction at RIP and returns false, unless it may run. */
bool ring_step(struct vcpu *v, bool (*may_run)(const struct insn *i));

/* Virtual EFLAGS as the guest should see them, and setting them. */
uint32_t ring_flags(const struct vcpu *v);
void ring_set_flags(struct vcpu *v, uint32_t flags);

/* Maps a page of the hypervisor's at a place in the CPU's gate area; NULL: none. */
void ring_gate_page(struct cpu *cpu, uint64_t va, const void *page, uint64_t attr);

/* Makes p the vCPU's paging. flush_user: flush the user half too if the root is kept. */
void ring_load_root(struct vcpu *v, const struct paging *p, bool flush_user);

/* segments.c: the guest's GDT and LDT. Errors as in abi/veneer.h. */
int ring_set_ldt(struct vcpu *v, gva_t at, uint64_t entries);
int ring_ldt_part(struct vcpu *v);		/* continues it; returns its result, or -EAGAIN */
void ring_ldt_done(struct vcpu *v, int result); /* passes the result on */
void ring_load_ldt(struct vcpu *v);
void ring_load_selectors(struct cpu *cpu, bool pv);
/* Updates the copy of a legacy guest's table, as far as it can be read. 0: only a part is done; the
 * instruction that needs it is executed again. Else 1, and more if the copy has changed. */
unsigned ring_gdt_load(struct vcpu *v);
/* The GDT has changed: CS and SS, with these descriptors before, keep them until the guest loads
 * others. */
void ring_gdt_keep(struct vcpu *v, const uint64_t before[2]);
/* The guest's own descriptor, of its GDT or LDT; 0: none. */
uint64_t ring_gdt_read(struct vcpu *v, uint16_t selector);
/* A legacy guest's LDT is copied at LLDT; a selector that is emulated has its entry copied again.
 */
void ring_ldt_refresh(struct vcpu *v, uint16_t selector);
/*
 * The exception by which a selector is refused, SDM 3A 5.6 and 5.8.1; 0: it may be loaded. What
 * IRETQ would refuse must become an exception of the guest. ring_selector_fault: DS, ES, FS or GS
 * of ring 1, from the processor's table. The others use the guest's own table: CS, by code at
 * privilege cpl that continues at offset; SS, for a stack of that ring.
 */
unsigned ring_selector_fault(const struct vcpu *v, uint16_t selector);
unsigned ring_code_fault(struct vcpu *v, uint16_t selector, uint32_t offset, unsigned cpl);
unsigned ring_stack_fault(struct vcpu *v, uint16_t selector, unsigned ring);

/* translate/ring.c. Each is for a vCPU with a translator; ring_recover and the last two for all. */
bool ring_translator_create(struct vcpu *v);
void ring_translator_reset(struct vcpu *v);
void ring_single_step(struct vcpu *v);		/* #DB after an instruction with TF */
bool ring_recover_translated(struct vcpu *v);	/* true: it has just left the cache */
bool ring_translate(struct vcpu *v);		/* before entry; false: not now */
void ring_code_write(struct vcpu *v, gva_t va); /* MMU_CODE */
bool ring_code_stepped(struct vcpu *v);		/* at any exit; true: a write was under way */
bool ring_left_cache(struct vcpu *v, unsigned vector); /* at others than #PF; true: that was all */
/* #DB: true, at RIP as the guest knows it, unless it is amid what stands for one instruction. */
bool ring_debug_is_due(struct vcpu *v);
int ring_watch_tables(struct guest *g); /* of a legacy guest; 0, or -ENOMEM */
void ring_translation_remapped(struct vcpu *v);
void ring_page_remapped(struct vcpu *v, gva_t va);
gpa_t ring_page_at(const struct vcpu *v, gva_t va); /* ~0: none */

/* translate/gdt.c: after LGDT, or a change of the page tables; whether a page is watched, and is
 * about to be written; where; before entry, then: false: not now. */
void ring_gdt_watch(struct vcpu *v);
void ring_gdt_page_remapped(struct vcpu *v, gva_t va);
bool ring_gdt_written(const struct guest_memory *m, gpa_t page);
void ring_gdt_count(struct vcpu *v, gpa_t page, gva_t va);
bool ring_gdt_refresh(struct vcpu *v);

/* RIP as the guest knows it: before anything looks at it. */
static inline void ring_recover(struct vcpu *v)
{
	if (v->ring->translator)
		ring_recover_translated(v);
}

/* A descriptor as loaded into the processor's table; 0: none. */
static inline uint64_t ring_descriptor(const struct vcpu *v, uint64_t selector)
{
	unsigned index = (uint16_t)selector >> 3;

	if (selector & 4) {
		if (index >= v->ring->ldt_entries)
			return 0;
		index = (unsigned)index_nospec(index, v->ring->ldt_entries);
		return v->ring->ldt[index / 512][index % 512];
	}
	if (index >= SEL_GUEST_MAX / 8)
		return index == SEL_KEPT_CS / 8	  ? v->ring->kept[0]
		       : index == SEL_KEPT_SS / 8 ? v->ring->kept[1]
						  : 0;
	return v->ring->gdt[index_nospec(index, SEL_GUEST_MAX / 8)];
}

static inline unsigned virtual_cpl(uint64_t cs)
{
	return (cs & 3) == 3 ? 3 : 0;
}

/* The selector in CS or SS as the guest has loaded it. */
static inline uint16_t ring_shown_selector(const struct vcpu *v, bool stack)
{
	uint64_t s = stack ? v->regs->ss : v->regs->cs;

	if (s == (stack ? SEL_KEPT_SS : SEL_KEPT_CS))
		s = v->ring->kept_selector[stack];
	return (uint16_t)((s & 3) == 1 ? s & ~3ull : s);
}
