// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ring engine: loads a vCPU into the processor, injects what is pending and enters it. gate.S
 * has the entry and exit code.
 */
#include "engine/ring/ring.h"

#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "lib/panic.h"
#include "lib/search.h"
#include "lib/string.h"

/* Runs the guest until it traps: gate.S, ring_enter. */
static void enter(struct cpu *cpu, struct vcpu *v)
{
	uint64_t cr3 = mmu_root(&v->ring->view).v, *hv_rsp = &cpu->gate->hv_rsp;
	struct regs *regs = v->regs;

	__asm__ volatile("call ring_enter"
			 : "+a"(cr3), "+D"(regs), "+S"(hv_rsp)
			 :
			 : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
			   "r15", "memory", "cc");
}

#define READ_SEG(name, to)    __asm__ volatile("movw %%" #name ", %0" : "=r"(to))
#define LOAD_SEG(name, value) __asm__ volatile("movl %0, %%" #name ::"r"((uint32_t)(value)))

static uint16_t fit(const struct vcpu *v, uint16_t selector)
{
	return ring_selector_fault(v, selector) ? 0 : selector;
}

static void unload(UNUSED struct cpu *cpu, struct vcpu *v)
{
	struct ring_vcpu *own = v->ring;

	READ_SEG(ds, own->ds);
	READ_SEG(es, own->es);
	READ_SEG(fs, own->fs);
	READ_SEG(gs, own->gs);
	own->fs_base = rdmsr(MSR_FS_BASE);
	own->gs_base = rdmsr(MSR_GS_BASE);
	fpu_save(v);
}

void ring_gate_page(struct cpu *cpu, uint64_t va, const void *page, uint64_t attr)
{
	cpu->gate_pt[pt_index(va, 1)] =
		page ? direct_mpa(page).v | PTE_P | PTE_A | PTE_NX | attr : 0;
	invlpg(va);
}

/* The guest's entry points in the gate's data page, of the current vCPU only. */
static void load_entries(struct vcpu *v)
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
	if (cpu->ring->sysenter_on != sysenter) {
		cpu->ring->sysenter_on = sysenter;
		wrmsr(MSR_SYSENTER_CS, sysenter ? SEL_HV_CS : 0);
	}
}

static void use_page(struct vcpu *v, struct veneer_vcpu_page *page)
{
	ring_gate_page(v->cpu, GATE_VCPU_PAGE, page, PTE_W | PTE_D);
}

static void flush_part(struct vcpu *v)
{
	if (!mmu_flush_part(&v->ring->view, &v->ring->flush))
		vcpu_request_from(v, REQUEST_WORK);
}

static void flush(struct vcpu *v, gva_t va, uint64_t bytes)
{
	if (bytes <= PAGE_SIZE) {
		mmu_flush(&v->ring->view, va, bytes);
	} else {
		mmu_flush_begin(&v->ring->view, &v->ring->flush, va, bytes);
		flush_part(v);
	}
}

void ring_load_root(struct vcpu *v, const struct paging *p, bool flush_user)
{
	switch (mmu_load_root(&v->ring->view, p)) {
	case MMU_ROOT_EMPTY: break;
	case MMU_ROOT_KEPT:
		if (flush_user)
			flush(v, GVA(0), USER_LAST + 1);
		break;
	case MMU_ROOT_AGAIN: v->ring->flush_user = flush_user; vcpu_request_from(v, REQUEST_WORK);
	}
}

/* The root of a vCPU that begins is loaded as deferred work, to bound the exit that starts it. */
static void load_root_later(struct vcpu *v, struct paging p, bool flush_user)
{
	mmu_unload(&v->ring->view);
	v->view->paging = p;
	v->ring->flush_user = flush_user;
	__atomic_or_fetch(&v->requests, REQUEST_WORK, __ATOMIC_RELEASE);
}

/* A PV guest's is a hypercall, with a result. LLDT has none. */
void ring_ldt_done(struct vcpu *v, int result)
{
	if (!v->guest->board)
		v->regs->rax = (uint64_t)(int64_t)result;
	else if (result == -ENOMEM)
		guest_crash(v->guest, "LLDT: a table of that size needs more memory =");
	else if (result == -EFAULT)
		guest_crash(v->guest, "LLDT: the table is not all in memory");
}

