// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vmx engine: VT-x with EPT, VPID and unrestricted guests. Section numbers are those of the
 * Intel Software Developer's Manual, volume 3C. VMLAUNCH itself is in vmx_entry.S.
 */
#include "engine/hvm/vmx.h"

#include "engine/hvm/gate.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "lib/panic.h"
#include "lib/string.h"

#ifdef VENEER_HOST /* a test has its own */
uint64_t vmread(uint64_t field);
void vmwrite(uint64_t field, uint64_t v);
#else
static uint64_t vmread(uint64_t field)
{
	uint64_t v;

	__asm__ volatile("vmread %1, %0" : "=r"(v) : "r"(field) : "cc");
	return v;
}

static void vmwrite(uint64_t field, uint64_t v)
{
	bool failed;

	__asm__ volatile("vmwrite %2, %1" : "=@ccbe"(failed) : "r"(field), "r"(v));
	if (failed)
		panic("VMCS field %lx", field);
}
#endif

/* An instruction with an address in memory. */
#define VMX(instruction, memory, ...)                     \
	do {                                              \
		bool failed;                              \
		__asm__ volatile(instruction              \
				 : "=@ccbe"(failed)       \
				 : "m"(memory), "r"(1ull) \
				 : "memory");             \
		if (failed)                               \
			panic(__VA_ARGS__);               \
	} while (0)

static void set_bits(uint64_t field, uint64_t bits, bool wanted)
{
	uint64_t old = vmread(field), new = wanted ? old | bits : old & ~bits;

	if (new != old)
		vmwrite(field, new);
}

/* --- the processor --- */

/* Constant after boot: the controls, with the bits that the processor requires. */
static struct {
	uint32_t pin, primary, secondary, exit, entry;
} controls;

static bool string_io_info; /* constant after boot */

/* Longest run of a guest with interrupts masked. */
#define MASKED_NS 1000000

#define PIN	  (VMX_PIN_INTERRUPT | VMX_PIN_NMI)
#define PRIMARY                                                                      \
	(VMX_PRIMARY_HLT | VMX_PRIMARY_MWAIT | VMX_PRIMARY_RDPMC | VMX_PRIMARY_CR8 | \
	 VMX_PRIMARY_IO | VMX_PRIMARY_MSR_BITMAP | VMX_PRIMARY_MONITOR | VMX_PRIMARY_SECONDARY)
#define SECONDARY \
	(VMX_SECONDARY_EPT | VMX_SECONDARY_VPID | VMX_SECONDARY_UNRESTRICTED | VMX_SECONDARY_WBINVD)
#define SECONDARY_OPTIONAL (VMX_SECONDARY_RDTSCP | VMX_SECONDARY_INVPCID)
#define EXIT                                                                         \
	(VMX_EXIT_DEBUG | VMX_EXIT_HOST_64 | VMX_EXIT_SAVE_PAT | VMX_EXIT_LOAD_PAT | \
	 VMX_EXIT_SAVE_EFER | VMX_EXIT_LOAD_EFER)
#define ENTRY (VMX_ENTRY_DEBUG | VMX_ENTRY_LOAD_PAT | VMX_ENTRY_LOAD_EFER)
#define EPT_VPID                                                                        \
	(EPT_CAP_WALK_4 | EPT_CAP_WRITE_BACK | EPT_CAP_LARGE | EPT_CAP_INVEPT_CONTEXT | \
	 EPT_CAP_INVVPID_CONTEXT)

/* A.3 to A.5: the low half has the bits that must be set, the high half those that may be. */
static bool adjust(uint32_t msr, uint32_t wanted, uint32_t optional, uint32_t *to)
{
	uint64_t allowed = rdmsr(msr);
	uint32_t may = (uint32_t)(allowed >> 32);

	*to = (uint32_t)allowed | wanted | (optional & may);
	return !(wanted & ~may);
}

static bool adjust_controls(void)
{
	return adjust(MSR_VMX_TRUE_PIN, PIN, VMX_PIN_PREEMPTION, &controls.pin) &&
	       adjust(MSR_VMX_TRUE_PRIMARY, PRIMARY, 0, &controls.primary) &&
	       adjust(MSR_VMX_SECONDARY, SECONDARY, SECONDARY_OPTIONAL, &controls.secondary) &&
	       adjust(MSR_VMX_TRUE_EXIT, EXIT, 0, &controls.exit) &&
	       adjust(MSR_VMX_TRUE_ENTRY, ENTRY, 0, &controls.entry);
}

