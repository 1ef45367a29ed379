// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ring engine: loading a vCPU into the processor, entering it, and what must be sent to it
 * first. The way in and out of the processor itself is gate.S.
 */
#include "ring/ring.h"

#include "core/cpu.h"
#include "core/exit.h"
#include "core/guest.h"
#include "core/string.h"
#include "mmu/memory.h"
#include "platform/platform.h"
#include "x86/cpu.h"
#include "x86/descriptor.h"
#include "x86/paging.h"

int ring_enter(uint64_t guest_cr3, uint64_t *hv_rsp);

/* A PV guest chooses its own XCR0; state is saved and loaded with all of ours. */
static void set_xcr0(const struct vcpu *v, bool own)
{
	if (guest_is_pv(v->guest) && cpu_features.xsave && v->xcr0 != cpu_features.xcr0)
		xsetbv(0, own ? v->xcr0 : cpu_features.xcr0);
}

static void fpu_save(const struct vcpu *v)
{
	__asm__ volatile("clts");
	set_xcr0(v, false);
	if (cpu_features.xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(v->fpu), "a"(~0u), "d"(~0u) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(v->fpu) : "memory");
}

static void fpu_load(const struct vcpu *v)
{
	__asm__ volatile("clts");
	if (cpu_features.xsave)
		__asm__ volatile("xrstor64 (%0)" ::"r"(v->fpu), "a"(~0u), "d"(~0u) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(v->fpu) : "memory");
	set_xcr0(v, true);
}

/* Debug registers are in the processor only while the guest runs: they hold linear addresses, and
 * its are not ours. */
static void debug_load(const struct vcpu *v)
{
	write_dr0(v->dr[0]);
	write_dr1(v->dr[1]);
	write_dr2(v->dr[2]);
	write_dr3(v->dr[3]);
	write_dr7(v->dr7);
}

/* The gate area must not be watched, for it runs in ring 0 before the registers are cleared. */
static bool may_be_watched(uint64_t va)
{
	return canonical(va) && (va < GATE_BASE - 16 || va >= VENEER_GATE_END);
}

int ring_set_debugreg(struct vcpu *v, uint64_t n, uint64_t value)
{
	if (n < 4) {
		if (!may_be_watched(value))
			return -EINVAL;
		v->dr[n] = value;
		return 0;
	}
	if (n == 6)
		v->dr6 = (value & DR6_STATUS) | DR6_FIXED;
	else if (n == 7 && !(value >> 32))
		v->dr7 = (value & DR7_ALLOWED) | DR7_FIXED;
	else
		return -EINVAL;
	return 0;
}

