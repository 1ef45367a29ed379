// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A PV guest in a virtual machine. Its kernel runs in ring 0; the gate area in its address space
 * (gate.h) does what the hypervisor does in ring 0 under the ring engine. The processor walks the
 * guest's page tables: there are no shadows. One entry maps the gate area, slot 256 of each root,
 * which is written into the guest's root when it is first loaded.
 */
#include "engine/hvm/hvm.h"

#include "arch/descriptor.h"
#include "engine/hvm/gate.h"
#include "kernel/cpu.h"
#include "lib/string.h"

#define TABLE (PTE_P | PTE_W | PTE_A)
#define LEAF  (PTE_P | PTE_W | PTE_A | PTE_D)

static gpa_t gate_gpa(uint64_t va)
{
	return GPA(HVM_GATE_PAGES + (va - GATE_BASE));
}

/* Allocates a page of the hypervisor for the guest; NULL: out of memory. */
static void *new_page(struct guest *g, mpa_t root, gpa_t at, bool writable)
{
	mpa_t page = guest_take(g, PAGE_SIZE);

	return nested_map(g, root, at, page, writable) ? direct(page) : NULL;
}

/* One of tables that the guest's processor walks. */
static uint64_t *table_page(struct guest *g, uint64_t at)
{
	return new_page(g, g->hvm->nested_root, GPA(at), true);
}

/* Guest-virtual = guest-physical for all memory, in pages of 2 MiB. */
static bool create_identity(struct guest *g)
{
	uint64_t *root = table_page(g, HVM_IDENTITY_ROOT);
	uint64_t *pdpt = table_page(g, HVM_IDENTITY_PDPT);
	uint64_t end = guest_memory_end(&g->memory);

	if (!root || !pdpt)
		return false;
	root[0] = HVM_IDENTITY_PDPT | TABLE;
	root[GATE_SLOT] = HVM_GATE_PDPT | TABLE;
	for (unsigned gib = 0; (uint64_t)gib << 30 < end; gib++) {
		uint64_t at = HVM_IDENTITY_PD + gib * PAGE_SIZE;
		uint64_t *pd = table_page(g, at);

		if (!pd)
			return false;
		pdpt[gib] = at | TABLE;
		for (uint64_t i = 0; i < PT_ENTRIES; i++)
			pd[i] = ((uint64_t)gib << 30 | i * LARGE_SIZE) | LEAF | PTE_PS;
	}
	return true;
}

static uint64_t page_rights(uint64_t va)
{
	uint64_t rights = va == GATE_HYPERCALL ? LEAF : LEAF | PTE_NX;

	return va == GATE_VCPU_PAGE ? rights : rights & ~PTE_W;
}

/* The identity map, and the gate area in the guest's tables: the same for all its vCPUs. The
 * kernel's own segments are next to the guest's descriptor table. */
int hvm_pv_create_guest(struct guest *g)
{
	uint64_t *pdpt = table_page(g, HVM_GATE_PDPT);
	uint64_t *pd = table_page(g, HVM_GATE_PD);
	uint64_t *pt = table_page(g, HVM_GATE_PT);
	uint64_t *gdt = new_page(g, g->hvm->nested_root, gate_gpa(GATE_GDT + PAGE_SIZE), false);
	static const uint64_t pages[] = { GATE_IDT,  GATE_GDT,	     GATE_GDT + PAGE_SIZE,
					  GATE_DATA, GATE_VCPU_PAGE, GATE_HYPERCALL };

	if (!create_identity(g) || !pdpt || !pd || !pt || !gdt)
		return -ENOMEM;
	gdt[(HVM_KERNEL_CS & 0xfff) / 8] = DESC_CODE64(0);
	gdt[(HVM_KERNEL_SS & 0xfff) / 8] = DESC_DATA(0);
	pdpt[0] = HVM_GATE_PD | TABLE;
	pd[0] = HVM_GATE_PT | TABLE;
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++)
		pt[pt_index(pages[i], 1)] = gate_gpa(pages[i]).v | page_rights(pages[i]);
	for (uint64_t at = 0; at < LINKER_VALUE(hvm_gate_bytes); at += PAGE_SIZE) {
		uint64_t va = HVM_GATE_TEXT + at;

		pt[pt_index(va, 1)] = gate_gpa(va).v | (LEAF & ~PTE_W);
		if (!nested_map(g, g->hvm->nested_root, gate_gpa(va),
				MPA(LINKER_VALUE(hvm_gate_phys) + at), false))
			return -ENOMEM;
	}
	mpa_t calls = MPA(LINKER_VALUE(hvm_hypercall_phys));
	return nested_map(g, g->hvm->nested_root, gate_gpa(GATE_HYPERCALL), calls, false) ? 0
											  : -ENOMEM;
}

