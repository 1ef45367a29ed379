// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an engine does not support is reported. Every exit code of AMD-V, every exit reason of VT-x
 * and every vector is planted where the processor would have left it. Either there is a case for
 * it, or a line is printed with its number, its address and the code there, and the guest gets a
 * fault.
 */
#include <stdarg.h>

#include "arch/cpu.h"
#include "engine/hvm/svm.h"
#include "engine/hvm/vmx.h"
#include "engine/ring/ring.h"
#include "guest/console.h"
#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "tap.h"

#define CODE	0x1000ull
#define STACK	0x8000ull
#define HANDLER 0x3000ull

static uint8_t memory[0x10000];
static struct guest guest;
static struct guest_view view;
static struct vcpu vcpu, *const v = &vcpu;
static struct regs regs;
static struct veneer_vcpu_page page;
static struct svm_vcpu svm;
static struct vmx_vcpu vmx;
static struct ring_vcpu ring;
static struct cpu cpu;
static uint64_t planted; /* the exit's reason */
static unsigned lines;
static char line[500], crashed[200];

/* --- stubs --- */

static enum outcome outside(struct vcpu *vc, const struct board_access *a, unsigned *length)
{
	(void)vc, (void)a, (void)length;
	return INVALID;
}

void console_guest_notice(struct guest *g, const char *fmt, ...)
{
	va_list args;

	(void)g;
	lines++;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
}

void guest_crash(struct guest *g, const char *fmt, ...)
{
	va_list args;

	(void)g;
	va_start(args, fmt);
	vsnprintf(crashed, sizeof(crashed), fmt, args);
	va_end(args);
}

int guest_read(const struct guest_view *view, gva_t va, void *to, uint64_t bytes, unsigned access,
	       struct guest_failure *f)
{
	(void)view, (void)access, (void)f;
	if (va.v > sizeof(memory) || bytes > sizeof(memory) - va.v)
		return -EFAULT;
	memcpy(to, memory + va.v, bytes);
	return 0;
}

void *mmu_kernel_stack(struct mmu_view *view, gva_t va, uint64_t bytes)
{
	(void)view, (void)bytes;
	return memory + va.v;
}

void svm_enter(struct regs *r, uint64_t vmcb, uint64_t host, const struct vmcb *b)
{
	(void)r, (void)vmcb, (void)host, (void)b;
	svm.vmcb.control.exit_code = planted;
}

bool vmx_enter(struct regs *r, bool launched)
{
	(void)r, (void)launched;
	return true;
}

uint64_t vmread(uint64_t field)
{
	switch (field) {
	case VMCS_EXIT_REASON: return planted;
	case VMCS_GUEST_RIP: return CODE;
	case VMCS_GUEST_SELECTOR(1): return 8;
	default: return 0;
	}
}

static struct hvm_segment get_segment(const struct vcpu *vc, unsigned seg)
{
	(void)vc, (void)seg;
	return (struct hvm_segment){ 8, HVM_CODE32, HVM_LIMIT, 0 };
}

static uint64_t get(const struct vcpu *vc, enum hvm_register r)
{
	(void)vc, (void)r;
	return 0;
}

static void set(struct vcpu *vc, enum hvm_register r, uint64_t value)
{
	(void)vc, (void)r, (void)value;
}

#include "vendor.h"

static const struct engine ring_alone = {
	.name = "ring",
	.reason = "vector",
	.code_bits = ring_code_bits,
	.fetch = ring_fetch,
	.flags = ring_flags,
	.exception = ring_exception,
	.page_fault = ring_page_fault,
	.segment_base = ring_segment_base,
	.segment_holds = ring_segment_holds,
};