#define READ_SEG(name)                                               \
	({                                                           \
		uint16_t s_;                                         \
		__asm__ volatile("movw %%" #name ", %0" : "=r"(s_)); \
		s_;                                                  \
	})
#define LOAD_SEG(name, value) __asm__ volatile("movl %0, %%" #name ::"r"((uint32_t)(value)))

static uint16_t fit(const struct vcpu *v, uint16_t selector)
{
	return ring_selector_fits(v, selector) ? selector : 0;
}

static void unload(struct cpu *cpu, struct vcpu *v)
{
	v->saved = *v->regs;
	v->regs = &v->saved;
	v->ds = READ_SEG(ds);
	v->es = READ_SEG(es);
	v->fs = READ_SEG(fs);
	v->gs = READ_SEG(gs);
	v->fs_base = rdmsr(MSR_FS_BASE);
	v->gs_base = rdmsr(MSR_GS_BASE);
	fpu_save(v);
	v->loaded = false;
	cpu->current = NULL;
}

void ring_unload(struct cpu *cpu)
{
	if (cpu->current)
		unload(cpu, cpu->current);
}

void ring_gate_page(struct cpu *cpu, uint64_t va, const void *page, uint64_t attr)
{
	cpu->gate_pt[pt_index(va, 1)] =
		page ? direct_mpa(page).v | PTE_P | PTE_A | PTE_NX | attr : 0;
	invlpg(va);
}

/* Entries that the gate takes from its data page; only the current vCPU's stand there. */
void ring_load_entries(struct vcpu *v)
{
	struct cpu *cpu = v->cpu;
	struct gate_data *gate = cpu->gate;
	bool sysenter = v->sysenter_entry;

	gate->syscall_entry =
		v->handlers.syscall ? v->handlers.syscall : gate_entry_points[GATE_NO_SYSCALL];
	gate->syscall32_entry =
		v->syscall32_entry ? v->syscall32_entry : gate_entry_points[GATE_NO_SYSCALL32];
	gate->sysenter_entry = v->sysenter_entry;
	gate->event_entry = v->handlers.event;
	gate->fault_entry = v->fault_entry;
	if (cpu->sysenter_on != sysenter) {
		cpu->sysenter_on = sysenter;
		wrmsr(MSR_SYSENTER_CS, sysenter ? SEL_HV_CS : 0);
	}
}

void ring_use_page(struct vcpu *v, struct veneer_vcpu_page *page)
{
	__atomic_store_n(&v->page, page, __ATOMIC_RELEASE);
	if (v->loaded)
		ring_gate_page(v->cpu, GATE_VCPU_PAGE, page, PTE_W | PTE_D);
}

void ring_load_root(struct vcpu *v, gpa_t root, bool flush)
{
	const struct paging p = {
		.mode = root.v == ~0ull ? PAGING_OFF : PAGING_64,
		.root = root,
		.write_protect = true,
		.no_execute = true,
	};

	mmu_load_root(&v->mmu, &p, flush);
}

void ring_switch(struct cpu *cpu, struct vcpu *v)
{
	ring_unload(cpu);
	ring_gate_page(cpu, GATE_GDT, v->gdt, 0);
	ring_gate_page(cpu, GATE_IDT, v->idt, 0);
	ring_gate_page(cpu, GATE_VCPU_PAGE, v->page, PTE_W | PTE_D);
	ring_load_ldt(v);
	ring_load_entries(v);

	LOAD_SEG(ds, fit(v, v->ds));
	LOAD_SEG(es, fit(v, v->es));
	LOAD_SEG(fs, fit(v, v->fs));
	LOAD_SEG(gs, fit(v, v->gs));
	if (guest_is_pv(v->guest)) {
		wrmsr(MSR_FS_BASE, v->fs_base);
		wrmsr(MSR_GS_BASE, v->gs_base);
		wrmsr(MSR_KERNEL_GS_BASE, v->kernel_gs_base);
	}
	fpu_load(v);
	write_cr0((read_cr0() & ~(uint64_t)CR0_TS) | (v->legacy.cr0 & CR0_TS));

	struct regs *frame = (struct regs *)GATE_FRAME;
	*frame = v->saved;
	v->regs = frame;
	v->loaded = true;
	cpu->current = v;
}

/* The state every vCPU starts from; FPU as after FNINIT, SDM 1 section 8.1.4 and 13.6. */
static void start(struct vcpu *v)
{
	struct regs zero = { 0 };
	uint16_t fcw = 0x37f;
	uint32_t mxcsr = 0x1f80;

	memset(v->fpu, 0, ALIGN_UP(cpu_features.xsave_bytes, PAGE_SIZE));
	memcpy(v->fpu, &fcw, 2);
	memcpy((char *)v->fpu + 24, &mxcsr, 4);
	memset(v->gdt, 0, PAGE_SIZE);
	v->gdt_entries = 0;
	ring_set_ldt(v, GVA(0), 0);
	memset(&v->handlers, 0, sizeof(v->handlers));
	memset(&v->legacy, 0, sizeof(v->legacy));
	v->page->irq_mask = VENEER_IRQ_MASKED;
	v->page->id = v->id;
	v->saved = zero;
	v->regs = &v->saved;
	v->saved.rflags = FLAGS_ONE | FLAGS_IF;
	v->ds = v->es = v->fs = v->gs = 0;
	v->fs_base = v->gs_base = v->kernel_gs_base = 0;
	v->stepping = false;
	v->syscall32_entry = v->sysenter_entry = v->fault_entry = 0;
	v->io_bitmap = 0;
	memset(v->dr, 0, sizeof(v->dr));
	v->dr6 = DR6_FIXED;
	v->dr7 = DR7_FIXED;
	v->xcr0 = cpu_features.xcr0;
}

static void start_pv(struct vcpu *v, uint64_t rip, uint64_t rdi, uint64_t rsp, gpa_t root)
{
	start(v);
	ring_load_root(v, root, true);
	v->gdt[VENEER_USER_CS32 >> 3] = DESC_CODE32(3);
	v->gdt[VENEER_USER_SS >> 3] = DESC_DATA(3);
	v->gdt[VENEER_USER_CS >> 3] = DESC_CODE64(3);
	v->saved.rip = rip;
	v->saved.rdi = rdi;
	v->saved.rsp = rsp;
	v->saved.cs = VENEER_KERNEL_CS;
	v->saved.ss = VENEER_KERNEL_SS;
}

void ring_start_pv(struct vcpu *v, uint64_t entry, gpa_t start_info)
{
	start_pv(v, entry, start_info.v, 0, GPA(~0ull));
}

void ring_start_vcpu(struct vcpu *v)
{
	const struct veneer_vcpu_start s = v->start;
	struct veneer_vcpu_page *page = mmu_memory(&v->guest->mmu, GPA(s.vcpu_page), PAGE_SIZE);

	if (v->guest->ending)
		return;
	if (v->loaded)
		ring_unload(v->cpu);
	memcpy(&page->clock, &v->guest->vcpu->page->clock, sizeof(page->clock));
	ring_use_page(v, page);
	start_pv(v, s.rip, s.rdi, s.rsp, GPA(s.root));
	v->runnable_since = rdtsc();
	v->cpu->attention = true;
	/* in this order: until it runs, nobody else may start it */
	__atomic_store_n(&v->state, VCPU_RUNNABLE, __ATOMIC_RELEASE);
	__atomic_store_n(&v->starting, 0, __ATOMIC_RELEASE);
}

void ring_start_legacy(struct vcpu *v, uint32_t entry, uint32_t eax, uint32_t ebx)
{
	start(v);
	v->saved.rip = entry;
	v->saved.rax = eax;
	v->saved.rbx = ebx;
	v->saved.cs = SEL_BOOT_CS32;
	v->saved.ss = SEL_BOOT_DS32;
	v->ds = v->es = v->fs = v->gs = SEL_BOOT_DS32;
	v->legacy.cr0 = CR0_PE | CR0_ET | CR0_NE;
	mmu_load_root(&v->mmu, &(struct paging){ .mode = PAGING_OFF, .root = GPA(~0ull) }, true);
}

/* The store that unmasks must trap from now on, or no longer. */
static void arm_window(struct vcpu *v, bool armed)
{
	struct mmu *m = &v->guest->mmu;

	v->page->irq_pending = armed;
	if (!m->window_bytes || m->window_armed == armed)
		return;
	m->window_armed = armed;
	mmu_flush(&v->mmu, GVA(m->window + VENEER_WINDOW_UNMASK), PAGE_SIZE);
}

static const struct veneer_iret_window *iret_window(const struct guest *g, uint64_t rip)
{
	unsigned lo = 0, hi = g->rewrite.window_count;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct veneer_iret_window *w = &g->iret_windows[mid];

		if (rip < w->start)
			hi = mid;
		else if (rip > w->iret)
			lo = mid + 1;
		else
			return w;
	}
	return NULL;
}