/* Each vCPU has its own IDT, GDT, entries and vCPU page at the same places, so its own tables for
 * that part of guest-physical memory: the lowest-level one is copied, and the path to it. */
int hvm_pv_create_vcpu(struct vcpu *v)
{
	struct guest *g = v->guest;
	mpa_t root = nested_copy_path(g, g->hvm->nested_root, gate_gpa(GATE_BASE));

	if (!root.v)
		return -ENOMEM;
	v->hvm->nested_root = root;
	v->hvm->idt = new_page(g, root, gate_gpa(GATE_IDT), false);
	v->pv_gdt = new_page(g, root, gate_gpa(GATE_GDT), false);
	v->hvm->gate = new_page(g, root, gate_gpa(GATE_DATA), false);
	bool mapped = nested_map(g, root, gate_gpa(GATE_VCPU_PAGE), direct_mpa(v->own_page), true);
	return v->hvm->idt && v->pv_gdt && v->hvm->gate && mapped ? 0 : -ENOMEM;
}

/* --- what the guest sets --- */

static void fill_idt(struct vcpu *v)
{
	memset(v->hvm->idt, 0, PAGE_SIZE);
	for (unsigned i = 0; i < 32; i++)
		v->hvm->idt[i] = gate_to(hvm_gate_places[HVM_GATE_VECTORS] + i * HVM_VECTOR_BYTES,
					 HVM_KERNEL_CS, i == VECTOR_BP || i == VECTOR_OF ? 3 : 0,
					 DESC_TYPE_TRAP);
	v->hvm->idt[VECTOR_DF].ist = 2;
}

void hvm_set_softint(struct vcpu *v, unsigned vector, uint64_t at, unsigned dpl)
{
	uint64_t stub = hvm_gate_places[HVM_GATE_SOFTINTS] + (vector - 32) * HVM_SOFTINT_BYTES;

	v->hvm->gate->softint[vector] = at;
	v->hvm->idt[vector] =
		at ? gate_to(stub, HVM_KERNEL_CS, dpl, DESC_TYPE_TRAP) : (struct gate64){ 0 };
}

void hvm_load_entries(struct vcpu *v)
{
	struct hvm_gate_data *d = v->hvm->gate;
	uint64_t efer = v->hvm->efer & ~(uint64_t)EFER_SCE;

	memcpy(d->exception, v->handlers.exception, sizeof(d->exception));
	d->exception[HVM_EVENT_VECTOR] = v->handlers.event;
	d->syscall = v->handlers.syscall;
	d->syscall32 = v->syscall32_entry;
	d->sysenter = v->sysenter_entry;
	hvm_vendor->set(v, HVM_EFER, v->handlers.syscall ? efer | EFER_SCE : efer);
	hvm_vendor->load_entries(v);
}

uint32_t hvm_exception_bitmap(const struct vcpu *v)
{
	uint32_t exceptions = hvm_exceptions(v) | (v->io_bitmap ? BIT(VECTOR_GP) : 0);

	for (unsigned i = 0; i < 32; i++)
		if (!v->handlers.exception[i] && i != VECTOR_NMI)
			exceptions |= BIT(i);
	return exceptions;
}

