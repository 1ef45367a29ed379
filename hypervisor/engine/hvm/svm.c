// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The svm engine: AMD-V with nested paging. Section numbers are those of the AMD64 Architecture
 * Programmer's Manual, volume 2. VMRUN itself is in svm_entry.S.
 */
#include "engine/hvm/svm.h"

#include "engine/hvm/gate.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "lib/panic.h"
#include "lib/string.h"

/* --- the processor --- */

#define CPUID_SVM	0x8000000a
#define SVM_EDX_NP	BIT(0)
#define SVM_EDX_NRIPS	BIT(3)
#define SVM_EDX_FLUSH	BIT(6)
#define SVM_EDX_DECODES BIT(7)

static bool next_rip_saved, segments_said; /* constant after boot */
static uint32_t flush_guest;		   /* the same: of TLB_CONTROL */

static const struct hvm_vendor vendor;

/* 15.4: CPUID says whether it is there, VM_CR whether the firmware has locked it. */
static const char *missing(void)
{
	uint32_t r[4];

	cpuid_if_there(0x80000001, 0, r);
	if (!(r[2] & BIT(2)))
		return "this processor has no AMD-V: want engine = ring";
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
		return "AMD-V is switched off by the firmware: look for SVM in its setup, or "
		       "want engine = ring";
	cpuid_if_there(CPUID_SVM, 0, r);
	if (!(r[3] & SVM_EDX_NP))
		return "this processor's AMD-V has no nested paging: want engine = ring";
	hvm_vendor = &vendor;
	hvm_asids = r[1]; /* 15.16 */
	next_rip_saved = r[3] & SVM_EDX_NRIPS;
	segments_said = r[3] & SVM_EDX_DECODES;
	flush_guest = r[3] & SVM_EDX_FLUSH ? SVM_TLB_FLUSH_ASID : SVM_TLB_FLUSH_ALL;
	return NULL;
}

static mpa_t iopm, msrpm; /* permission maps, the same for all guests; constant after the first */

/* 15.11: two bits for each MSR, read and write, of three ranges of 8192. */
static void msr_permit(uint32_t msr)
{
	unsigned at = (msr < 0x2000 ? msr : 0x2000 + (msr & 0x1fff)) * 2;

	((uint8_t *)direct(msrpm))[at / 8] &= (uint8_t) ~(3 << at % 8);
}

/* VMLOAD and VMSAVE switch the guest's own MSRs. */
static bool create_maps(void)
{
	if (iopm.v)
		return true;
	iopm = memory_alloc((3 + 2) * PAGE_SIZE);
	if (!iopm.v)
		return false;
	msrpm = MPA(iopm.v + 3 * PAGE_SIZE);
	memset(direct(iopm), 0xff, (3 + 2) * PAGE_SIZE);
	for (unsigned i = 0; i < HVM_OWN_MSRS; i++)
		msr_permit(hvm_own_msrs[i]);
	return true;
}

static void start_cpu(struct cpu *cpu)
{
	if (cpu->svm)
		return;
	cpu->svm = direct(memory_need(sizeof(*cpu->svm), "AMD-V's host state"));
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, direct_mpa(cpu->svm->save).v);
}

/* --- a vCPU's control block --- */

/* All except DR6 (alias DR4; DR5 is an alias of DR7): in QEMU 7.2 a MOV to the others activates a
 * breakpoint, and VMRUN does not. */
#define DR_WRITES (BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(5) | BIT(7))

/* Resets the VMCB for a vCPU that begins: nothing is pending, and nothing is cached by the
 * processor. After a shutdown all of it is undefined (15.14.3). */