/* Not called by the cases tested here, or only needed for linking. */
char *host_memory;
const uint64_t gate_entry_points[GATE_PLACES] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
const uint64_t hvm_gate_places[16];
char vmx_exit[1];
/* clang-format off */
void vmwrite(uint64_t, uint64_t) { }
struct cpu *this_cpu(void) { return &cpu; }
uint64_t rdtsc(void) { return 0; }
uint64_t tsc_from_ns(uint64_t ns) { return ns; }
void cpu_load_gdt_idt(void) { }
void interrupt_handle(unsigned) { }
void hypercall(struct vcpu *) { }
void vcpu_halt(struct vcpu *, bool) { }
void vcpu_request_from(struct vcpu *, uint32_t) { }
void fpu_load(const struct vcpu *) { }
void fpu_save(const struct vcpu *) { }
void fpu_take_xcr0(struct vcpu *) { }
bool fpu_xsetbv(struct vcpu *) { return true; }
bool speculation_rdmsr(const struct vcpu *, uint32_t, uint64_t *) { return false; }
bool speculation_wrmsr(struct vcpu *, uint32_t, uint64_t) { return false; }
mpa_t memory_alloc(uint64_t) { return MPA(0); }
mpa_t memory_need(uint64_t, const char *) { return MPA(0); }
mpa_t guest_take(struct guest *, uint64_t) { return MPA(0); }
int guest_write(const struct guest_view *, gva_t, const void *, uint64_t, unsigned, struct guest_failure *)
{ return -EFAULT; }
enum mmu_result mmu_fault(struct mmu_view *, gva_t, unsigned *) { return MMU_AGAIN; }
void mmu_flush(struct mmu_view *, gva_t, uint64_t) { }
void *mmu_take_page(struct mmu *, bool *) { return NULL; }
void mmu_give_page(struct mmu *, void *) { }
void ring_gate_page(struct cpu *, uint64_t, const void *, uint64_t) { }
void ring_load_root(struct vcpu *, const struct paging *, bool) { }
void ring_unmask_trap(struct vcpu *) { }
mpa_t nested_create(struct guest *) { return MPA(0); }
bool nested_check(struct guest *, struct table_report *) { return true; }
void hvm_decode_cr(struct vcpu *, unsigned) { }
void hvm_write_cr(struct vcpu *, unsigned, uint64_t, unsigned) { }
uint64_t hvm_lmsw(const struct vcpu *, uint16_t word) { return word; }
bool hvm_write_efer(struct vcpu *, uint64_t) { return false; }
void guest_cpuid(struct vcpu *, uint64_t) { }
void ring_ldt_done(struct vcpu *, int) { }
void guest_cpuid_in_ring1(struct vcpu *, uint64_t) { }
bool ring_recover_translated(struct vcpu *) { return false; }
void ring_single_step(struct vcpu *) { }
void ring_gdt_watch(struct vcpu *) { }
bool ring_left_cache(struct vcpu *, unsigned) { return false; }
bool ring_code_stepped(struct vcpu *) { return false; }
void ring_code_write(struct vcpu *, gva_t) { }
bool ring_debug_is_due(struct vcpu *) { return true; }
void ring_translation_remapped(struct vcpu *) { }
void ring_page_remapped(struct vcpu *, gva_t) { }
bool tables_must_reload(const struct mmu_view *) { return false; }
unsigned hvm_length(struct vcpu *, const struct code_place *, unsigned) { return 0; }
void hvm_port(struct vcpu *, const struct insn *, uint64_t) { }
void hvm_string(struct vcpu *, struct insn *, unsigned, uint64_t) { }
int hvm_pv_create_guest(struct guest *) { return 0; }
int hvm_pv_create_vcpu(struct vcpu *) { return 0; }
void hvm_pv_start(struct vcpu *, gpa_t) { }
void hvm_pv_event(struct vcpu *) { }
bool hvm_pv_in_gate(uint64_t) { return false; }
bool hvm_pv_port(struct vcpu *) { return false; }
void hvm_pv_use_vmcall(void) { }
void hvm_load_entries(struct vcpu *) { }
void hvm_load_root(struct vcpu *, gpa_t, bool) { }
bool hvm_drop_root(struct vcpu *, gpa_t) { return true; }
void hvm_flush(struct vcpu *, gva_t, uint64_t) { }
void hvm_use_page(struct vcpu *, struct veneer_vcpu_page *) { }
int hvm_set_ldt(struct vcpu *, gva_t, uint64_t) { return 0; }
void hvm_set_softint(struct vcpu *, unsigned, uint64_t, unsigned) { }
uint32_t hvm_exception_bitmap(const struct vcpu *) { return 0; }
/* clang-format on */

/* --- a vCPU at RDPMC --- */

static void fresh(const struct engine *engine, uint64_t cs)
{
	static const uint8_t code[] = { 0x0f, 0x33, 0x90, 0x90 };
	static const struct board pc = { .outside = outside };

	memset(&vcpu, 0, sizeof(vcpu));
	guest.unknown = 0;
	memcpy(memory + CODE, code, sizeof(code));
	memset(&svm, 0, sizeof(svm));
	memset(&vmx, 0, sizeof(vmx));
	guest.board = engine == &ring_alone ? NULL : &pc;
	v->guest = &guest;
	v->view = &view;
	v->engine = engine;
	v->page = &page;
	v->regs = &regs;
	regs = (struct regs){ .rip = CODE, .rsp = STACK, .cs = cs };
	svm.vmcb.save.rip = CODE;
	svm.vmcb.save.cs.selector = 8;
	hvm_vendor = &vendor;
	lines = 0;
	line[0] = crashed[0] = 0;
	fault = -1;
}

/* Whether one line was printed, with the guest, what it is, its number, address, and the code. */
static bool reported(const char *what, const char *number)
{
	char begin[80];

	snprintf(begin, sizeof(begin), "unknown to engine %s: %s: rip ", v->engine->name, what);
	return lines == 1 && !strncmp(line, begin, strlen(begin)) && strstr(line, number) &&
	       strstr(line, ":0000000000001000 ") && strstr(line, "-bit code 0f 33 90 90");
}

static void leave(const struct engine *engine, uint64_t reason)
{
	fresh(engine, 8);
	planted = reason;
	if (engine == &svm_engine)
		v->svm = &svm;
	else
		v->vmx = &vmx;
	engine->run(&cpu, v);
}