static const struct hvm_vendor vendor;

/* 24.6 and 24.7: CPUID reports VT-x, an MSR whether the firmware has locked it. */
static const char *missing(void)
{
	uint32_t r[4];
	uint64_t firmware;

	cpuid(1, 0, r);
	if (!(r[2] & BIT(5)))
		return "this processor has no VT-x: want engine = ring";
	firmware = rdmsr(MSR_FEATURE_CONTROL);
	if ((firmware & FEATURE_CONTROL_LOCK) && !(firmware & FEATURE_CONTROL_VMX))
		return "VT-x is locked by the firmware: look for it in its setup, or want "
		       "engine = ring";
	if (!(rdmsr(MSR_VMX_BASIC) & VMX_BASIC_TRUE_CONTROLS) || !adjust_controls() ||
	    (rdmsr(MSR_VMX_EPT_VPID_CAP) & EPT_VPID) != EPT_VPID)
		return "this processor's VT-x is too old (no EPT, VPID or unrestricted guests): "
		       "want engine = ring";
	hvm_vendor = &vendor;
	hvm_asids = 0x10000; /* VPIDs */
	string_io_info = rdmsr(MSR_VMX_BASIC) & VMX_BASIC_STRINGS;
	return NULL;
}

/* A VMXON region or a VMCS begins with the revision, 25.2. */
static void write_revision(void *at)
{
	*(uint32_t *)at = (uint32_t)(rdmsr(MSR_VMX_BASIC) & VMX_BASIC_REVISION);
}

static void start_cpu(struct cpu *cpu)
{
	uint64_t firmware = rdmsr(MSR_FEATURE_CONTROL);
	mpa_t vmxon;

	if (cpu->vmx)
		return;
	cpu->vmx = direct(memory_need(sizeof(*cpu->vmx), "VT-x"));
	vmxon = direct_mpa(cpu->vmx->vmxon);
	write_revision(cpu->vmx->vmxon);
	if (!(firmware & FEATURE_CONTROL_LOCK))
		wrmsr(MSR_FEATURE_CONTROL, firmware | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	write_cr0(read_cr0() | rdmsr(MSR_VMX_CR0_FIXED0));
	write_cr4(read_cr4() | rdmsr(MSR_VMX_CR4_FIXED0));
	VMX("vmxon %1", vmxon.v, "VMXON on core %u", cpu->id);
}

static mpa_t msr_bitmap; /* the same for all guests; constant after the first */

/* 25.6.9: reads of low and high MSRs, then writes, a bit each; 0: no exit. */
static void msr_permit(uint32_t msr)
{
	uint8_t *reads = (uint8_t *)direct(msr_bitmap) + (msr < 0x2000 ? 0 : 1024);
	unsigned n = msr & 0x1fff;

	reads[n / 8] &= (uint8_t) ~(1 << n % 8);
	reads[2048 + n / 8] &= (uint8_t) ~(1 << n % 8);
}

static bool create_bitmap(void)
{
	if (msr_bitmap.v)
		return true;
	msr_bitmap = memory_alloc(PAGE_SIZE);
	if (!msr_bitmap.v)
		return false;
	start_cpu(this_cpu()); /* the first instructions of guests are prepared here */
	memset(direct(msr_bitmap), 0xff, PAGE_SIZE);
	for (unsigned i = 0; i < HVM_OWN_MSRS; i++)
		msr_permit(hvm_own_msrs[i]);
	hvm_pv_use_vmcall();
	return true;
}

/* --- a vCPU's control structure --- */

/* Makes it this CPU's current one. */
static void use(struct vcpu *v)
{
	struct cpu *cpu = this_cpu();

	if (cpu->vmx->vmcs == v)
		return;
	VMX("vmptrld %1", v->vmx->vmcs_at.v, "VMPTRLD");
	cpu->vmx->vmcs = v;
}

/* Writes it back to memory and marks it clear, 25.11.3: another CPU may use it next. */
static void clear(struct vcpu *v)
{
	struct cpu *cpu = this_cpu();

	VMX("vmclear %1", v->vmx->vmcs_at.v, "VMCLEAR");
	if (cpu->vmx->vmcs == v)
		cpu->vmx->vmcs = NULL;
	v->vmx->launched = false;
}

/* The guest owns these bits of CR0; all of CR4 is owned by the hypervisor. */
#define CR0_GUESTS (CR0_TS | CR0_MP)

static void write_controls(const struct vcpu *v)
{
	vmwrite(VMCS_PIN, controls.pin & ~VMX_PIN_PREEMPTION);
	if (controls.pin & VMX_PIN_PREEMPTION) /* else there is no such field */
		vmwrite(VMCS_PREEMPTION,
			tsc_from_ns(MASKED_NS) >> (rdmsr(MSR_VMX_MISC) & VMX_MISC_PREEMPTION_RATE));
	vmwrite(VMCS_PRIMARY, controls.primary);
	vmwrite(VMCS_SECONDARY, controls.secondary);
	vmwrite(VMCS_EXIT, controls.exit);
	vmwrite(VMCS_ENTRY, controls.entry);
	vmwrite(VMCS_EXCEPTION_BITMAP, hvm_exceptions(v));
	vmwrite(VMCS_MSR_BITMAP, msr_bitmap.v);
	vmwrite(VMCS_EPT_POINTER, v->hvm->nested_root.v | VMX_EPT_WALK_4_WB);
	vmwrite(VMCS_VPID, v->hvm->asid);
	vmwrite(VMCS_CR0_MASK, ~(uint64_t)CR0_GUESTS);
	vmwrite(VMCS_CR4_MASK, ~0ull);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
}

/* Host state that an exit loads, 28.5; load() sets what depends on the CPU. */
static void write_host(const struct cpu *cpu)
{
	extern char vmx_exit[];

	vmwrite(VMCS_HOST_CR3, cpu->root.v);
	vmwrite(VMCS_HOST_CR4, read_cr4());
	vmwrite(VMCS_HOST_SELECTOR(1), SEL_HV_CS);
	vmwrite(VMCS_HOST_SELECTOR(2), SEL_HV_SS);
	vmwrite(VMCS_HOST_SELECTOR(6), SEL_TSS);
	vmwrite(VMCS_HOST_TR_BASE, GATE_TSS);
	vmwrite(VMCS_HOST_GDTR_BASE, GATE_GDT);
	vmwrite(VMCS_HOST_IDTR_BASE, GATE_IDT);
	vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit);
}