static void start(struct vcpu *v, gpa_t root)
{
	struct vmcb *b = &v->svm->vmcb;
	struct vmcb_control *c = &b->control;

	memset(b, 0, sizeof(*b));
	v->svm->vmcb_at = direct_mpa(b);
	/* INTR and NMI are the machine's; AMD-V's own instructions do not exist for the guest */
	c->exception_bitmap = hvm_exceptions(v);
	c->cr_write = BIT(4);
	c->dr_write = DR_WRITES;
	c->intercept1 = SVM_INTERCEPT1_INTR | SVM_INTERCEPT1_NMI | SVM_INTERCEPT1_INIT |
			SVM_INTERCEPT1_CR0_SEL | SVM_INTERCEPT1_RDPMC | SVM_INTERCEPT1_CPUID |
			SVM_INTERCEPT1_RSM | SVM_INTERCEPT1_INVD | SVM_INTERCEPT1_HLT |
			SVM_INTERCEPT1_INVLPGA | SVM_INTERCEPT1_IOIO | SVM_INTERCEPT1_MSR |
			SVM_INTERCEPT1_SHUTDOWN;
	c->intercept2 = SVM_INTERCEPT2_SVM | SVM_INTERCEPT2_WBINVD | SVM_INTERCEPT2_MONITOR |
			SVM_INTERCEPT2_MWAIT | SVM_INTERCEPT2_XSETBV | SVM_INTERCEPT2_RDPRU;
	c->iopm_base = iopm.v;
	c->msrpm_base = msrpm.v;
	c->asid = v->hvm->asid;
	c->tlb_control = flush_guest;
	c->virtual_interrupt = SVM_V_INTR_MASKING;
	c->nested_paging = 1;
	c->nested_cr3 = v->hvm->nested_root.v;
	b->save.pat = PAT_RESET;
	hvm_start(v, root);
}

/* --- what hvm.h asks of it --- */

#define FIELD(name) offsetof(struct vmcb_save, name)

static uint64_t *place(const struct vcpu *v, enum hvm_register r)
{
	static const uint16_t at[] = { FIELD(cr0), FIELD(cr2), FIELD(cr3), FIELD(cr4) };

	return (uint64_t *)((char *)&v->svm->vmcb.save + at[r]);
}

static uint64_t get(const struct vcpu *v, enum hvm_register r)
{
	return *place(v, r);
}

/* VMRUN needs SVME set, 15.5.1. A processor ignores LME without paging. In QEMU 7.2, if PAE is off
 * too, an exit then turns off the host's paging. So MOV to CR0 exits. */
static void set(struct vcpu *v, enum hvm_register r, uint64_t value)
{
	struct vmcb *b = &v->svm->vmcb;

	b->control.clean &= ~(r == HVM_CR2 ? SVM_CLEAN_CR2 : SVM_CLEAN_CR);
	*(r == HVM_EFER ? &v->hvm->efer : place(v, r)) = value;
	b->save.efer = v->hvm->efer | EFER_SVME;
	if (!(b->save.cr0 & CR0_PG))
		b->save.efer &= ~(uint64_t)EFER_LME;
}

static struct hvm_segment *segment(const struct vcpu *v, unsigned seg)
{
	static const uint8_t at[] = { FIELD(es), FIELD(cs),   FIELD(ss), FIELD(ds),   FIELD(fs),
				      FIELD(gs), FIELD(ldtr), FIELD(tr), FIELD(gdtr), FIELD(idtr) };

	return (struct hvm_segment *)((char *)&v->svm->vmcb.save + at[seg]);
}

static struct hvm_segment get_segment(const struct vcpu *v, unsigned seg)
{
	return *segment(v, seg);
}

static void set_segment(struct vcpu *v, unsigned seg, const struct hvm_segment *from)
{
	*segment(v, seg) = *from;
	if (seg == 2)
		v->svm->vmcb.save.cpl = from->attributes >> 5 & 3;
	v->svm->vmcb.control.clean &= ~(SVM_CLEAN_SEG | SVM_CLEAN_DT);
}

#define VIRTUAL_IRQ (SVM_V_IRQ | SVM_V_PRIORITY | SVM_V_IGNORE_TPR)

