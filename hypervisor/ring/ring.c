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

static void fpu_save(void *area)
{
	__asm__ volatile("clts");
	if (cpu_features.xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

static void fpu_load(void *area)
{
	__asm__ volatile("clts");
	if (cpu_features.xsave)
		__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
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
	fpu_save(v->fpu);
	v->loaded = false;
	cpu->current = NULL;
}

void ring_unload(struct cpu *cpu)
{
	if (cpu->current)
		unload(cpu, cpu->current);
}

static void gate_page(struct cpu *cpu, uint64_t va, const void *page, uint64_t attr)
{
	cpu->gate_pt[pt_index(va, 1)] = direct_mpa(page).v | PTE_P | PTE_A | PTE_NX | attr;
	invlpg(va);
}

void ring_switch(struct cpu *cpu, struct vcpu *v)
{
	ring_unload(cpu);
	gate_page(cpu, GATE_GDT, v->gdt, 0);
	gate_page(cpu, GATE_IDT, v->idt, 0);
	gate_page(cpu, GATE_VCPU_PAGE, v->page, PTE_W | PTE_D);
	cpu->gate->syscall_entry = v->handlers.syscall;

	LOAD_SEG(ds, fit(v, v->ds));
	LOAD_SEG(es, fit(v, v->es));
	LOAD_SEG(fs, fit(v, v->fs));
	LOAD_SEG(gs, fit(v, v->gs));
	if (guest_is_pv(v->guest)) {
		wrmsr(MSR_FS_BASE, v->fs_base);
		wrmsr(MSR_GS_BASE, v->gs_base);
		wrmsr(MSR_KERNEL_GS_BASE, v->kernel_gs_base);
	}
	fpu_load(v->fpu);
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
	memset(v->page, 0, PAGE_SIZE);
	memset(v->gdt, 0, PAGE_SIZE);
	v->gdt_entries = 0;
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
	v->paging =
		(struct paging){ .mode = PAGING_OFF, .root = GPA(~0ull), .write_protect = true };
	mmu_load_root(&v->guest->mmu, &v->paging, true);
}

void ring_start_pv(struct vcpu *v, uint64_t entry, gpa_t start_info)
{
	start(v);
	v->gdt[VENEER_KERNEL_CS >> 3] = DESC_CODE64(1);
	v->gdt[VENEER_KERNEL_SS >> 3] = DESC_DATA(1);
	v->gdt[VENEER_USER_CS32 >> 3] = DESC_CODE32(3);
	v->gdt[VENEER_USER_SS >> 3] = DESC_DATA(3);
	v->gdt[VENEER_USER_CS >> 3] = DESC_CODE64(3);
	v->saved.rip = entry;
	v->saved.rdi = start_info.v;
	v->saved.cs = VENEER_KERNEL_CS;
	v->saved.ss = VENEER_KERNEL_SS;
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
	v->paging.write_protect = false;
	mmu_load_root(&v->guest->mmu, &v->paging, true);
}

/* The store that unmasks must trap from now on, or no longer. */
static void arm_window(struct vcpu *v, bool armed)
{
	struct mmu *m = &v->guest->mmu;

	v->page->irq_pending = armed;
	if (!m->window_bytes || m->window_armed == armed)
		return;
	m->window_armed = armed;
	mmu_flush(m, GVA(m->window + VENEER_WINDOW_UNMASK), PAGE_SIZE);
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
	v->guest->counts[COUNT_PRIVILEGED]++;
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
	ring_enter(mmu_current_root(&v->guest->mmu).v, &cpu->gate->hv_rsp);
	v->guest->counts[COUNT_EXITS]++;
}