/* Fields that nothing else writes before the first entry. Zeroed memory does not mean zeroed
 * fields: the format of a VMCS is up to the processor (25.2). */
static void write_zeros(void)
{
	static const uint16_t fields[] = {
		VMCS_PAGE_FAULT_MASK,	  VMCS_PAGE_FAULT_MATCH,
		VMCS_CR3_TARGETS,	  VMCS_EXIT_MSR_STORES,
		VMCS_EXIT_MSR_LOADS,	  VMCS_ENTRY_MSR_LOADS,
		VMCS_ENTRY_EVENT,	  VMCS_GUEST_DEBUGCTL,
		VMCS_GUEST_ACTIVITY,	  VMCS_GUEST_INTERRUPTIBILITY,
		VMCS_GUEST_PENDING_DEBUG, VMCS_GUEST_SYSENTER_CS,
		VMCS_GUEST_SYSENTER_ESP,  VMCS_GUEST_SYSENTER_EIP,
		VMCS_HOST_SELECTOR(0),	  VMCS_HOST_SELECTOR(3),
		VMCS_HOST_SELECTOR(4),	  VMCS_HOST_SELECTOR(5),
		VMCS_HOST_FS_BASE,	  VMCS_HOST_GS_BASE,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		vmwrite(fields[i], 0);
}

/* Resets the VMCS for a vCPU that begins. At boot this does not run on the vCPU's own CPU; later
 * another VMCS may be current there. */
static void start(struct vcpu *v, gpa_t root)
{
	struct vcpu *before = this_cpu()->vmx->vmcs;

	v->vmx->vmcs_at = direct_mpa(v->vmx->vmcs);
	clear(v);
	memset(v->vmx->vmcs, 0, PAGE_SIZE);
	write_revision(v->vmx->vmcs);
	clear(v);
	use(v);
	memset(v->vmx->msr, 0, sizeof(v->vmx->msr));
	v->vmx->masked = false;
	write_zeros();
	write_controls(v);
	write_host(v->cpu);
	vmwrite(VMCS_GUEST_PAT, PAT_RESET);
	hvm_start(v, root);
	clear(v);
	if (before && before != v)
		use(before);
}

/* --- what hvm.h asks of it; the vCPU's control structure is the current one --- */

static uint64_t get(const struct vcpu *v, enum hvm_register r)
{
	switch (r) {
	case HVM_CR0:
		return (vmread(VMCS_CR0_SHADOW) & ~(uint64_t)CR0_GUESTS) |
		       (vmread(VMCS_GUEST_CR0) & CR0_GUESTS);
	case HVM_CR3: return vmread(VMCS_GUEST_CR3);
	case HVM_CR4: return vmread(VMCS_CR4_SHADOW);
	default: return v->loaded ? read_cr2() : v->legacy.cr2; /* CR2 */
	}
}

/* 27.3.1.6: with PAE paging, an entry loads the PDPTEs from here, not from memory. */
static void load_pdptes(struct vcpu *v)
{
	const uint64_t *table =
		guest_pointer(v->view->memory, GPA(vmread(VMCS_GUEST_CR3) & 0xffffffe0), 32);

	if (!(vmread(VMCS_GUEST_CR0) & CR0_PG) || !(vmread(VMCS_GUEST_CR4) & CR4_PAE) ||
	    (v->hvm->efer & EFER_LMA))
		return;
	for (unsigned i = 0; i < 4; i++)
		vmwrite(VMCS_GUEST_PDPTE(i), table ? table[i] : 0);
}

static void set(struct vcpu *v, enum hvm_register r, uint64_t value)
{
	switch (r) {
	case HVM_CR0:
		vmwrite(VMCS_CR0_SHADOW, value);
		vmwrite(VMCS_GUEST_CR0, value | CR0_NE);
		break;
	case HVM_CR2:
		v->legacy.cr2 = value;
		if (v->loaded)
			write_cr2(value);
		return;
	case HVM_CR3: vmwrite(VMCS_GUEST_CR3, value); break;
	case HVM_CR4:
		vmwrite(VMCS_CR4_SHADOW, value & ~(uint64_t)CR4_VMXE);
		vmwrite(VMCS_GUEST_CR4, value | CR4_VMXE | CR4_MCE);
		break;
	default: v->hvm->efer = value;
	}
	vmwrite(VMCS_GUEST_EFER, v->hvm->efer);
	set_bits(VMCS_ENTRY, VMX_ENTRY_LONG_MODE, v->hvm->efer & EFER_LMA);
	load_pdptes(v);
}

/* The fields of ES CS SS DS FS GS LDTR TR GDTR IDTR are 2 apart, and so are ours. */
static struct hvm_segment get_segment(UNUSED const struct vcpu *v, unsigned seg)
{
	struct hvm_segment s = { .limit = (uint32_t)vmread(VMCS_GUEST_LIMIT(seg)),
				 .base = vmread(VMCS_GUEST_BASE(seg)) };

	if (seg >= HVM_GDTR)
		return s;
	uint32_t rights = (uint32_t)vmread(VMCS_GUEST_RIGHTS(seg));
	s.selector = (uint16_t)vmread(VMCS_GUEST_SELECTOR(seg));
	if (!(rights & VMX_RIGHTS_UNUSABLE))
		s.attributes = (uint16_t)((rights & 0xff) | (rights >> 4 & 0xf00));
	return s;
}

static void set_segment(UNUSED struct vcpu *v, unsigned seg, const struct hvm_segment *from)
{
	uint32_t rights = (from->attributes & 0xffu) | (from->attributes & 0xf00u) << 4;

	vmwrite(VMCS_GUEST_LIMIT(seg), seg < HVM_GDTR ? from->limit : from->limit & 0xffff);
	vmwrite(VMCS_GUEST_BASE(seg), from->base);
	if (seg >= HVM_GDTR)
		return;
	vmwrite(VMCS_GUEST_SELECTOR(seg), from->selector);
	vmwrite(VMCS_GUEST_RIGHTS(seg), from->attributes ? rights : VMX_RIGHTS_UNUSABLE);
}

/* 27.2.1.3: an interrupt is refused in the shadow of STI or MOV SS. */
static void end_shadow(UNUSED struct vcpu *v)
{
	set_bits(VMCS_GUEST_INTERRUPTIBILITY, VMX_BLOCKED, false);
}

static void inject(struct vcpu *v, enum hvm_event type, unsigned vector, int64_t error)
{
	uint32_t e = vector | VMX_EVENT_VALID;

	e |= type == HVM_INTERRUPT ? VMX_EVENT_INTERRUPT : VMX_EVENT_EXCEPTION;
	if (error != NO_ERROR && (vmread(VMCS_GUEST_CR0) & CR0_PE)) {
		e |= VMX_EVENT_ERROR;
		vmwrite(VMCS_ENTRY_ERROR, (uint64_t)error);
	}
	vmwrite(VMCS_ENTRY_EVENT, e);
	end_shadow(v);
}

static bool has_event(UNUSED const struct vcpu *v)
{
	return vmread(VMCS_ENTRY_EVENT) & VMX_EVENT_VALID;
}

static bool interruptible(const struct vcpu *v)
{
	return (v->regs->rflags & FLAGS_IF) && !has_event(v) &&
	       !(vmread(VMCS_GUEST_INTERRUPTIBILITY) & VMX_BLOCKED);
}

static void request_irq_window(UNUSED struct vcpu *v, bool wanted)
{
	set_bits(VMCS_PRIMARY, VMX_PRIMARY_WINDOW, wanted);
}

static void flush(struct vcpu *v)
{
	v->counts[COUNT_FLUSH]++;
	v->vmx->flush = true;
}

static void load_debug(struct vcpu *v)
{
	vmwrite(VMCS_GUEST_DR7, v->dr7);
	if (v->loaded)
		write_breakpoints(v->dr);
}

static void load_entries(struct vcpu *v)
{
	const uint64_t lazy[HVM_LAZY_MSRS] = {
		(uint64_t)HVM_KERNEL_CS << 32,
		hvm_gate_places[HVM_GATE_SYSCALL],
		hvm_gate_places[HVM_GATE_SYSCALL32],
		FLAGS_IF | FLAGS_TF | FLAGS_DF | FLAGS_NT | FLAGS_AC | FLAGS_IOPL | FLAGS_RF,
	};

	for (unsigned i = 0; i < 4; i++) {
		v->vmx->msr[i] = lazy[i];
		if (v->loaded)
			wrmsr(hvm_own_msrs[i], lazy[i]);
	}
	vmwrite(VMCS_GUEST_SYSENTER_CS, v->sysenter_entry ? HVM_KERNEL_CS : 0);
	vmwrite(VMCS_GUEST_SYSENTER_ESP, VENEER_ENTRY_STACK_TOP);
	vmwrite(VMCS_GUEST_SYSENTER_EIP, hvm_gate_places[HVM_GATE_SYSENTER]);
	vmwrite(VMCS_EXCEPTION_BITMAP, hvm_exception_bitmap(v));
}

static const struct hvm_vendor vendor = {
	.vcpu_bytes = sizeof(struct vmx_vcpu),
	.format = { .table = 7, .leaf = 7 | 6 << 3, .large = 1 << 7, .read_only = 2 }, /* 29.3.2 */
	.prepare = create_bitmap,
	HVM_VENDOR,
};

/* --- running --- */

static void load(struct cpu *cpu, struct vcpu *v)
{
	use(v);
	for (unsigned i = 0; i < HVM_LAZY_MSRS; i++) {
		cpu->vmx->msr[i] = rdmsr(hvm_own_msrs[i]);
		wrmsr(hvm_own_msrs[i], v->vmx->msr[i]);
	}
	vmwrite(VMCS_HOST_SYSENTER_CS, rdmsr(MSR_SYSENTER_CS));
	vmwrite(VMCS_HOST_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP));
	vmwrite(VMCS_HOST_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP));
	write_cr2(v->legacy.cr2);
	write_dr6(v->dr6);
	hvm_load(v);
	vmwrite(VMCS_HOST_CR0, read_cr0());
}