/* A virtual interrupt is pending, and not only requested as an interrupt window. */
static bool interrupt_waits(const struct vmcb_control *c)
{
	return (c->virtual_interrupt & SVM_V_IRQ) && !(c->intercept1 & SVM_INTERCEPT1_VINTR);
}

/* Interrupts are injected as virtual interrupts, 15.21.4: the guest takes them before its first
 * instruction. QEMU 7.2 delivers some twice if they are injected as events, 15.20, because it does
 * not clear their vector. If an exit comes first, a PV guest's is cancelled, since its event is
 * still pending in the vCPU page. */
static void raise_interrupt(struct vmcb_control *c, unsigned vector)
{
	c->virtual_interrupt |= VIRTUAL_IRQ;
	c->virtual_vector = vector;
	c->interrupt_shadow &= ~1ull;
	c->clean &= ~SVM_CLEAN_TPR;
}

static void inject(struct vcpu *v, enum hvm_event type, unsigned vector, int64_t error)
{
	struct vmcb_control *c = &v->svm->vmcb.control;
	uint64_t e = vector | SVM_EVENT_VALID | SVM_EVENT_EXCEPTION;

	if (type == HVM_INTERRUPT) {
		raise_interrupt(c, vector);
		return;
	}
	if (error != NO_ERROR)
		e |= SVM_EVENT_ERROR | (uint64_t)error << 32;
	c->event = e;
}

static bool has_event(const struct vcpu *v)
{
	const struct vmcb_control *c = &v->svm->vmcb.control;

	return (c->event & SVM_EVENT_VALID) || interrupt_waits(c);
}

static bool interruptible(const struct vcpu *v)
{
	return (v->regs->rflags & FLAGS_IF) && !(v->svm->vmcb.control.interrupt_shadow & 1) &&
	       !has_event(v);
}

/* A virtual interrupt that is never delivered: it exits when it could be. */
static void request_irq_window(struct vcpu *v, bool wanted)
{
	struct vmcb_control *c = &v->svm->vmcb.control;

	if (interrupt_waits(c) || wanted == !!(c->intercept1 & SVM_INTERCEPT1_VINTR))
		return;
	c->clean &= ~(SVM_CLEAN_TPR | SVM_CLEAN_INTERCEPTS);
	if (wanted) {
		c->intercept1 |= SVM_INTERCEPT1_VINTR;
		c->virtual_interrupt |= VIRTUAL_IRQ;
	} else {
		c->intercept1 &= ~SVM_INTERCEPT1_VINTR;
		c->virtual_interrupt &= ~VIRTUAL_IRQ;
	}
}

static void end_shadow(struct vcpu *v)
{
	v->svm->vmcb.control.interrupt_shadow &= ~1ull;
}

static void flush(struct vcpu *v)
{
	v->counts[COUNT_FLUSH]++;
	v->svm->vmcb.control.tlb_control = flush_guest;
}

static void load_debug(struct vcpu *v)
{
	struct vmcb *b = &v->svm->vmcb;

	b->save.dr6 = v->dr6;
	b->save.dr7 = v->dr7;
	b->control.clean &= ~SVM_CLEAN_DR;
	if (v->loaded)
		write_breakpoints(v->dr);
}

static void load_entries(struct vcpu *v)
{
	struct vmcb_save *s = &v->svm->vmcb.save;

	s->star = (uint64_t)HVM_KERNEL_CS << 32;
	s->lstar = hvm_gate_places[HVM_GATE_SYSCALL];
	s->cstar = hvm_gate_places[HVM_GATE_SYSCALL32];
	s->sfmask = FLAGS_IF | FLAGS_TF | FLAGS_DF | FLAGS_NT | FLAGS_AC | FLAGS_IOPL | FLAGS_RF;
	s->sysenter_cs = v->sysenter_entry ? HVM_KERNEL_CS : 0;
	s->sysenter_esp = VENEER_ENTRY_STACK_TOP;
	s->sysenter_eip = hvm_gate_places[HVM_GATE_SYSENTER];
	v->svm->vmcb.control.exception_bitmap = hvm_exception_bitmap(v);
	v->svm->vmcb.control.clean &= ~SVM_CLEAN_INTERCEPTS;
}

