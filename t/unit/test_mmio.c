// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Instructions with an operand in memory, pc/mmio_*.c. Zydis must decode the same from random
 * bytes. And each is carried out twice on the same state: by this processor on memory, and in
 * software on a device that behaves like memory; then registers, flags and memory are the same.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "classify.h"
#include "pc/mmio_flags.h"
#include "pc/mmio_insn.h"
#include "pc/pc.h"
#include "tap.h"

/* --- against Zydis --- */

/* Prefixes, an opcode that is one of them or near, random bytes. */
static unsigned random_insn(uint8_t *code, bool code64, bool segments)
{
	static const uint8_t prefix[] = { 0x66, 0xf2, 0xf3, 0x66, 0x67, 0x2e, 0x36, 0x64, 0xf0 };
	static const uint8_t one[] = { 0x63, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88,
				       0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5,
				       0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xc6,
				       0xc7, 0xf6, 0xf7, 0xfe, 0xff, 0x8c, 0xc0, 0xd1, 0x8f };
	static const uint8_t two[] = { 0xa3, 0xab, 0xb3, 0xbb, 0xba, 0xb0, 0xb1, 0xb6, 0xb7,
				       0xbe, 0xbf, 0xc0, 0xc1, 0xc3, 0xaf, 0xa4, 0x40, 0x90 };
	unsigned n = 0;

	for (unsigned i = 0; i < 15; i++)
		code[i] = (uint8_t)rnd();
	while (rnd() % 3 == 0 && n < 3)
		code[n++] = prefix[rnd() % (segments ? sizeof(prefix) : 4)];
	if (code64 && rnd() % 2)
		code[n++] = 0x40 | (rnd() & 15);
	switch (rnd() % 3) {
	case 0: code[n] = rnd() & 0x3f; break;
	case 1: code[n] = one[rnd() % sizeof(one)]; break;
	default: code[n++] = 0x0f; code[n] = two[rnd() % sizeof(two)];
	}
	return n + 1;
}

/* What Zydis calls each operation. */
static const struct {
	uint16_t mnemonic;
	uint8_t op;
} operations[] = {
	{ ZYDIS_MNEMONIC_ADD, MMIO_ADD },    { ZYDIS_MNEMONIC_OR, MMIO_OR },
	{ ZYDIS_MNEMONIC_ADC, MMIO_ADC },    { ZYDIS_MNEMONIC_SBB, MMIO_SBB },
	{ ZYDIS_MNEMONIC_AND, MMIO_AND },    { ZYDIS_MNEMONIC_SUB, MMIO_SUB },
	{ ZYDIS_MNEMONIC_XOR, MMIO_XOR },    { ZYDIS_MNEMONIC_CMP, MMIO_CMP },
	{ ZYDIS_MNEMONIC_TEST, MMIO_TEST },  { ZYDIS_MNEMONIC_NOT, MMIO_NOT },
	{ ZYDIS_MNEMONIC_NEG, MMIO_NEG },    { ZYDIS_MNEMONIC_INC, MMIO_INC },
	{ ZYDIS_MNEMONIC_DEC, MMIO_DEC },    { ZYDIS_MNEMONIC_BT, MMIO_BT },
	{ ZYDIS_MNEMONIC_BTS, MMIO_BTS },    { ZYDIS_MNEMONIC_BTR, MMIO_BTR },
	{ ZYDIS_MNEMONIC_BTC, MMIO_BTC },    { ZYDIS_MNEMONIC_XCHG, MMIO_XCHG },
	{ ZYDIS_MNEMONIC_XADD, MMIO_XADD },  { ZYDIS_MNEMONIC_CMPXCHG, MMIO_CMPXCHG },
	{ ZYDIS_MNEMONIC_PUSH, MMIO_PUSH },  { ZYDIS_MNEMONIC_MOVNTI, MMIO_STORE },
	{ ZYDIS_MNEMONIC_MOV, MMIO_LOAD },   { ZYDIS_MNEMONIC_MOVZX, MMIO_LOAD },
	{ ZYDIS_MNEMONIC_MOVSX, MMIO_LOAD }, { ZYDIS_MNEMONIC_MOVSXD, MMIO_LOAD },
	{ ZYDIS_MNEMONIC_MOVSB, MMIO_MOVS }, { ZYDIS_MNEMONIC_MOVSW, MMIO_MOVS },
	{ ZYDIS_MNEMONIC_MOVSD, MMIO_MOVS }, { ZYDIS_MNEMONIC_MOVSQ, MMIO_MOVS },
	{ ZYDIS_MNEMONIC_CMPSB, MMIO_CMPS }, { ZYDIS_MNEMONIC_CMPSW, MMIO_CMPS },
	{ ZYDIS_MNEMONIC_CMPSD, MMIO_CMPS }, { ZYDIS_MNEMONIC_CMPSQ, MMIO_CMPS },
	{ ZYDIS_MNEMONIC_STOSB, MMIO_STOS }, { ZYDIS_MNEMONIC_STOSW, MMIO_STOS },
	{ ZYDIS_MNEMONIC_STOSD, MMIO_STOS }, { ZYDIS_MNEMONIC_STOSQ, MMIO_STOS },
	{ ZYDIS_MNEMONIC_LODSB, MMIO_LODS }, { ZYDIS_MNEMONIC_LODSW, MMIO_LODS },
	{ ZYDIS_MNEMONIC_LODSD, MMIO_LODS }, { ZYDIS_MNEMONIC_LODSQ, MMIO_LODS },
	{ ZYDIS_MNEMONIC_SCASB, MMIO_SCAS }, { ZYDIS_MNEMONIC_SCASW, MMIO_SCAS },
	{ ZYDIS_MNEMONIC_SCASD, MMIO_SCAS }, { ZYDIS_MNEMONIC_SCASQ, MMIO_SCAS },
};