static void unload(struct cpu *cpu, struct vcpu *v)
{
	for (unsigned i = 0; i < HVM_LAZY_MSRS; i++) {
		v->vmx->msr[i] = rdmsr(hvm_own_msrs[i]);
		wrmsr(hvm_own_msrs[i], cpu->vmx->msr[i]);
	}
	v->legacy.cr2 = read_cr2();
	if (!v->hvm->gate)
		v->dr6 = read_dr6();
	hvm_unload(v);
	/* An exit leaves the limits of GDT and IDT at 64 KiB (28.5.2), and what lies behind our
	 * tables must not be descriptors for a guest of the ring engine. */
	cpu_load_gdt_idt();
}

static unsigned length(void)
{
	return (unsigned)vmread(VMCS_EXIT_LENGTH);
}

/* The qualification is in 28.2.1, what is said of INS and OUTS in 28.2.5. */
static void port_exit(struct vcpu *v)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);
	uint64_t next_rip = v->regs->rip + length();
	bool in = q & BIT(3);
	struct insn i = {
		.op = in ? INSN_IN : INSN_OUT,
		.width = (uint8_t)((q & 7) + 1),
		.imm = (uint16_t)(q >> 16),
	};

	if (!(q & BIT(4))) {
		hvm_port(v, &i, next_rip);
		return;
	}
	uint64_t info = string_io_info ? vmread(VMCS_INSTRUCTION) : 0;
	i.op = in ? INSN_INS : INSN_OUTS;
	i.flags = q & BIT(5) ? INSN_REP : 0;
	i.seg = string_io_info ? info >> 15 & 7 : HVM_NOT_SAID;
	hvm_string(v, &i, string_io_info ? 2u << (info >> 7 & 7) : 0, next_rip);
}