static const struct hvm_vendor vendor = {
	.vcpu_bytes = sizeof(struct svm_vcpu),
	.format = { .table = PTE_P | PTE_W | PTE_U | PTE_A,
		    .leaf = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D,
		    .large = PTE_PS,
		    .read_only = PTE_W },
	.prepare = create_maps,
	HVM_VENDOR,
};

/* --- running --- */

static void load(struct cpu *cpu, struct vcpu *v)
{
	v->svm->host_at = direct_mpa(cpu->svm->host);
	__asm__ volatile("vmsave %0" ::"a"(v->svm->host_at.v) : "memory");
	v->svm->vmcb.control.clean = 0;
	hvm_load(v);
}

static void unload(UNUSED struct cpu *cpu, struct vcpu *v)
{
	fpu_take_xcr0(v); /* QEMU 7.2 does not intercept XSETBV */
	hvm_unload(v);
}

/* A loop exits at the same address again and again, so the code page is cached. The guest may have
 * mapped another page there: the cache is only used if the bytes match, and then the length is
 * right. */
static bool remembered(const struct code_page *c, const struct code_place *at, uint32_t opcode,
		       unsigned bytes)
{
	unsigned offset = at->linear & ~PAGE_MASK, unused = 32 - 8 * bytes;

	if (!c->bytes || c->page != at->linear >> PAGE_SHIFT || c->root != at->root ||
	    offset + sizeof(opcode) > PAGE_SIZE)
		return false;
	return !((*(const uint32_t *)(c->bytes + offset) ^ opcode) << unused);
}

/* Address after the instruction that exited: from the processor if it reports it, 15.7.1. */
HOT_FRAME static unsigned length(struct vcpu *v, uint32_t opcode, unsigned bytes)
{
	const struct vmcb *b = &v->svm->vmcb;
	bool code64 = (v->hvm->efer & EFER_LMA) && (b->save.cs.attributes & HVM_LONG);
	const struct code_place at = {
		.linear = code64 ? b->save.rip : (uint32_t)(b->save.rip + b->save.cs.base),
		.root = b->save.cr3,
		.code64 = code64,
	};

	if (next_rip_saved)
		return (unsigned)(b->control.next_rip - b->save.rip);
	if (remembered(&v->hvm->code, &at, opcode, bytes))
		return bytes;
	return hvm_length(v, &at, bytes);
}

/* EXITINFO1: see 15.10.2; QEMU 7.2 does not report the address size. */
static void port_exit(struct vcpu *v)
{
	const struct vmcb_control *c = &v->svm->vmcb.control;
	uint64_t info = c->exit_info1;
	bool in = info & BIT(0);
	struct insn i = {
		.op = in ? INSN_IN : INSN_OUT,
		.width = info >> 4 & 7,
		.imm = (uint16_t)(info >> 16),
	};

	if (info & BIT(2)) {
		i.op = in ? INSN_INS : INSN_OUTS;
		i.flags = info & BIT(3) ? INSN_REP : 0;
		i.seg = segments_said ? info >> 10 & 7 : HVM_NOT_SAID;
		hvm_string(v, &i, (info >> 7 & 7) << 1, c->exit_info2);
	} else {
		hvm_port(v, &i, c->exit_info2);
	}
}

static void exception_exit(struct vcpu *v, unsigned vector)
{
	struct vmcb *b = &v->svm->vmcb;

	hvm_intercepted(v, vector, (int64_t)b->control.exit_info1,
			vector == VECTOR_DB ? b->save.dr6 : b->control.exit_info2);
	if (vector == VECTOR_DB && v->hvm->gate) {
		b->save.dr6 = DR6_FIXED;
		b->control.clean &= ~SVM_CLEAN_DR;
	}
}

