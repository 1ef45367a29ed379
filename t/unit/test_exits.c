// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exits of a virtual machine on a simulated processor: exit information that no longer matches the
 * bytes at RIP, string instructions that leave their segment, and intercepts that have priority
 * over the privilege check (XSETBV, VMMCALL), which no emulator here implements.
 */
#include <stdarg.h>

#include "arch/cpu.h"
#include "engine/hvm/gate.h"
#include "engine/hvm/hvm.h"
#include "guest/guest.h"
#include "kernel/cpu.h"
#include "tap.h"

#define MEMORY MIB(1)
#define CODE   0x1000ull
#define DATA   0x8000ull
#define PORT   0x80

/* Attributes besides those of hvm.h */
#define USER	      0x060 /* DPL 3 */
#define EXPAND_DOWN   0x004 /* in data segments */
#define WRITE_OR_READ 0x002 /* data may be written, code read */

char *host_memory;
struct cpu_features cpu_features;
static uint8_t memory[MEMORY];
static const struct guest_config config;
static struct guest guest = { .config = &config };
static struct guest_view view;
static struct vcpu vcpu, *const v = &vcpu;
static struct regs regs;
static struct hvm_segment segments[10];
static uint64_t cr4, cr0;
static unsigned port_writes, port_reads, outside, calls, xcr0_writes;
static uint16_t last_port;
static uint32_t last_value;

/* --- stubs --- */

static uint64_t get(const struct vcpu *vc, enum hvm_register r)
{
	(void)vc;
	return r == HVM_CR0 ? cr0 : r == HVM_CR4 ? cr4 : 0;
}

static void set(struct vcpu *vc, enum hvm_register r, uint64_t value)
{
	(void)vc;
	*(r == HVM_CR0 ? &cr0 : &cr4) = value;
}

static struct hvm_segment get_segment(const struct vcpu *vc, unsigned seg)
{
	(void)vc;
	return segments[seg];
}

#include "vendor.h"

static struct hvm_vcpu hvm;
static struct hvm_gate_data gate;
static const struct engine engine = { .segment_base = hvm_segment_base,
				      .segment_holds = hvm_segment_holds,
				      .exception = hvm_exception,
				      .page_fault = hvm_page_fault };

int guest_read(const struct guest_view *view, gva_t va, void *to, uint64_t bytes, unsigned access,
	       struct guest_failure *f)
{
	(void)view, (void)access, (void)f;
	if (va.v > MEMORY || bytes > MEMORY - va.v)
		return -EFAULT;
	memcpy(to, memory + va.v, bytes);
	return 0;
}

int guest_write(const struct guest_view *view, gva_t va, const void *from, uint64_t bytes,
		unsigned access, struct guest_failure *f)
{
	(void)view, (void)access, (void)f;
	if (va.v > MEMORY || bytes > MEMORY - va.v)
		return -EFAULT;
	memcpy(memory + va.v, from, bytes);
	return 0;
}

void *guest_page(const struct guest_view *gv, gva_t va, unsigned access)
{
	(void)gv, (void)va, (void)access;
	return NULL;
}

static uint32_t board_in(struct vcpu *of, uint16_t port, unsigned width)
{
	(void)of, (void)width;
	port_reads++;
	last_port = port;
	return 0x12345678;
}

static void board_out(struct vcpu *of, uint16_t port, unsigned width, uint32_t value)
{
	(void)of, (void)width;
	port_writes++;
	last_port = port;
	last_value = value;
}

static enum outcome end_outside;

static enum outcome board_outside(struct vcpu *of, const struct board_access *a, unsigned *length)
{
	(void)of, (void)a;
	outside++;
	*length = 2;
	return end_outside;
}

static const struct board board = {
	.in = board_in,
	.out = board_out,
	.outside = board_outside,
};

bool fpu_xsetbv(struct vcpu *vc)
{
	(void)vc;
	xcr0_writes++;
	return true;
}

void hypercall(struct vcpu *vc)
{
	(void)vc;
	calls++;
}

uint64_t rdtsc(void)
{
	return 1;
}

bool speculation_rdmsr(const struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)v, (void)msr, (void)value;
	return false;
}

bool speculation_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	(void)v, (void)msr, (void)value;
	return false;
}

void guest_crash(struct guest *g, const char *fmt, ...)
{
	(void)g, (void)fmt;
	fault = 99;
}

void guest_cpuid(struct vcpu *vc, uint64_t cr4)
{
	(void)vc, (void)cr4;
}