/* The operation that we should find, or -1. */
static int wanted(const struct decoded *d)
{
	uint8_t opcode = d->zydis.opcode;

	if (d->zydis.opcode_map == ZYDIS_OPCODE_MAP_0F && (opcode < 0x80 || opcode == 0xc2))
		return -1; /* SSE2 has a MOVSD and a CMPSD, too */
	for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (operations[i].mnemonic == d->zydis.mnemonic)
			return operations[i].op == MMIO_LOAD &&
					       d->operand[0].type == ZYDIS_OPERAND_TYPE_MEMORY
				       ? MMIO_STORE
				       : operations[i].op;
	return -1;
}

static const ZydisDecodedOperand *memory_of(const struct decoded *d)
{
	for (unsigned i = 0; i < d->zydis.operand_count; i++) {
		const ZydisDecodedOperand *o = &d->operand[i];

		if (o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    ZydisRegisterGetClass(o->reg.value) == ZYDIS_REGCLASS_SEGMENT &&
		    o->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
			return NULL;
	}
	for (unsigned i = 0; i < d->zydis.operand_count; i++)
		if (d->operand[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			return d->zydis.mnemonic == ZYDIS_MNEMONIC_PUSH && i ? NULL
									     : &d->operand[i];
	return NULL;
}

static bool same_register(ZydisRegister r, uint8_t ours)
{
	if (r == ZYDIS_REGISTER_NONE)
		return ours == INSN_NO_REG;
	if (ZydisRegisterGetClass(r) == ZYDIS_REGCLASS_IP)
		return ours == 16;
	return (unsigned)ZydisRegisterGetId(r) == ours;
}

static bool same_address(const struct mmio_insn *m, const ZydisDecodedOperand *o)
{
	const struct insn *i = &m->insn;

	if (m->absolute)
		return m->imm == operand_counter(i, (uint64_t)o->mem.disp.value);
	return same_register(o->mem.base, i->base) && same_register(o->mem.index, i->index) &&
	       (i->index == INSN_NO_REG || i->scale == o->mem.scale) &&
	       (uint32_t)o->mem.disp.value == i->disp;
}

static bool same_insn(const struct mmio_insn *m, const struct decoded *d,
		      const ZydisDecodedOperand *o)
{
	static const ZydisRegister seg[] = { ZYDIS_REGISTER_ES, ZYDIS_REGISTER_CS,
					     ZYDIS_REGISTER_SS, ZYDIS_REGISTER_DS,
					     ZYDIS_REGISTER_FS, ZYDIS_REGISTER_GS };

	if (m->op != wanted(d) || m->insn.length != d->zydis.length || m->width * 8 != o->size)
		return false;
	if (m->op >= MMIO_MOVS)
		return true;
	return same_address(m, o) && seg[m->insn.seg] == o->mem.segment;
}

static void against_zydis(bool code64)
{
	unsigned checked = 0, wrong = 0;

	decoder_init(code64);
	for (unsigned round = 0; round < 1000000; round++) {
		uint8_t code[15];
		struct mmio_insn m = { 0 };
		struct decoded d;

		random_insn(code, code64, true);
		if (!decode(code, 15, &d)) /* #UD: it has not accessed anything */
			continue;
		const ZydisDecodedOperand *o = memory_of(&d);
		bool want = o && wanted(&d) >= 0, got = !mmio_decode(code, 15, code64, &m);
		checked += want;
		if (want ? got && same_insn(&m, &d, o) : !got)
			continue;
		if (wrong++ < 5) {
			tap_bytes(code, 15);
			printf(" (%s): %s op %u length %u width %u seg %u\n",
			       ZydisMnemonicGetString(d.zydis.mnemonic), got ? "ours" : "not ours",
			       m.op, m.insn.length, m.width, m.insn.seg);
		}
	}
	ok(checked > 100000 && !wrong, "%d-bit: %u instructions, %u decoded otherwise",
	   code64 ? 64 : 32, checked, wrong);
}

/* --- against this processor --- */

#define ARENA 0x10000u
#define RAM   (ARENA / 2) /* of the guest: the first half */

char *host_memory;
static uint8_t device[ARENA], *native, *page;
static struct guest guest;
static struct guest_view view = { .memory = &guest.memory };
static struct vcpu vcpu, *const v = &vcpu;
static struct regs regs;
static uint8_t code_now[15];

/* By the processor's numbers, and the flags. */
struct state {
	uint64_t reg[16], flags;
} state;
uint64_t host_stack;
void *native_code;
void run_natively(void);

__asm__(".text\n"
	"run_natively:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	push state+128(%rip); popfq\n"
	"	mov %rsp, host_stack(%rip)\n"
	"	lea state(%rip), %rax\n"
	"	mov 8(%rax), %rcx; mov 16(%rax), %rdx; mov 24(%rax), %rbx; mov 32(%rax), %rsp\n"
	"	mov 40(%rax), %rbp; mov 48(%rax), %rsi; mov 56(%rax), %rdi; mov 64(%rax), %r8\n"
	"	mov 72(%rax), %r9; mov 80(%rax), %r10; mov 88(%rax), %r11; mov 96(%rax), %r12\n"
	"	mov 104(%rax), %r13; mov 112(%rax), %r14; mov 120(%rax), %r15\n"
	"	mov (%rax), %rax\n"
	"	jmp *native_code(%rip)\n"
	".globl native_done\n"
	"native_done:\n"
	"	mov %rax, state(%rip)\n"
	"	mov %rsp, state+32(%rip)\n"
	"	mov host_stack(%rip), %rsp\n"
	"	pushfq; pop state+128(%rip); cld\n"
	"	lea state(%rip), %rax\n"
	"	mov %rcx, 8(%rax); mov %rdx, 16(%rax); mov %rbx, 24(%rax); mov %rbp, 40(%rax)\n"
	"	mov %rsi, 48(%rax); mov %rdi, 56(%rax); mov %r8, 64(%rax); mov %r9, 72(%rax)\n"
	"	mov %r10, 80(%rax); mov %r11, 88(%rax); mov %r12, 96(%rax); mov %r13, 104(%rax)\n"
	"	mov %r14, 112(%rax); mov %r15, 120(%rax)\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");
void native_done(void);

int guest_walk(const struct guest_memory *m, const struct paging *p, gva_t va, unsigned access,
	       struct translation *t, unsigned *error)
{
	(void)m, (void)p, (void)access;
	*error = 0;
	if (va.v - (uint64_t)native >= ARENA)
		return -EFAULT;
	t->gpa = GPA(va.v - (uint64_t)native);
	return 0;
}

int guest_read(const struct guest_view *w, gva_t va, void *to, uint64_t bytes, unsigned access,
	       struct guest_failure *f)
{
	(void)w, (void)access, (void)f;
	memcpy(to, device + (va.v - (uint64_t)native), bytes);
	return 0;
}

int guest_write(const struct guest_view *w, gva_t va, const void *from, uint64_t bytes,
		unsigned access, struct guest_failure *f)
{
	(void)w, (void)access, (void)f;
	memcpy(device + (va.v - (uint64_t)native), from, bytes);
	return 0;
}

uint64_t pc_read(struct vcpu *vc, gpa_t at, unsigned width)
{
	uint64_t value = ~0ull; /* above the width, too */

	(void)vc;
	memcpy(&value, device + at.v, width);
	return value;
}

void pc_write(struct vcpu *vc, gpa_t at, unsigned width, uint64_t value)
{
	(void)vc;
	memcpy(device + at.v, &value, width);
}

static unsigned faults;

static uint64_t base(const struct vcpu *vc, unsigned seg)
{
	(void)vc, (void)seg;
	return 0;
}

static bool holds(const struct vcpu *vc, unsigned seg, const struct span *s)
{
	(void)vc, (void)seg, (void)s;
	return true;
}

static void page_fault(struct vcpu *vc, gva_t va, unsigned error)
{
	(void)vc, (void)va, (void)error;
	faults++;
}

static unsigned bits(const struct vcpu *vc)
{
	(void)vc;
	return 64;
}

static unsigned fetch(struct vcpu *vc, uint8_t *to)
{
	(void)vc;
	memcpy(to, code_now, 15);
	return 15;
}

static const struct engine engine = { .segment_base = base,
				      .segment_holds = holds,
				      .page_fault = page_fault,
				      .code_bits = bits,
				      .fetch = fetch };

/* Random registers, but for those that lead to the operands. False: this form is not tried here. */
static bool choose_state(const struct mmio_insn *m)
{
	const struct insn *i = &m->insn;
	uint64_t at = (uint64_t)native + 64 + rnd() % (RAM - 256) + (rnd() & 1 ? RAM : 0);

	for (unsigned n = 0; n < 16; n++)
		state.reg[n] = (uint64_t)rnd() << 32 ^ rnd() << (rnd() & 31);
	state.reg[4] = (uint64_t)native + 128 + (rnd() % (ARENA - 256) & ~7u);
	state.flags = FLAGS_ONE | FLAGS_IF |
		      (rnd() & (FLAGS_CF | FLAGS_PF | FLAGS_AF | FLAGS_ZF | FLAGS_SF | FLAGS_OF |
				FLAGS_DF));
	if (m->op >= MMIO_MOVS) {
		state.reg[1] = rnd() % 4;
		state.reg[6] = at;
		state.reg[7] = (uint64_t)native + 64 + rnd() % (ARENA - 128);
		return true;
	}
	if (m->absolute || i->base >= 16 || i->base == 4 || i->index == 4 || i->base == i->index)
		return false;
	if (i->index != INSN_NO_REG)
		state.reg[i->index] = rnd() % 64;
	bool far_bit = m->op >= MMIO_BT && m->op <= MMIO_BTC && m->reg != INSN_NO_REG;
	if (far_bit && (m->reg == i->base || m->reg == i->index || m->reg == 4))
		return false;
	if (far_bit) /* up to 32 bytes to both sides */
		state.reg[m->reg] =
			(state.reg[m->reg] & ~0xffffull) | (uint16_t)(rnd() % 512 - 256);
	if (far_bit && m->width > 2)
		state.reg[m->reg] = (uint64_t)(int64_t)(int16_t)state.reg[m->reg];
	state.reg[i->base] = at - (uint64_t)(int64_t)(int32_t)i->disp;
	if (i->index != INSN_NO_REG)
		state.reg[i->base] -= state.reg[i->index] * i->scale;
	return true;
}

static void natively(unsigned length)
{
	static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 }; /* jmp *0(%rip) */
	void *end = (void *)native_done;

	memcpy(page, code_now, length);
	memcpy(page + length, jump, 6);
	memcpy(page + length + 6, &end, 8);
	native_code = page;
	run_natively();
}

static uint64_t *order(unsigned n)
{
	return operand_register(&regs, n);
}

static bool in_software(const struct state *before)
{
	static const struct board_access unknown = { GPA(~0ull), false };
	enum outcome outcome;
	unsigned length, steps = 0;

	for (unsigned n = 0; n < 16; n++)
		*order(n) = before->reg[n];
	regs.rflags = before->flags;
	faults = 0;
	do
		outcome = pc_outside(v, &unknown, &length);
	while (outcome == JUMPED && !faults && ++steps < 8);
	return outcome == DONE && !faults;
}

static uint64_t defined_flags(const struct mmio_insn *m)
{
	switch (m->op) {
	case MMIO_OR:
	case MMIO_AND:
	case MMIO_XOR:
	case MMIO_TEST: return ~(uint64_t)FLAGS_AF;
	case MMIO_BT ... MMIO_BTC:
		return ~(uint64_t)(FLAGS_OF | FLAGS_SF | FLAGS_AF | FLAGS_PF | FLAGS_ZF);
	default: return ~0ull;
	}
}

static bool same_end(const struct mmio_insn *m)
{
	bool same = !((state.flags ^ regs.rflags) & defined_flags(m));

	for (unsigned n = 0; n < 16; n++)
		same = same && state.reg[n] == *order(n);
	return same && !memcmp(native, device, ARENA);
}

static void against_processor(void)
{
	unsigned tried[MMIO_SCAS + 1] = { 0 }, wrong = 0, least = ~0u;

	guest.memory.region[REGION_RAM].bytes = RAM;
	guest.engine = &engine;
	vcpu.guest = &guest;
	vcpu.engine = &engine;
	vcpu.regs = &regs;
	vcpu.view = &view;
	view.paging.mode = PAGING_64;
	for (unsigned i = 0; i < ARENA; i++)
		native[i] = device[i] = (uint8_t)rnd();
	for (unsigned round = 0; round < 400000; round++) {
		struct mmio_insn m;
		struct decoded d;

		random_insn(code_now, true, false);
		if (mmio_decode(code_now, 15, true, &m) || !decode(code_now, 15, &d) ||
		    m.insn.seg > 3 || !choose_state(&m))
			continue;
		struct state before = state;
		tried[m.op]++;
		natively(m.insn.length);
		if (in_software(&before) && same_end(&m))
			continue;
		memcpy(device, native, ARENA);
		if (wrong++ < 5) {
			tap_bytes(code_now, m.insn.length);
			printf(" op %u width %u: flags %llx, got %llx, want %llx\n", m.op, m.width,
			       (unsigned long long)before.flags, (unsigned long long)regs.rflags,
			       (unsigned long long)state.flags);
		}
	}
	for (unsigned op = 0; op <= MMIO_SCAS; op++)
		least = tried[op] < least ? tried[op] : least;
	ok(!wrong, "%u ended otherwise than on this processor", wrong);
	ok(least > 200, "each operation was tried %u times or more", least);
}

int main(void)
{
	native = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		      -1, 0);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	against_zydis(false);
	against_zydis(true);
	against_processor();
	return done_testing();
}