/* An exit during the delivery of an event: it is injected again. Software's INT n and INT3 are
 * executed again instead, 15.20. A PV guest's event that was preempted by a physical interrupt is
 * cancelled: it is still pending in the vCPU page. */
static void keep_event(const struct vcpu *v, struct vmcb_control *c)
{
	uint64_t e = c->exit_interrupt;
	unsigned type = e & SVM_EVENT_TYPE, vector = e & 0xff;
	bool again = type == SVM_EVENT_SOFTWARE ||
		     (type == SVM_EVENT_EXCEPTION && (vector == VECTOR_BP || vector == VECTOR_OF));

	c->event = 0;
	if (v->hvm->gate && interrupt_waits(c)) {
		c->virtual_interrupt &= ~VIRTUAL_IRQ;
		c->clean &= ~SVM_CLEAN_TPR;
	}
	if (!(e & SVM_EVENT_VALID) || again)
		return;
	if (type == SVM_EVENT_INTERRUPT)
		raise_interrupt(c, vector);
	else
		c->event = e;
}

/* Emulates an instruction; its opcode begins with the lowest byte. Inlined so that emulate is
 * called directly: an indirect call may cost a retpoline. */
static inline __attribute__((always_inline)) void
instruction_exit(struct vcpu *v, uint32_t opcode, unsigned bytes,
		 void (*emulate)(struct vcpu *v, unsigned length))
{
	unsigned n = length(v, opcode, bytes);

	if (n)
		emulate(v, n);
}

static void msr_exit(struct vcpu *v)
{
	bool write = v->svm->vmcb.control.exit_info1;

	instruction_exit(v, write ? 0x300f : 0x320f, 2, write ? hvm_wrmsr : hvm_rdmsr);
}

/* A guest's breakpoints are only activated by VMRUN, never by its own MOV, so they are inactive
 * after an exit. General detect is not offered. */
static bool set_debug(struct vcpu *v, uint64_t n, uint64_t value)
{
	struct vmcb *b = &v->svm->vmcb;

	if (n < 4) {
		v->dr[n] = value;
		write_breakpoints(v->dr);
		return true;
	}
	if (value >> 32)
		return false;
	v->dr7 = b->save.dr7 = (value & DR7_ALLOWED) | DR7_FIXED;
	b->control.clean &= ~SVM_CLEAN_DR;
	return true;
}

static __attribute__((noinline)) void dr_exit(struct vcpu *v, uint64_t n)
{
	struct insn i;

	if (!hvm_decode(v, &i) || i.op != INSN_MOV_TO_DR || i.reg != n)
		return; /* changed since: it is executed again */
	uint64_t value = *operand_register(v->regs, i.base);
	if (i.width == 4)
		value = (uint32_t)value;
	if (n == 5 && (v->svm->vmcb.save.cr4 & CR4_DE))
		hvm_exception(v, VECTOR_UD, NO_ERROR);
	else
		hvm_finish(v, hvm_in_ring0(v) && set_debug(v, n, value), i.length);
}

/* Apart from the others, whose search it would prolong. */
static __attribute__((noinline)) void rare_exit(struct vcpu *v, uint64_t code)
{
	switch (code) {
	case SVM_EXIT_RSM: /* these do not exist for the guest */
	case SVM_EXIT_INVLPGA:
	case SVM_EXIT_VMRUN ... SVM_EXIT_SKINIT:
	case SVM_EXIT_MONITOR ... SVM_EXIT_MWAIT_ARMED:
	case SVM_EXIT_RDPRU: hvm_exception(v, VECTOR_UD, NO_ERROR); break;
	default:
		if ((uint32_t)code == SVM_EXIT_INVALID)
			guest_crash(v->guest, "a state of the processor that AMD-V refuses");
		else
			hvm_unknown(v);
	}
}