/* Continues the vCPU's long work; the vCPU does not run before that is done. */
static void work_part(struct vcpu *v)
{
	if (v->ring->view.root == MMU_NO_ROOT)
		ring_load_root(v, &v->view->paging, v->ring->flush_user);
	else if (v->ring->ldt_load.entries)
		ring_ldt_done(v, ring_ldt_part(v));
	else
		flush_part(v);
}

/* Of a PV guest: ~0 for the identity map. */
static struct paging pv_paging(gpa_t root)
{
	return paging_of(CR0_WP | (root.v == ~0ull ? 0 : CR0_PG), root, 0, EFER_LMA | EFER_NXE);
}

static void load_root(struct vcpu *v, gpa_t root, bool flush_user)
{
	const struct paging p = pv_paging(root);

	ring_load_root(v, &p, flush_user);
}

static bool drop_root(struct vcpu *v, gpa_t root)
{
	return mmu_drop_root(v->ring->view.mmu, root);
}

/* A gate in the IDT to the guest's ring-1 handler, without code of the hypervisor. It is a trap
 * gate, since an interrupt gate would clear the real IF, and ring 1 could then keep the
 * processor. */
static void set_softint(struct vcpu *v, unsigned vector, uint64_t at, unsigned dpl)
{
	assert(vector_is_guests(vector));
	v->ring->idt[vector] =
		at ? gate_to(at, VENEER_KERNEL_CS, dpl, DESC_TYPE_TRAP) : idt_template[vector];
}

static void load(struct cpu *cpu, struct vcpu *v)
{
	struct ring_vcpu *own = v->ring;

	ring_gate_page(cpu, GATE_GDT, own->gdt, 0);
	ring_gate_page(cpu, GATE_IDT, own->idt, 0);
	ring_gate_page(cpu, GATE_VCPU_PAGE, v->page, PTE_W | PTE_D);
	/* no flush: only guests' tables map it */
	*cpu->stacks_entry = direct_mpa(own->stacks).v | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
	ring_load_ldt(v);
	ring_load_selectors(cpu, !v->guest->board);
	cpu->gdt[SEL_OWN(SEL_KEPT_CS)] = own->kept[0];
	cpu->gdt[SEL_OWN(SEL_KEPT_SS)] = own->kept[1];
	load_entries(v);

	write_dr6(DR6_FIXED); /* status bits are sticky: the previous vCPU may have left some */

	LOAD_SEG(ds, fit(v, own->ds));
	LOAD_SEG(es, fit(v, own->es));
	LOAD_SEG(fs, fit(v, own->fs));
	LOAD_SEG(gs, fit(v, own->gs));
	if (!v->guest->board) {
		wrmsr(MSR_FS_BASE, own->fs_base);
		wrmsr(MSR_GS_BASE, own->gs_base);
		wrmsr(MSR_KERNEL_GS_BASE, own->kernel_gs_base);
	}
	fpu_load(v);
	write_cr0((read_cr0() & ~(uint64_t)CR0_TS) | (v->legacy.cr0 & CR0_TS));
}

static void start_legacy(struct vcpu *v)
{
	struct ring_vcpu *own = v->ring;

	v->regs->cs = SEL_BOOT_CS32;
	v->regs->ss = SEL_BOOT_DS32;
	memset(own->gdt, 0, PAGE_SIZE);
	own->gdt_entries = 0;
	own->kept[0] = own->kept[1] = 0;
	own->ds = own->es = own->fs = own->gs = SEL_BOOT_DS32;
	v->legacy.cr0 = CR0_PE | CR0_ET | CR0_NE;
	load_root_later(v, (struct paging){ .mode = PAGING_OFF, .root = GPA(~0ull) }, false);
}

static void start(struct vcpu *v, gpa_t root)
{
	struct ring_vcpu *own = v->ring;

	ring_set_ldt(v, GVA(0), 0);
	memcpy(own->idt, idt_template, PAGE_SIZE);
	v->regs->rflags = FLAGS_ONE | FLAGS_IF;
	own->ds = own->es = own->fs = own->gs = 0;
	own->fs_base = own->gs_base = own->kernel_gs_base = 0;
	own->stepping = own->warned = false;
	if (own->translator)
		ring_translator_reset(v);
	if (v->guest->board) {
		start_legacy(v);
		return;
	}
	load_root_later(v, pv_paging(root), true);
	pv_gdt_start(v->pv_gdt);
	v->regs->cs = VENEER_KERNEL_CS;
	v->regs->ss = VENEER_KERNEL_SS;
}