/* MOV to CR8 would mask the machine's interrupts. The guest has no local APIC, but it has a CR8. */
static __attribute__((noinline)) void cr_exit(struct vcpu *v)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);
	unsigned number = q & 15, type = q >> 4 & 3, reg = q >> 8 & 15;
	uint64_t value = *operand_register(v->regs, reg);

	if (number != 8) {
		if (type == 3) /* LMSW */
			value = hvm_lmsw(v, (uint16_t)(q >> 16));
		hvm_write_cr(v, number, value, length());
		return;
	}
	if (type == 1) /* from CR8 */
		operand_set_register(v, reg, v->vmx->cr8, 8);
	else if (!(value & ~15ull))
		v->vmx->cr8 = (uint8_t)value;
	hvm_finish(v, type == 1 || !(value & ~15ull), length());
}

/* NMIs and exceptions. An exit does not write DR6 (28.2.1): the qualification has its bits. */
static void exception_exit(struct vcpu *v)
{
	uint32_t e = (uint32_t)vmread(VMCS_EXIT_EVENT);
	unsigned vector = e & VMX_EVENT_VECTOR;
	int64_t error = e & VMX_EVENT_ERROR ? (int64_t)vmread(VMCS_EXIT_ERROR) : NO_ERROR;
	uint64_t q = vmread(VMCS_QUALIFICATION);

	if ((e & VMX_EVENT_TYPE) == VMX_EVENT_NMI) {
		__asm__ volatile("int $2");
		v->counts[COUNT_INTERRUPT]++;
	} else {
		if (vector == VECTOR_DB && !v->hvm->gate)
			write_dr6((read_dr6() & ~0xfull) | (q & DR6_STATUS) | DR6_FIXED);
		hvm_intercepted(v, vector, error, q);
	}
}

