// SPDX-License-Identifier: GPL-2.0-or-later
/* State of a guest in a virtual machine: start, address translation, injection. */
#include "engine/hvm/hvm.h"

#include "engine/hvm/gate.h"
#include "kernel/cpu.h"

int hvm_create_guest(struct guest *g)
{
	mpa_t at = guest_take(g, sizeof(*g->hvm));

	if (!at.v || !hvm_vendor->prepare())
		return -ENOMEM;
	g->hvm = direct(at);
	g->hvm->nested_root = nested_create(g);
	if (!g->hvm->nested_root.v)
		return -ENOMEM;
	return g->board ? 0 : hvm_pv_create_guest(g);
}

const struct hvm_vendor *hvm_vendor;
uint32_t hvm_asids;
const uint32_t hvm_own_msrs[HVM_OWN_MSRS] = {
	MSR_STAR,    MSR_LSTAR,	  MSR_CSTAR,	   MSR_SFMASK,	     MSR_KERNEL_GS_BASE,
	MSR_FS_BASE, MSR_GS_BASE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

/* Address-space identifiers are per CPU, from 1 up: one for each vCPU pinned to it. */
int hvm_create_vcpu(struct vcpu *v)
{
	mpa_t at = guest_take(v->guest, hvm_vendor->vcpu_bytes);
	uint32_t asid = 1;

	for (const struct vcpu *other = v->cpu->vcpus; other; other = other->next)
		asid += other->engine == v->engine;
	if (!at.v || asid >= hvm_asids)
		return -ENOMEM;
	v->hvm = direct(at);
	v->view = &v->hvm->view;
	v->view->memory = &v->guest->memory;
	v->hvm->asid = asid;
	v->hvm->nested_root = v->guest->hvm->nested_root;
	return v->guest->board ? 0 : hvm_pv_create_vcpu(v);
}

bool hvm_in_code64(const struct vcpu *v)
{
	return (v->hvm->efer & EFER_LMA) && (hvm_vendor->get_segment(v, 1).attributes & HVM_LONG);
}

unsigned hvm_code_bits(const struct vcpu *v)
{
	if (hvm_in_code64(v))
		return 64;
	return hvm_vendor->get_segment(v, 1).attributes & HVM_BIG ? 32 : 16;
}

bool hvm_in_ring0(const struct vcpu *v)
{
	return !(v->regs->cs & 3);
}

void hvm_paging(struct vcpu *v)
{
	uint64_t cr0 = hvm_vendor->get(v, HVM_CR0), cr4 = hvm_vendor->get(v, HVM_CR4);
	uint64_t root = hvm_vendor->get(v, HVM_CR3);

	v->view->paging = paging_of(cr0, GPA(root), cr4, v->hvm->efer);
	if (root == HVM_IDENTITY_ROOT)
		v->view->paging.mode = PAGING_OFF;
}

void hvm_gather(struct vcpu *v)
{
	hvm_paging(v);
	v->legacy.cr0 = hvm_vendor->get(v, HVM_CR0);
	v->page->cr2 = hvm_vendor->get(v, HVM_CR2);
	v->legacy.cr4 = hvm_vendor->get(v, HVM_CR4);
	v->legacy.gdt_base = hvm_segment_base(v, HVM_GDTR);
	v->legacy.idt_base = hvm_segment_base(v, HVM_IDTR);
}

uint16_t hvm_selector(const struct vcpu *v, unsigned seg)
{
	return hvm_vendor->get_segment(v, seg).selector;
}

uint64_t hvm_segment_base(const struct vcpu *v, unsigned seg)
{
	return hvm_vendor->get_segment(v, seg).base;
}

/* Checks that the processor makes only after the exit of a string instruction. */
bool hvm_segment_holds(const struct vcpu *v, unsigned seg, const struct span *s)
{
	const struct hvm_segment d = hvm_vendor->get_segment(v, seg);

	if (hvm_in_code64(v))
		return canonical(s->offset + (seg < 4 ? 0 : d.base));
	uint64_t rights = (d.attributes & 0xffull) << 40 | (d.attributes & 0xf00ull) << 44;
	return operand_fits(rights, d.limit, s);
}

void hvm_exception(struct vcpu *v, unsigned vector, int64_t error)
{
	v->counts[COUNT_EXCEPTION]++;
	if (!((VECTORS_WITH_ERROR >> vector) & 1))
		error = NO_ERROR;
	hvm_vendor->inject(v, HVM_EXCEPTION, vector, error);
}

void hvm_page_fault(struct vcpu *v, gva_t va, unsigned error)
{
	hvm_vendor->set(v, HVM_CR2, va.v);
	hvm_exception(v, VECTOR_PF, error);
}

/* Injects the board's interrupt if the guest can take it, else requests an exit for when it can. */
bool hvm_deliver(struct vcpu *v)
{
	if (v->hvm->gate) {
		if (__atomic_load_n(&v->page->events, __ATOMIC_ACQUIRE))
			hvm_pv_event(v);
		return v->state == VCPU_RUNNABLE;
	}
	bool waits = v->interrupt_waits && v->guest->board->interrupt_pending(v);
	bool now = waits && hvm_vendor->interruptible(v);
	int vector = now ? v->guest->board->acknowledge(v) : -1;

	hvm_vendor->request_irq_window(v, waits && !now);
	if (vector >= 0) {
		v->counts[COUNT_INJECTED]++;
		hvm_vendor->inject(v, HVM_INTERRUPT, (unsigned)vector, NO_ERROR);
	}
	return v->state == VCPU_RUNNABLE;
}

/* A PC's further vCPUs begin as a startup IPI leaves them, Intel SDM 3A, table 9-1, but for the
 * caches, which are on; 9.4.4: at the beginning of a page below 1 MiB. */
static void start_real_mode(struct vcpu *v)
{
	const struct hvm_segment code = { (uint16_t)(v->startup << 8), HVM_CODE16, 0xffff,
					  (uint64_t)v->startup << 12 };
	const struct hvm_segment data = { 0, HVM_DATA16, 0xffff, 0 };
	const struct hvm_segment table = { .limit = 0xffff };

	for (unsigned seg = 0; seg < 6; seg++)
		hvm_vendor->set_segment(v, seg, seg == 1 ? &code : &data);
	hvm_vendor->set_segment(v, HVM_GDTR, &table);
	hvm_vendor->set_segment(v, HVM_IDTR, &table);
	hvm_vendor->set(v, HVM_CR0, CR0_ET);
}

/* A PC's first vCPU begins as Multiboot 0.6.96, section 3.2, and Linux's 32-bit boot protocol say:
 * flat segments, protected mode, no paging. */
void hvm_start(struct vcpu *v, gpa_t root)
{
	if (v->hvm->gate) {
		hvm_pv_start(v, root);
		return;
	}
	const struct hvm_segment data = { LEGACY_DS, HVM_DATA32, HVM_LIMIT, 0 };
	const struct hvm_segment segments[] = {
		[0] = data,
		[1] = { LEGACY_CS, HVM_CODE32, HVM_LIMIT, 0 },
		[2 ... 5] = data,
		[HVM_TR] = { 0, HVM_TSS_BUSY, 0x67, 0 },
		[HVM_GDTR] = { .limit = LEGACY_DS + 7, .base = v->legacy.gdt_base },
		[HVM_IDTR] = { 0 },
	};

	for (unsigned seg = 0; seg < ARRAY_SIZE(segments); seg++)
		hvm_vendor->set_segment(v, seg, &segments[seg]);
	hvm_vendor->set(v, HVM_CR0, CR0_PE | CR0_ET | CR0_NE);
	hvm_vendor->set(v, HVM_CR2, 0);
	hvm_vendor->set(v, HVM_CR3, 0);
	hvm_vendor->set(v, HVM_CR4, CR4_MCE);
	hvm_vendor->set(v, HVM_EFER, 0);
	v->engine->debug_changed(v);
	v->saved.rflags = FLAGS_ONE;
	v->xcr0 = 1;
	v->hvm->code.bytes = NULL;
	if (v->id)
		start_real_mode(v);
	hvm_vendor->flush(v);
}

void hvm_load(struct vcpu *v)
{
	fpu_load(v);
	write_breakpoints(v->dr);
}

void hvm_unload(struct vcpu *v)
{
	v->dr[0] = read_dr0();
	v->dr[1] = read_dr1();
	v->dr[2] = read_dr2();
	v->dr[3] = read_dr3();
	write_dr6(DR6_FIXED); /* its bits stay, which the next guest's load checks */
	fpu_save(v);
}