/* Makes the store that unmasks trap, or no longer trap. */
static void arm_window(struct vcpu *v, bool armed)
{
	const struct patch_window *w = &v->guest->memory.window;
	struct mmu_view *view = &v->ring->view;

	v->page->irq_pending = armed;
	if (view->window_armed == armed || !w->bytes)
		return;
	view->window_armed = armed;
	if (view->root != MMU_NO_ROOT)
		mmu_flush(view, GVA(w->first + VENEER_WINDOW_UNMASK), PAGE_SIZE);
}

static bool in_iret_window(const struct vcpu *v)
{
	return search_ranges(v->guest->iret_windows, v->guest->image.rewrite.window_count,
			     sizeof(struct veneer_iret_window),
			     offsetof(struct veneer_iret_window, iret), v->regs->rip);
}

/* Rarely called; inlined, it would make the common case longer. */
static __attribute__((noinline)) bool interrupt_pending(const struct vcpu *v)
{
	return v->guest->board->interrupt_pending(v);
}

static bool deliver_legacy(struct vcpu *v)
{
	bool waits = v->interrupt_waits && interrupt_pending(v);

	/* ignore stubs that ring 3 has jumped to */
	if (waits && !v->page->irq_mask && (v->regs->cs & 3) != 3) {
		ring_recover(v);
		if (v->guest->image.prepare != PREPARE_REWRITTEN || !in_iret_window(v)) {
			ring_skip_hlt(v); /* the interrupt ends the wait */
		} else {
			if (!ring_gdt_load(v))
				return false;
			ring_iret(v);
			if (v->state != VCPU_RUNNABLE)
				return false;
		}
	}
	bool now = waits && (!v->page->irq_mask || (v->regs->cs & 3) == 3);
	arm_window(v, waits && !now);
	return !now || ring_legacy_interrupt(v, (unsigned)v->guest->board->acknowledge(v));
}

#define UNMASK_STORE_BYTES 10 /* movl $0, address */

/* Delivery follows on the way back in; in an IRET's stub, after the IRET. */
void ring_unmask_trap(struct vcpu *v)
{
	v->page->irq_mask = 0;
	v->counts[COUNT_PRIVILEGED]++;
	if (!in_iret_window(v))
		v->regs->rip += UNMASK_STORE_BYTES + (v->ring->translator != NULL); /* a prefix */
}

static bool deliver(struct vcpu *v)
{
	if (!v->guest->board) {
		if (__atomic_load_n(&v->page->events, __ATOMIC_ACQUIRE))
			ring_pv_event(v);
		return v->state == VCPU_RUNNABLE;
	}
	return deliver_legacy(v) && (!v->ring->translator || ring_translate(v));
}

static void run(struct cpu *cpu, struct vcpu *v)
{
	bool watched = v->dr7 & DR7_ENABLE;

	if (watched) { /* only now: the registers hold linear addresses of the guest, not of the
			  hypervisor */
		write_breakpoints(v->dr);
		write_dr7(v->dr7);
	}
	if (v->ring->view.mmu->quiesce) {
		__atomic_store_n(&v->ring->in_guest, true, __ATOMIC_SEQ_CST);
		enter(cpu, v);
		__atomic_store_n(&v->ring->in_guest, false, __ATOMIC_RELEASE);
	} else {
		enter(cpu, v);
	}
	v->counts[COUNT_EXITS]++;
	if (watched)
		write_dr7(DR7_FIXED);
	ring_exit(v);
}

static void start_cpu(struct cpu *cpu)
{
	if (cpu->ring)
		return;
	cpu->ring = direct(memory_need(sizeof(*cpu->ring), "the ring engine"));
}

/* The pages that are neither lent nor a root in use suffice for a fault, see
 * engine/ring/shadow/shadow.h. */
_Static_assert(MMU_POOL_MIN - MMU_POOL_MIN / MMU_LENT_SHARE >= VCPUS_MAX + MMU_PATH, "");