static void handle_exit(struct vcpu *v)
{
	const struct vmcb_control *c = &v->svm->vmcb.control;
	uint64_t code = c->exit_code;

	switch (code) {
	case SVM_EXIT_CPUID: instruction_exit(v, 0xa20f, 2, hvm_cpuid); break;
	case SVM_EXIT_VMMCALL: instruction_exit(v, 0xd9010f, 3, hvm_hypercall); break;
	case SVM_EXIT_HLT: instruction_exit(v, 0xf4, 1, hvm_halt); break;
	case SVM_EXIT_XSETBV: instruction_exit(v, 0xd1010f, 3, hvm_xsetbv); break;
	case SVM_EXIT_INVD: instruction_exit(v, 0x080f, 2, hvm_skip); break;
	case SVM_EXIT_WBINVD: instruction_exit(v, 0x090f, 2, hvm_skip); break;
	case SVM_EXIT_MSR: msr_exit(v); break;
	case SVM_EXIT_IOIO: port_exit(v); break;
	case SVM_EXIT_CR0_SEL: hvm_decode_cr(v, 0); break;
	case SVM_EXIT_CR_WRITE + 4: hvm_decode_cr(v, 4); break;
	case SVM_EXIT_DR_WRITE ... SVM_EXIT_DR_WRITE + 7:
		dr_exit(v, code - SVM_EXIT_DR_WRITE);
		break;
	case SVM_EXIT_INTR: /* taken on the way out */
	case SVM_EXIT_NMI: v->counts[COUNT_INTERRUPT]++; break;
	case SVM_EXIT_SMI ... SVM_EXIT_VINTR: break; /* the window is open */
	case SVM_EXIT_NPF:
		hvm_outside(
			v,
			&(struct board_access){ GPA(c->exit_info2), c->exit_info1 & SVM_NPF_WRITE },
			!(c->exit_info1 & SVM_NPF_NOT_DATA));
		break;
	case SVM_EXIT_RDPMC: hvm_exception(v, VECTOR_GP, 0); break;
	case SVM_EXIT_SHUTDOWN: guest_crash(v->guest, "triple fault"); break;
	default:
		if (code - SVM_EXIT_EXCEPTION < 32)
			exception_exit(v, (unsigned)(code - SVM_EXIT_EXCEPTION));
		else
			rare_exit(v, code);
	}
}

HOT_FRAME static void run(UNUSED struct cpu *cpu, struct vcpu *v)
{
	struct svm_vcpu *s = v->svm;
	struct vmcb *b = &s->vmcb;
	struct regs *r = v->regs;

	b->save.rax = r->rax;
	b->save.rsp = r->rsp;
	b->save.rip = r->rip;
	b->save.rflags = r->rflags;
	svm_enter(r, s->vmcb_at.v, s->host_at.v, b);
	r->rax = b->save.rax;
	r->rsp = b->save.rsp;
	r->rip = b->save.rip;
	r->rflags = b->save.rflags;
	r->cs = (b->save.cs.selector & ~3u) | b->save.cpl;
	r->ss = b->save.ss.selector;
	r->vector = b->control.exit_code;
	b->control.clean = SVM_CLEAN_ALL;
	if ((b->save.cs.attributes & HVM_LONG) && (b->save.cs.attributes & HVM_BIG)) {
		b->save.cs.attributes &= ~HVM_BIG; /* QEMU 7.2's SYSENTER leaves both set */
		b->control.clean &= ~SVM_CLEAN_SEG;
	}
	b->control.tlb_control = 0;
	keep_event(v, &b->control);
	v->counts[COUNT_EXITS]++;
	handle_exit(v);
}

const struct engine svm_engine = {
	.name = "svm",
	HVM_ENGINE,
};