/* Maps the gate area in the guest's root; after that the gate loads this root without an exit. */
void hvm_load_root(struct vcpu *v, gpa_t root, UNUSED bool flush)
{
	struct hvm_gate_data *d = v->hvm->gate;
	uint64_t *table = guest_pointer(v->view->memory, root, PAGE_SIZE);

	if (table) {
		table[GATE_SLOT] = HVM_GATE_PDPT | TABLE;
		d->root[root.v >> PAGE_SHIFT & (HVM_ROOTS - 1)] = root.v;
	}
	hvm_vendor->set(v, HVM_CR3, table ? root.v : HVM_IDENTITY_ROOT);
	hvm_vendor->flush(v);
}

bool hvm_drop_root(struct vcpu *v, gpa_t root)
{
	struct guest *g = v->guest;

	for (unsigned i = 0; i < g->vcpus; i++) {
		uint64_t *known =
			&g->vcpu[i].hvm->gate->root[root.v >> PAGE_SHIFT & (HVM_ROOTS - 1)];

		if (*known == root.v)
			__atomic_store_n(known, 0, __ATOMIC_RELAXED);
	}
	return true;
}

void hvm_flush(struct vcpu *v, UNUSED gva_t va, UNUSED uint64_t bytes)
{
	hvm_vendor->flush(v);
}

#define TSS_AT(field)  (HVM_TSS + offsetof(struct tss64, field))
#define PAGE_AT(field) (VENEER_VCPU_PAGE + offsetof(struct veneer_vcpu_page, field))
_Static_assert(TSS_AT(rsp[0]) == PAGE_AT(kernel_sp), "RSP0");
_Static_assert(TSS_AT(ist[1]) == PAGE_AT(reserved), "IST 2");
_Static_assert(TSS_AT(io_bitmap) == PAGE_AT(fault) + 2, "I/O bitmap");

/* What else of the task state segment lies in the vCPU page: its I/O bitmap starts beyond the
 * limit, and IST 2 is half way down the entry stack. */
void hvm_use_page(struct vcpu *v, struct veneer_vcpu_page *page)
{
	page->fault[0] = ~0ull;
	page->reserved = VENEER_ENTRY_STACK_TOP - sizeof(page->entry_stack) / 2;
	nested_map(v->guest, v->hvm->nested_root, gate_gpa(GATE_VCPU_PAGE), direct_mpa(page), true);
	hvm_vendor->flush(v);
}

/* The processor reads the guest's own table. */
int hvm_set_ldt(struct vcpu *v, gva_t at, uint64_t entries)
{
	struct hvm_segment ldt = { 0 };

	/* each of its pages */
	for (uint64_t i = 0; i < 8 * entries; i += PAGE_SIZE - ((at.v + i) & ~PAGE_MASK))
		if (!guest_page(v->view, GVA(at.v + i), 0))
			return -EFAULT;
	if (entries)
		ldt = (struct hvm_segment){ SEL_LDT, HVM_LDT, (uint32_t)entries * 8 - 1, at.v };
	hvm_vendor->set_segment(v, HVM_LDTR, &ldt);
	return 0;
}

/* --- starting --- */

#define KERNEL_CR0 (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)

static void start_segments(struct vcpu *v)
{
	const struct hvm_segment segments[] = {
		[1] = { HVM_KERNEL_CS, HVM_CODE64, HVM_LIMIT, 0 },
		[2] = { HVM_KERNEL_SS, HVM_DATA32, HVM_LIMIT, 0 },
		[HVM_TR] = { SEL_TSS, HVM_TSS_BUSY, sizeof(struct tss64) - 1, HVM_TSS },
		[HVM_GDTR] = { 0, 0, GDT_LIMIT, GATE_GDT },
		[HVM_IDTR] = { 0, 0, PAGE_SIZE - 1, GATE_IDT },
	};

	for (unsigned seg = 0; seg < ARRAY_SIZE(segments); seg++)
		hvm_vendor->set_segment(v, seg, &segments[seg]);
}