/* Shadow pages: MMU_POOL_MIN, and one for each MiB, or, of a legacy guest, for each two. The pool
 * bounds the hypervisor's memory for a guest, and the work of a flush of everything: a few million
 * instructions with MMU_POOL_MAX. */
static int create_guest(struct guest *g)
{
	unsigned mib = (unsigned)(ram_bytes(&g->memory) >> 20);
	unsigned pages = MIN(MMU_POOL_MIN + (g->board ? mib / 2 : mib), MMU_POOL_MAX);
	mpa_t pool = guest_take(g, pages * PAGE_SIZE);
	mpa_t own = guest_take(g, sizeof(struct mmu) + pages * sizeof(struct shadow));

	if (!pool.v || !own.v)
		return -ENOMEM;
	g->mmu = direct(own);
	mmu_init(g->mmu, &g->memory, pool, pages, (struct shadow *)(g->mmu + 1));
	return g->board ? ring_watch_tables(g) : 0;
}

/* Waits until every other vCPU that walks this guest's shadows now has stopped once. */
static void quiesce(struct mmu *m)
{
	const struct guest *g = container_of(m->memory, const struct guest, memory);

	for (unsigned i = 0; i < g->vcpus; i++) {
		struct vcpu *v = &g->vcpu[i];
		uint64_t exits = __atomic_load_n(&v->counts[COUNT_EXITS], __ATOMIC_ACQUIRE);

		if (v->cpu == this_cpu() || !__atomic_load_n(&v->ring->in_guest, __ATOMIC_SEQ_CST))
			continue;
		cpu_kick(v->cpu);
		while (__atomic_load_n(&v->ring->in_guest, __ATOMIC_SEQ_CST) &&
		       __atomic_load_n(&v->counts[COUNT_EXITS], __ATOMIC_ACQUIRE) == exits)
			cpu_relax();
	}
}

static int create_vcpu(struct vcpu *v)
{
	struct guest *g = v->guest;
	mpa_t at = guest_take(g, sizeof(*v->ring) + (g->board ? PAGE_SIZE : 0));

	if (!at.v)
		return -ENOMEM;
	v->ring = direct(at);
	v->pv_gdt = v->ring->gdt;
	v->regs = (struct regs *)(v->ring->stacks + GATE_FRAME);
	v->view = &v->ring->view.guest;
	v->ring->view.gate_pdpt = v->cpu->gate_pdpt.v;
	v->ring->view.cpu = v->cpu->id;
	if (v->cpu != g->vcpu->cpu)
		g->mmu->quiesce = quiesce;
	mmu_attach(g->mmu, &v->ring->view);
	if (g->image.prepare == PREPARE_STOCK && !ring_translator_create(v))
		return -ENOMEM;
	return 0;
}

static bool reset_part(struct guest *g, bool first)
{
	for (unsigned i = 0; first && i < g->vcpus; i++) {
		struct vcpu *v = &g->vcpu[i];

		mmu_unload(&v->ring->view);
		v->ring->ldt_entries = 0; /* its pages go with the pool */
		memset(v->ring->ldt, 0, sizeof(v->ring->ldt));
	}
	return mmu_reset_part(g->mmu, first);
}

static bool check(struct guest *g, struct table_report *r)
{
	return mmu_check(g->mmu, r);
}

static void gather(struct vcpu *v)
{
	ring_recover(v);
}

const struct engine ring_engine = {
	.name = "ring",
	.reason = "vector",
	.hypercall_bytes = 2, /* SYSCALL */
	.kernel_ring = 1,
	.start_cpu = start_cpu,
	.create_guest = create_guest,
	.create_vcpu = create_vcpu,
	.reset_part = reset_part,
	.check = check,
	.start = start,
	.load = load,
	.unload = unload,
	.deliver = deliver,
	.run = run,
	.code_bits = ring_code_bits,
	.fetch = ring_fetch,
	.gather = gather,
	.selector = ring_shown_segment,
	.segment_base = ring_segment_base,
	.segment_holds = ring_segment_holds,
	.flags = ring_flags,
	.exception = ring_exception,
	.page_fault = ring_page_fault,
	.load_entries = load_entries,
	.load_root = load_root,
	.drop_root = drop_root,
	.flush = flush,
	.work_part = work_part,
	.use_page = use_page,
	.set_ldt = ring_set_ldt,
	.set_softint = set_softint,
};