/* clang-format off */
void vcpu_unknown(struct vcpu *vc, const char *what) { (void)vc, (void)what; }
void fpu_load(const struct vcpu *vc) { (void)vc; }
void fpu_save(const struct vcpu *vc) { (void)vc; }
void vcpu_halt(struct vcpu *vc, bool masked) { (void)vc, (void)masked; }
int hvm_pv_create_guest(struct guest *g) { (void)g; return 0; }
int hvm_pv_create_vcpu(struct vcpu *vc) { (void)vc; return 0; }
mpa_t guest_take(struct guest *g, uint64_t bytes) { (void)g, (void)bytes; return MPA(0); }
mpa_t nested_create(struct guest *g) { (void)g; return MPA(0); }
void hvm_pv_start(struct vcpu *vc, gpa_t root) { (void)vc, (void)root; }
void hvm_pv_event(struct vcpu *vc) { (void)vc; }
bool hvm_pv_in_gate(uint64_t rip) { (void)rip; return false; }
bool hvm_pv_port(struct vcpu *vc) { (void)vc; return false; }
/* clang-format on */

/* --- a vCPU in 32-bit ring-3 code with the given bytes --- */

static void fresh(const char *code, unsigned bytes)
{
	memset(memory + CODE, 0x90, 32);
	memcpy(memory + CODE, code, bytes);
	memset(&vcpu, 0, sizeof(vcpu));
	guest.board = &board;
	v->guest = &guest;
	v->view = &view;
	v->engine = &engine;
	hvm = (struct hvm_vcpu){ 0 };
	hvm_vendor = &vendor;
	v->hvm = &hvm;
	v->regs = &regs;
	regs = (struct regs){
		.rip = CODE, .rsi = DATA, .rdi = DATA, .rdx = PORT, .rcx = 100, .cs = 0x1b
	};
	for (unsigned i = 0; i < 6; i++)
		segments[i] = (struct hvm_segment){ 0x23, HVM_DATA32 | USER, HVM_LIMIT, 0 };
	segments[1] = (struct hvm_segment){ 0x1b, HVM_CODE32 | USER, HVM_LIMIT, 0 };
	cr0 = CR0_PE;
	cr4 = CR4_OSXSAVE;
	fault = -1;
	port_writes = port_reads = outside = calls = xcr0_writes = 0;
}
#define FRESH(code) fresh(code, sizeof(code) - 1)

/* What an exit tells of a string instruction. */
struct string_exit {
	struct insn insn;
	unsigned address;
	uint64_t next_rip;
};

static struct string_exit outsb(unsigned length)
{
	return (struct string_exit){
		.insn = { .op = INSN_OUTS, .width = 1, .imm = PORT, .seg = HVM_NOT_SAID },
		.next_rip = CODE + length,
	};
}

static void string(const struct string_exit *p)
{
	struct insn i = p->insn;

	hvm_string(v, &i, p->address, p->next_rip);
}

static bool untouched(void)
{
	return regs.rip == CODE && fault == -1 && !port_writes && !port_reads && !outside &&
	       regs.rsi == DATA && regs.rdi == DATA;
}

static void changed(void)
{
	static const struct {
		const char *code, *what;
		unsigned bytes, length;
	} other[] = {
		{ "\xe6\x21", "OUT", 2, 1 },
		{ "\x6c", "INSB", 1, 1 },
		{ "\x6f", "OUTSL", 1, 1 },
		{ "\xf3\x6e", "REP OUTSB", 2, 2 },
		{ "\x64\x6e", "a longer one", 2, 1 },
		{ "\x90\x6e", "NOP, OUTSB", 2, 2 },
	};

	for (unsigned i = 0; i < sizeof(other) / sizeof(*other); i++) {
		struct string_exit p = outsb(other[i].length);

		fresh(other[i].code, other[i].bytes);
		string(&p);
		ok(untouched(), "OUTSB, then %s: it is executed again", other[i].what);
	}
	struct string_exit p = outsb(1);
	FRESH("\x6e");
	memory[DATA] = 0x5a;
	string(&p);
	ok(regs.rip == CODE + 1 && last_port == PORT && last_value == 0x5a && regs.rsi == DATA + 1,
	   "an OUTSB that has not changed is emulated");
	p = outsb(2);
	FRESH("\xf0\x6e");
	string(&p);
	ok(regs.rip == CODE + 2 && port_writes == 1,
	   "an OUTSB with LOCK, which QEMU allows, is emulated");
	p = outsb(1);
	p.address = 4;
	p.insn.seg = 3;
	FRESH("\xe6\x21");
	string(&p);
	ok(regs.rip == CODE + 1 && port_writes == 1 && last_port == PORT,
	   "the bytes are not read if the processor supplies everything");
}

static void strings(void)
{
	struct string_exit p = outsb(2);

	FRESH("\xf3\x6e");
	p.insn.flags = INSN_REP;
	string(&p);
	ok(regs.rip == CODE && port_writes && port_writes <= 8 && regs.rcx == 100 - port_writes,
	   "a repeated OUTSB is done in small parts: %u", port_writes);
	p = outsb(2);
	FRESH("\x67\x6e");
	segments[1].attributes = HVM_CODE16 | USER;
	regs.rsi = 0x10000 + DATA; /* beyond 16 bits */
	memory[0x10000 + DATA] = 0x77;
	string(&p);
	is(last_value, 0x77, "in 16-bit code the prefix makes 32");
	p = outsb(1);
	FRESH("\x6e");
	segments[1].attributes = HVM_CODE16 | USER;
	regs.rsi = 0x10000 + DATA;
	string(&p);
	ok(last_value == 0x5a && regs.rsi == 0x10000 + DATA + 1, "without the prefix it is 16");
}