/* An exit during the delivery of an event: it is injected again (28.2.4). Software's INT n and INT3
 * are executed again instead. */
static void keep_event(void)
{
	uint32_t e = (uint32_t)vmread(VMCS_VECTORING_EVENT), type = e & VMX_EVENT_TYPE;

	if (!(e & VMX_EVENT_VALID) || type > VMX_EVENT_EXCEPTION) {
		vmwrite(VMCS_ENTRY_EVENT, 0);
		return;
	}
	if (e & VMX_EVENT_ERROR)
		vmwrite(VMCS_ENTRY_ERROR, vmread(VMCS_VECTORING_ERROR));
	vmwrite(VMCS_ENTRY_EVENT,
		e & (VMX_EVENT_VALID | VMX_EVENT_ERROR | VMX_EVENT_TYPE | VMX_EVENT_VECTOR));
}

/* An access to data is one to a translated address: not a fetch, nor a walk of tables. */
static void outside(struct vcpu *v)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);
	bool data = !(q & BIT(2)) && (q & 0x180) == 0x180;
	const struct board_access a = { GPA(vmread(VMCS_GUEST_PHYSICAL)), q & BIT(1) };

	hvm_outside(v, &a, data);
}

static void handle_exit(struct vcpu *v, uint32_t reason)
{
	switch (reason & 0xffff) {
	case VMX_REASON_EXCEPTION: exception_exit(v); break;
	case VMX_REASON_PREEMPTION:
	case VMX_REASON_INTERRUPT: v->counts[COUNT_INTERRUPT]++; break; /* taken on the way out */
	case VMX_REASON_TRIPLE_FAULT: guest_crash(v->guest, "triple fault"); break;
	case VMX_REASON_WINDOW: break; /* it is open */
	case VMX_REASON_CPUID: hvm_cpuid(v, length()); break;
	case VMX_REASON_HLT: hvm_halt(v, length()); break;
	case VMX_REASON_INVD:
	case VMX_REASON_WBINVD: hvm_skip(v, length()); break; /* caches are coherent */
	case VMX_REASON_RDPMC: hvm_exception(v, VECTOR_GP, 0); break;
	case VMX_REASON_VMCALL: hvm_hypercall(v, length()); break;
	case VMX_REASON_CR: cr_exit(v); break;
	case VMX_REASON_IO: port_exit(v); break;
	case VMX_REASON_RDMSR: hvm_rdmsr(v, length()); break;
	case VMX_REASON_WRMSR: hvm_wrmsr(v, length()); break;
	case VMX_REASON_XSETBV: hvm_xsetbv(v, length()); break;
	case VMX_REASON_EPT: outside(v); break;
	case VMX_REASON_EPT_WRONG:
		panic("an EPT entry for %lx", vmread(VMCS_GUEST_PHYSICAL)); /* our own mistake */
	case VMX_REASON_BAD_STATE:
		guest_crash(v->guest, "a state of the processor that VT-x refuses");
		break;
	case VMX_REASON_GETSEC: /* these do not exist for the guest */
	case VMX_REASON_VMCLEAR ... VMX_REASON_VMXON:
	case VMX_REASON_MWAIT:
	case VMX_REASON_MONITOR:
	case VMX_REASON_INVEPT:
	case VMX_REASON_INVVPID:
	case VMX_REASON_SEAMCALL:
	case VMX_REASON_TDCALL: hvm_exception(v, VECTOR_UD, NO_ERROR); break;
	default:
		if (reason & VMX_REASON_FAILED) /* it would be the same again */
			guest_crash(v->guest, "VT-x refuses to enter it, for reason %x", reason);
		else
			hvm_unknown(v);
	}
}

