// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulation of one sensitive instruction of a legacy kernel, and of port I/O of any guest. The
 * instruction comes from the site table of a rewritten image or from the decoder; each operation
 * has one small function, reached through a table.
 */
#include "engine/ring/emulate/emulate.h"
#include "lib/search.h"

/*
 * Who may have it emulated, beside a legacy kernel. Ring 3 of a legacy guest: at the rewriter's
 * trap sites, INT n and far calls; of both kinds, ports that are permitted to it. A PV kernel's
 * devices are hypercalls; its ports are empty, but there to be measured. INT n traps through a gate
 * the hypervisor keeps to itself; its error code names the vector, but QEMU before 8.1 shifts it by
 * one bit too many in long mode, so the instruction is what we believe.
 */
enum { PV = 1, PV_KERNEL = 2, USER = 4 };

static const struct operation {
	emulation *emulate;
	uint8_t who;
} operations[INSN_OPS] = {
	[INSN_CLI... INSN_STI] = { emulate_cli_sti, PV_KERNEL },
	[INSN_HLT] = { emulate_hlt },
	[INSN_PUSHF] = { emulate_pushf, USER },
	[INSN_POPF] = { emulate_popf },
	[INSN_IRET] = { emulate_iret },
	[INSN_INT] = { emulate_int, PV | USER },
	[INSN_IN... INSN_OUTS] = { port_io, PV },
	[INSN_SGDT] = { emulate_store_table, PV_KERNEL | USER },
	[INSN_SIDT] = { emulate_store_table, USER },
	[INSN_LGDT... INSN_LIDT] = { emulate_load_table },
	[INSN_SMSW] = { emulate_store_word, USER },
	[INSN_LMSW] = { emulate_lmsw },
	[INSN_INVLPG] = { emulate_invlpg },
	[INSN_SLDT... INSN_STR] = { emulate_store_word, USER },
	[INSN_LLDT] = { emulate_lldt },
	[INSN_LTR] = { emulate_ltr },
	[INSN_VERR... INSN_LSL] = { emulate_ask, USER },
	[INSN_CLTS] = { emulate_clts },
	[INSN_INVD... INSN_WBINVD] = { emulate_nothing },
	[INSN_MOV_FROM_CR] = { emulate_mov_from_cr, PV_KERNEL },
	[INSN_MOV_TO_CR] = { emulate_mov_to_cr },
	[INSN_XSETBV] = { emulate_xsetbv, PV_KERNEL },
	[INSN_MOV_FROM_DR] = { emulate_mov_from_dr },
	[INSN_MOV_TO_DR] = { emulate_mov_to_dr },
	[INSN_RDMSR] = { emulate_rdmsr, PV_KERNEL },
	[INSN_WRMSR] = { emulate_wrmsr, PV_KERNEL },
	[INSN_CPUID] = { emulate_cpuid },
	[INSN_MOV_FROM_SEG] = { emulate_mov_from_seg, USER },
	[INSN_MOV_TO_SEG] = { emulate_mov_to_seg },
	[INSN_PUSH_SEG] = { emulate_push_seg, USER },
	[INSN_POP_SEG] = { emulate_pop_seg },
	[INSN_LOAD_FAR] = { emulate_load_far },
	[INSN_JMP_FAR] = { emulate_jmp_far },
	[INSN_CALL_FAR] = { emulate_call_far, USER },
	[INSN_RET_FAR] = { emulate_ret_far },
	[INSN_JMP_FAR_MEM] = { emulate_jmp_far },
	[INSN_CALL_FAR_MEM] = { emulate_call_far, USER },
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

unsigned ring_code_bits(const struct vcpu *v)
{
	uint64_t d = ring_descriptor(v, v->regs->cs);

	if (ring_in_code64(v))
		return 64;
	return (d & DESC_DB) || !d ? 32 : 16; /* ours is flat, and not there */
}

static inline unsigned fetch(struct vcpu *v, bool code64, uint8_t *code)
{
	uint64_t rip = v->regs->rip;

	return operand_fetch(v, code64 ? rip : (uint32_t)(rip + ring_code_base(v)), code);
}

unsigned ring_fetch(struct vcpu *v, uint8_t *code)
{
	return fetch(v, ring_in_code64(v), code);
}

static bool decode_here(struct vcpu *v, struct insn *insn)
{
	const struct veneer_site *site =
		search_ranges(v->guest->sites, v->guest->image.rewrite.site_count, sizeof(*site),
			      offsetof(struct veneer_site, address), v->regs->rip);
	uint8_t code[INSN_BYTES];

	if (site && !ring_code_base(v)) { /* a table of linear addresses */
		*insn = site->insn;
		return true;
	}
	if (v->guest->image.prepare == PREPARE_REWRITTEN)
		count_unlisted(v->guest, (uint32_t)v->regs->rip);
	bool code64 = ring_in_code64(v);
	unsigned bytes = fetch(v, code64, code);
	return bytes && !insn_decode(code, bytes, code64, insn);
}

static void execute(struct vcpu *v, const struct insn *i)
{
	uint64_t mask = ring_in_code64(v) ? ~0ull : 0xffffffff;

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
	    (!v->guest->board && !(o->who & PV) && !((o->who & PV_KERNEL) && ring == 1)))
		return false;
	return ring != 3 || (port_io_is(i->op) ? port_io_permitted(v, i) : o->who & USER);
}

/* The guest gets the exception. In ring 3 a processor would have raised it too. In the kernel it is
 * either that, or an instruction that is not emulated: the two cannot be told apart. */
static __attribute__((noinline)) void refuse(struct vcpu *v)
{
	const struct regs *r = v->regs;

	if (r->vector == VECTOR_GP && !r->error && (r->cs & 3) != 3)
		vcpu_unknown(v, "an instruction");
	ring_exception(v, (unsigned)r->vector, (int64_t)r->error);
}

HOT_FRAME void ring_emulate(struct vcpu *v)
{
	struct insn insn;

	if (decode_here(v, &insn) && allowed(v, &insn))
		execute(v, &insn);
	else
		refuse(v);
}

bool ring_memory_insn(struct vcpu *v)
{
	static const struct board_access unknown = { .at = { ~0ull } };
	const struct board *b = v->guest->board;
	struct regs *r = v->regs;
	uint64_t events = v->counts[COUNT_EXCEPTION];
	unsigned length;
	enum outcome outcome =
		b && !(r->error & PF_FETCH) ? b->outside(v, &unknown, &length) : INVALID;

	if (outcome == DONE)
		r->rip = (uint32_t)(r->rip + length);
	if (outcome != INVALID && events == v->counts[COUNT_EXCEPTION] && v->ring->translator &&
	    (r->rflags & FLAGS_TF) && !v->ring->stepping)
		ring_single_step(v);
	return outcome != INVALID;
}

void ring_skip_hlt(struct vcpu *v)
{
	struct insn insn;
	uint8_t code;
	uint64_t at = (uint32_t)(v->regs->rip + ring_code_base(v));

	if (!guest_read(v->view, GVA(at), &code, 1, PF_FETCH, NULL) && code == 0xf4 &&
	    decode_here(v, &insn) && insn.op == INSN_HLT)
		v->regs->rip = (uint32_t)(v->regs->rip + insn.length);
}

void ring_iret(struct vcpu *v)
{
	const struct insn iret = { .op = INSN_IRET, .width = 4, .length = 1 };

	execute(v, &iret);
}

bool ring_step(struct vcpu *v, bool (*may_run)(const struct insn *i))
{
	struct insn insn;

	if (!decode_here(v, &insn) || may_run(&insn))
		return true;
	execute(v, &insn);
	return false;
}