static int through(struct hvm_segment s, unsigned seg, bool in, uint64_t at)
{
	struct string_exit p = outsb(1);

	FRESH("\x6e");
	segments[in ? 0 : seg] = s;
	p.insn.op = in ? INSN_INS : INSN_OUTS;
	p.address = 4;
	p.insn.seg = (uint8_t)seg;
	regs.rsi = regs.rdi = at;
	string(&p);
	return port_writes || port_reads ? (fault == -1 ? 0 : fault) : fault;
}

static void limits(void)
{
	const struct hvm_segment up = { 0x23, HVM_DATA32 | USER, DATA, 0 };
	const struct hvm_segment down = { 0x23, (HVM_DATA32 | USER | EXPAND_DOWN), DATA, 0 };
	const struct hvm_segment constant = { 0x23, (HVM_DATA32 | USER) & ~WRITE_OR_READ, HVM_LIMIT,
					      0 };
	const struct hvm_segment hidden = { 0x1b, (HVM_CODE32 | USER) & ~WRITE_OR_READ, HVM_LIMIT,
					    0 };
	const struct hvm_segment code = { 0x1b, HVM_CODE32 | USER, HVM_LIMIT, 0 };

	ok(!through(up, 3, false, DATA), "the last byte of a segment");
	is(through(up, 3, false, DATA + 1), VECTOR_GP, "the byte after the end of a segment");
	is(through(up, 2, false, DATA + 1), VECTOR_SS, "the stack segment");
	is(through(down, 3, false, DATA), VECTOR_GP, "below an expand-down segment");
	ok(!through(down, 3, false, DATA + 1), "the first byte of an expand-down segment");
	is(through((struct hvm_segment){ 0 }, 3, false, DATA), VECTOR_GP, "a null segment");
	is(through(constant, 3, true, DATA), VECTOR_GP, "INS to a read-only segment");
	ok(!through(constant, 3, false, DATA), "which may be read");
	is(through(code, 3, true, DATA), VECTOR_GP, "INS to code");
	ok(!through(code, 1, false, DATA), "which may be read");
	is(through(hidden, 1, false, DATA), VECTOR_GP, "or may not");
}

static void devices(void)
{
	const struct board_access access = { GPA(0xfee00080), false };

	FRESH("\x8b\x03"); /* mov (%ebx), %eax */
	end_outside = DONE;
	hvm_outside(v, &access, true);
	ok(outside == 1 && regs.rip == CODE + 2, "an access that the board has carried out");
	end_outside = JUMPED;
	hvm_outside(v, &access, true);
	ok(outside == 2 && regs.rip == CODE + 2 && fault == -1, "it goes on elsewhere");
	end_outside = INVALID;
	hvm_outside(v, &access, true);
	ok(outside == 3 && fault == 99, "an instruction that is not known ends the guest");
	fault = -1;
	hvm_outside(v, &access, false);
	ok(outside == 3 && fault == 99,
	   "so does a fetch or a walk, of which the board knows nothing");
}

static void privilege(void)
{
	for (unsigned ring = 0; ring < 4; ring++) {
		FRESH("\x0f\x01\xd1");
		regs.cs = 0x18 | ring;
		hvm_xsetbv(v, 3);
		ok(ring ? fault == VECTOR_GP && !xcr0_writes : fault == -1 && xcr0_writes == 1,
		   "XSETBV in ring %u", ring);
		hvm.gate = &gate;
		fault = -1;
		hvm_hypercall(v, 3);
		ok(ring ? fault == VECTOR_UD && !calls : calls == 1, "VMMCALL in ring %u", ring);
	}
	for (unsigned ring = 0; ring < 4; ring++) {
		FRESH("\x0f\x22\xe0"); /* mov %eax, %cr4 */
		regs.cs = 0x18 | ring;
		regs.rax = CR4_PSE;
		hvm_decode_cr(v, 4);
		ok(ring ? fault == VECTOR_GP && cr4 == CR4_OSXSAVE
			: fault == -1 && cr4 == (CR4_PSE | CR4_MCE),
		   "MOV to CR4 in ring %u", ring);
	}
	FRESH("\x0f\x22\xe0");
	regs.cs = 0x18;
	hvm_decode_cr(v, 0);
	ok(untouched() && cr0 == CR0_PE && cr4 == CR4_OSXSAVE,
	   "MOV to CR0 that is one to CR4 by now: it is executed again");
	FRESH("\x0f\x01\xd1");
	regs.cs = 0x18;
	cr4 = 0;
	hvm_xsetbv(v, 3);
	ok(fault == VECTOR_UD && !xcr0_writes, "XSETBV without CR4.OSXSAVE");
}

int main(void)
{
	changed();
	strings();
	limits();
	devices();
	privilege();
	return done_testing();
}