static bool deliver_legacy(struct vcpu *v)
{
	struct platform *p = v->guest->platform;
	bool user = (v->regs->cs & 3) == 3;

	if (!platform_interrupt_pending(p)) {
		arm_window(v, false);
		return true;
	}
	if (v->page->irq_mask && !user) {
		arm_window(v, true);
		return true;
	}
	if (v->guest->prepare == PREPARE_REWRITTEN && iret_window(v->guest, v->regs->rip)) {
		ring_iret(v);
		if (v->state != VCPU_RUNNABLE)
			return false;
	}
	if (!user)
		ring_emulate_hlt_at(v); /* the interrupt is what it would have waited for */
	arm_window(v, false);
	return ring_legacy_interrupt(v, platform_interrupt_acknowledge(p));
}

/* A stock kernel with interrupts masked is stepped, because POPF would not trap. */
static bool step_if_masked(struct vcpu *v)
{
	if (v->guest->prepare != PREPARE_STOCK)
		return true;
	v->stepping = v->page->irq_mask && (v->regs->cs & 3) != 3;
	if (v->stepping) {
		if (!ring_step(v))
			return false;
		v->stepping = v->page->irq_mask && (v->regs->cs & 3) != 3;
	}
	if (v->stepping)
		v->regs->rflags |= FLAGS_TF;
	else
		v->regs->rflags &= ~(uint64_t)FLAGS_TF;
	return v->state == VCPU_RUNNABLE;
}

#define UNMASK_STORE_BYTES 10 /* movl $0, address */

/* Delivery follows on the way back in; in an IRET's stub, after the IRET. */
void ring_unmask_trap(struct vcpu *v)
{
	v->page->irq_mask = 0;
	v->counts[COUNT_PRIVILEGED]++;
	if (!iret_window(v->guest, v->regs->rip))
		v->regs->rip += UNMASK_STORE_BYTES;
}

bool ring_deliver(struct vcpu *v)
{
	if (guest_is_pv(v->guest)) {
		if (__atomic_load_n(&v->page->events, __ATOMIC_ACQUIRE))
			ring_pv_event(v);
		return v->state == VCPU_RUNNABLE;
	}
	if (!deliver_legacy(v))
		return false;
	return step_if_masked(v);
}

void ring_run(struct cpu *cpu, struct vcpu *v)
{
	bool watched = v->dr7 & DR7_ENABLE;

	if (watched)
		debug_load(v);
	if (v->mmu.mmu->quiesce) {
		__atomic_store_n(&v->in_guest, true, __ATOMIC_SEQ_CST);
		ring_enter(mmu_root(&v->mmu).v, &cpu->gate->hv_rsp);
		__atomic_store_n(&v->in_guest, false, __ATOMIC_RELEASE);
	} else {
		ring_enter(mmu_root(&v->mmu).v, &cpu->gate->hv_rsp);
	}
	v->counts[COUNT_EXITS]++;
	if (watched)
		write_dr7(DR7_FIXED);
}