struct exits {
	const struct engine *engine;
	unsigned last, skip; /* an exit that would end the test */
	const uint16_t *unknown;
	unsigned count;
};

static bool is_in(const struct exits *e, unsigned reason)
{
	for (unsigned i = 0; i < e->count; i++)
		if (e->unknown[i] == reason)
			return true;
	return false;
}

static void hvm(const struct exits *e)
{
	unsigned wrong = 0;

	for (unsigned reason = 0; reason <= e->last; reason++) {
		char number[24];

		if (reason == e->skip)
			continue;
		snprintf(number, sizeof(number), " exit 0x%x ", reason);
		leave(e->engine, reason);
		if (lines ? !reported("an exit", number) || fault != VECTOR_UD : is_in(e, reason)) {
			printf("# %s: %u lines: %s\n", number, lines, line);
			wrong++;
		}
	}
	ok(!wrong, "%s: each exit is known, or is reported with its number and is #UD",
	   e->engine->name);
}

static void hvm_exits(void)
{
	/* reads of CR0 and DR0, IDTR, RDTSC, PUSHF, PAUSE, INVLPG, a task switch, RDTSCP, ICEBP,
	 * the trap of EFER, an incomplete IPI, VMGEXIT */
	static const uint16_t of_svm[] = { 0,	 0x20, 0x66, 0x6e, 0x70,  0x77, 0x79,
					   0x7d, 0x87, 0x88, 0x8f, 0x401, 0x403 };
	/* INIT, SIPI, NMI window, task switch, INVLPG, RDTSC, RSM, MOV DR, trap flag, PAUSE, TPR,
	 * APIC access, GDTR, LDTR, RDTSCP, APIC write, RDRAND, VMFUNC, ENCLS, RDSEED, PML, XSAVES
	 */
	static const uint16_t of_vmx[] = { 3,  4,  8,  9,  14, 16, 17, 29, 37, 40, 43,
					   44, 46, 47, 51, 56, 57, 59, 60, 61, 62, 63 };
	static const struct exits both[] = {
		{ &svm_engine, 0x7ff, SVM_EXIT_EXCEPTION + VECTOR_MC, of_svm, ARRAY_SIZE(of_svm) },
		{ &vmx_engine, 0x3ff, VMX_REASON_EPT_WRONG, of_vmx, ARRAY_SIZE(of_vmx) },
	};

	hvm(&both[0]);
	hvm(&both[1]);
	leave(&svm_engine, SVM_EXIT_SKINIT);
	ok(!lines && fault == VECTOR_UD, "svm: what does not exist for a guest is #UD, in silence");
	leave(&vmx_engine, VMX_REASON_VMXON);
	ok(!lines && fault == VECTOR_UD, "vmx: what does not exist for a guest is #UD, in silence");
	leave(&vmx_engine, VMX_REASON_FAILED | 34);
	ok(strstr(crashed, "reason 80000022"), "vmx: an entry that fails ends the guest");
}

static void trap(unsigned vector, uint64_t cs)
{
	fresh(&ring_alone, cs);
	v->ring = &ring;
	for (unsigned i = 0; i < 32; i++)
		v->handlers.exception[i] = HANDLER + i;
	page.kernel_sp = STACK;
	regs.vector = vector;
	ring_exit(v);
}

static void ring_exits(void)
{
	static const uint32_t unknown = BIT(9) | BIT(15) | 0xfff00000u; /* reserved; CET's */
	/* handled by the gate, or tested elsewhere */
	static const uint32_t others = BIT(VECTOR_DB) | BIT(VECTOR_NMI) | BIT(VECTOR_DF) |
				       BIT(VECTOR_PF) | BIT(VECTOR_GP) | BIT(VECTOR_MC);
	unsigned wrong = 0;

	for (unsigned vector = 0; vector < 32; vector++) {
		char number[24];

		if (others >> vector & 1)
			continue;
		snprintf(number, sizeof(number), " vector 0x%x ", vector);
		trap(vector, VENEER_KERNEL_CS);
		wrong += (unknown >> vector & 1) != reported("an exception", number) ||
			 lines != (unknown >> vector & 1) || regs.rip != HANDLER + vector;
	}
	ok(!wrong, "ring: each exception is known, or is reported, and is the guest's");
	trap(VECTOR_GP, VENEER_KERNEL_CS);
	ok(reported("an instruction", " vector 0xd ") && regs.rip == HANDLER + VECTOR_GP,
	   "ring: an instruction of the kernel that is not emulated is reported, and is the "
	   "guest's");
	trap(VECTOR_GP, VENEER_USER_CS);
	ok(!lines && regs.rip == HANDLER + VECTOR_GP,
	   "ring: a program's instruction is not reported");
}

static void only_some(void)
{
	leave(&svm_engine, 0x7d);
	for (unsigned i = 0; i < 100; i++)
		svm_engine.run(&cpu, v);
	ok(lines == 4 && strstr(line, "no more of them are reported"),
	   "four lines until the guest restarts, and the last one says so");
}

int main(void)
{
	hvm_exits();
	ring_exits();
	only_some();
	return done_testing();
}