/* 29.4.3.1: what is said of EPT and of the guest's own translations, of this VPID alone. */
static void do_flush(struct vcpu *v)
{
	const struct {
		uint64_t what, reserved;
	} ept = { v->hvm->nested_root.v | VMX_EPT_WALK_4_WB, 0 }, vpid = { v->hvm->asid, 0 };

	VMX("invept %1, %2", ept, "INVEPT or INVVPID");
	VMX("invvpid %1, %2", vpid, "INVEPT or INVVPID");
	v->vmx->flush = false;
}

/* A physical interrupt causes an exit even if the guest has interrupts masked (26.2). Bochs 2.7
 * takes none after an entry with IF clear: there the preemption timer ends the run, 26.5.1. */
static void watch_masked(struct vcpu *v)
{
	bool masked = !(v->regs->rflags & FLAGS_IF);

	if (masked == v->vmx->masked)
		return;
	v->vmx->masked = masked;
	vmwrite(VMCS_PIN, masked ? controls.pin : controls.pin & ~VMX_PIN_PREEMPTION);
}

static void run(UNUSED struct cpu *cpu, struct vcpu *v)
{
	struct regs *r = v->regs;

	watch_masked(v);
	if (v->vmx->flush)
		do_flush(v);
	vmwrite(VMCS_GUEST_RSP, r->rsp);
	vmwrite(VMCS_GUEST_RIP, r->rip);
	vmwrite(VMCS_GUEST_RFLAGS, r->rflags);
	if (!vmx_enter(r, v->vmx->launched)) {
		guest_crash(v->guest, "VT-x refuses its own control structure");
		return;
	}
	v->vmx->launched = true;
	r->rsp = vmread(VMCS_GUEST_RSP);
	r->rip = vmread(VMCS_GUEST_RIP);
	r->rflags = vmread(VMCS_GUEST_RFLAGS);
	r->ss = vmread(VMCS_GUEST_SELECTOR(2));
	r->cs = (vmread(VMCS_GUEST_SELECTOR(1)) & ~3u) | (vmread(VMCS_GUEST_RIGHTS(2)) >> 5 & 3);
	r->vector = vmread(VMCS_EXIT_REASON);
	keep_event();
	v->counts[COUNT_EXITS]++;
	handle_exit(v, (uint32_t)r->vector);
}

const struct engine vmx_engine = {
	.name = "vmx",
	HVM_ENGINE,
};