void hvm_pv_start(struct vcpu *v, gpa_t root)
{
	pv_gdt_start(v->pv_gdt);
	fill_idt(v);
	memset(v->hvm->gate, 0, PAGE_SIZE);
	start_segments(v);
	hvm_vendor->set(v, HVM_CR0, KERNEL_CR0);
	hvm_vendor->set(v, HVM_CR4, read_cr4());
	hvm_vendor->set(v, HVM_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	hvm_load_root(v, root, true);
	hvm_load_entries(v);
	hvm_use_page(v, v->page);
	v->engine->debug_changed(v);
	v->saved.cs = HVM_KERNEL_CS;
	v->saved.ss = HVM_KERNEL_SS;
	v->saved.rflags = FLAGS_ONE | FLAGS_IF;
}

/* --- the instruction that exits --- */

extern const uint64_t hvm_calls[], hvm_calls_end[];

void hvm_pv_use_vmcall(void)
{
	static const uint8_t vmcall[] = { 0x0f, 0x01, 0xc1 };

	for (const uint64_t *at = hvm_calls; at < hvm_calls_end; at++) {
		bool text = *at >= HVM_GATE_TEXT;
		uint64_t page =
			text ? LINKER_VALUE(hvm_gate_phys) : LINKER_VALUE(hvm_hypercall_phys);

		memcpy(direct(MPA(page + *at - (text ? HVM_GATE_TEXT : GATE_HYPERCALL))), vmcall,
		       sizeof(vmcall));
	}
}

/* --- events --- */

static bool in_gate(uint64_t rip)
{
	return rip - HVM_GATE_TEXT < LINKER_VALUE(hvm_gate_bytes);
}

bool hvm_pv_in_gate(uint64_t rip)
{
	return in_gate(rip) || rip - GATE_HYPERCALL < PAGE_SIZE;
}

/* In the gate's return sequence with events unmasked: restart it, and it finds irq_pending set. */
static bool restart_return(struct regs *r)
{
	if (r->rip < hvm_gate_places[HVM_GATE_RETURN] ||
	    r->rip > hvm_gate_places[HVM_GATE_RETURN_WAITS])
		return false;
	r->rip = hvm_gate_places[HVM_GATE_RETURN];
	return true;
}

void hvm_pv_event(struct vcpu *v)
{
	const struct veneer_handlers *h = &v->handlers;
	struct regs *r = v->regs;
	bool kernel = (r->cs & 3) != 3;

	if (!h->event || hvm_vendor->has_event(v) ||
	    (kernel && (v->page->irq_mask || in_gate(r->rip) || on_entry_stack(r->rsp) ||
			restart_return(r)))) {
		v->page->irq_pending = 1;
		return;
	}
	v->page->irq_pending = 0;
	v->counts[COUNT_INJECTED]++;
	if (kernel && r->rip >= h->window_start && r->rip < h->window_end) {
		r->rip = h->event;
		v->page->irq_mask = VENEER_IRQ_MASKED;
	} else {
		r->rflags |= FLAGS_IF; /* injection wants it, and nothing else looks at it */
		hvm_vendor->inject(v, HVM_INTERRUPT, HVM_EVENT_VECTOR, NO_ERROR);
	}
}

/* The instruction that is decoded here is the one that is checked and executed. If the code was
 * changed after the #GP, ring 3 still only gets a port that it is allowed to use. */
bool hvm_pv_port(struct vcpu *v)
{
	struct insn i;

	if ((v->regs->cs & 3) != 3 || !hvm_decode(v, &i) || !port_io_is(i.op) ||
	    !port_io_permitted(v, &i))
		return false;
	if (port_io(v, &i) == DONE)
		hvm_skip(v, i.length);
	return true;
}
