// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Event logic: what engine/ring/inject.c pushes on a guest's stack, and when it waits. One guest
 * with its memory in an array; the test looks at the registers that the processor would load.
 */
#include <stdarg.h>

#include "arch/descriptor.h"
#include "engine/ring/ring.h"
#include "guest/guest.h"
#include "kernel/cpu.h"
#include "kernel/gate.h"
#include "kernel/memory.h"
#include "tap.h"

#define MEMORY_AT    MIB(2)
#define MEMORY	     MIB(4)
#define VCPU_PAGE_AT MIB(8)
#define STACK	     0x10000ull
#define KERNEL_STACK 0x20000ull
#define HANDLER	     0x300000ull

char *host_memory;
static struct guest guest;
static struct vcpu vcpu, *const v = &vcpu;
static struct regs regs;
static char crashed[200];
static struct ring_vcpu ring;
static struct mmu mmu;
static const struct board pc;

const uint64_t gate_entry_points[GATE_PLACES] = {
	[GATE_RETURN] = 0xffff800000030f20,	    [GATE_RETURN_IRET] = 0xffff800000030f30,
	[GATE_RETURN_PENDING] = 0xffff800000030f3c, [GATE_RETURN_END] = 0xffff800000030f40,
	[GATE_NO_SYSCALL] = 0xffff800000030f60,	    [GATE_NO_SYSCALL32] = 0xffff800000030f62,
};

void guest_crash(struct guest *g, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(crashed, sizeof(crashed), fmt, args);
	va_end(args);
	g->vcpu->state = VCPU_STOPPED;
}

static void *at(uint64_t gpa)
{
	return host_memory + MEMORY_AT + gpa;
}

static void fresh(const struct board *board, uint64_t cs, uint64_t rsp)
{
	memset(&guest, 0, sizeof(guest));
	memset(&vcpu, 0, sizeof(vcpu));
	guest.vcpu = v;
	memset(at(0), 0, MEMORY);
	memset(host_memory + VCPU_PAGE_AT, 0, PAGE_SIZE);
	guest.board = board;
	guest_memory_init(&guest.memory, MPA(MEMORY_AT), MEMORY, MPA(VCPU_PAGE_AT), PAGE_SIZE);
	v->guest = &guest;
	v->regs = &regs;
	v->page = (void *)(host_memory + VCPU_PAGE_AT);
	v->page->kernel_sp = KERNEL_STACK;
	memset(&ring, 0, sizeof(ring));
	v->ring = &ring;
	mmu = (struct mmu){ .memory = &guest.memory };
	mmu_attach(&mmu, &ring.view);
	v->view = &ring.view.guest;
	regs = (struct regs){
		.rip = 0x123456, .cs = cs, .rsp = rsp, .ss = cs + 8, .rflags = 0x246
	};
	crashed[0] = 0;
}

static bool frame64(uint64_t sp, const uint64_t *want, unsigned n)
{
	return regs.rsp == sp && !memcmp(at(sp), want, 8 * n);
}

static void pv_events(void)
{
	fresh(NULL, VENEER_KERNEL_CS, STACK + 8);
	v->handlers.event = HANDLER;
	v->page->irq_mask = VENEER_IRQ_MASKED;
	ring_pv_event(v);
	ok(regs.rip == 0x123456 && v->page->irq_pending, "PV: masked, an event waits and says so");
	v->page->irq_mask = 0;
	ring_pv_event(v);
	uint64_t want[] = { 0x123456, VENEER_KERNEL_CS, 0x246, STACK + 8, VENEER_KERNEL_CS + 8 };
	ok(frame64(STACK - 40, want, 5) && regs.rip == HANDLER,
	   "PV: unmasked, it pushes a frame, aligned");
	ok(v->page->irq_mask == VENEER_IRQ_MASKED && !v->page->irq_pending, "PV: it masks");
	ok(regs.rflags == 0x202 && regs.cs == VENEER_KERNEL_CS,
	   "PV: the handler starts with clean flags");

	fresh(NULL, VENEER_USER_CS, 0x7777);
	v->handlers.event = HANDLER;
	v->page->irq_mask = VENEER_IRQ_MASKED;
	ring_pv_event(v);
	ok(regs.rsp == KERNEL_STACK - 40 && ((uint64_t *)at(regs.rsp))[2] & 0x200,
	   "PV: from ring 3 it comes whatever the mask, on kernel_sp, with IF in the frame");

	fresh(NULL, VENEER_KERNEL_CS, STACK);
	v->handlers.event = HANDLER;
	v->handlers.window_start = 0x123450;
	v->handlers.window_end = 0x123457;
	ring_pv_event(v);
	ok(regs.rip == HANDLER && regs.rsp == STACK && v->page->irq_mask,
	   "PV: in the window, no new frame");
	fresh(NULL, VENEER_KERNEL_CS, STACK);
	v->handlers.event = HANDLER;
	v->handlers.window_start = 0x123450;
	v->handlers.window_end = 0x123456;
	ring_pv_event(v);
	is(regs.rsp, STACK - 40, "PV: the window's end is outside it");

	fresh(NULL, VENEER_KERNEL_CS, VENEER_ENTRY_STACK_TOP - 40);
	v->handlers.event = HANDLER;
	ring_pv_event(v);
	ok(regs.rip == 0x123456 && v->page->irq_pending, "PV: on the entry stack it waits");
	fresh(NULL, VENEER_KERNEL_CS, GATE_STACKS + 0x800);
	v->handlers.event = HANDLER;
	ring_pv_event(v);
	ok(crashed[0] && v->state == VCPU_STOPPED, "PV: a stack in the gate ends the guest");
	fresh(NULL, VENEER_KERNEL_CS, 16);
	v->handlers.event = HANDLER;
	ring_pv_event(v);
	ok(crashed[0], "PV: a stack that wraps ends the guest");
	fresh(NULL, VENEER_KERNEL_CS, 0x800);
	v->handlers.event = HANDLER;
	ring_pv_event(v);
	ok(frame64(0x800 - 40, (const uint64_t[]){ 0x123456, VENEER_KERNEL_CS }, 2),
	   "PV: a first event on a stack in page 0");
}

static void pv_exceptions(void)
{
	fresh(NULL, VENEER_KERNEL_CS, STACK);
	v->handlers.exception[VECTOR_PF] = HANDLER;
	ring_page_fault(v, GVA(0xdead000), PF_WRITE);
	uint64_t want[] = {
		PF_WRITE, 0x123456, VENEER_KERNEL_CS, 0x246, STACK, VENEER_KERNEL_CS + 8
	};
	ok(frame64(STACK - 48, want, 6) && v->page->cr2 == 0xdead000,
	   "PV: a page fault with its error code");
	fresh(NULL, VENEER_KERNEL_CS, STACK);
	v->handlers.exception[VECTOR_DE] = HANDLER;
	v->page->irq_mask = VENEER_IRQ_MASKED;
	ring_exception(v, VECTOR_DE, 77);
	ok(regs.rsp == STACK - 40 && !(((uint64_t *)at(regs.rsp))[2] & 0x200),
	   "PV: one without, and IF in the frame is the mask of before");
	fresh(NULL, VENEER_KERNEL_CS, STACK);
	v->handlers.exception[VECTOR_DB] = HANDLER;
	ring_debug(v);
	ok(regs.rip == HANDLER && regs.rsp == STACK - 40, "PV: a #DB");
	fresh(NULL, VENEER_KERNEL_CS, VENEER_ENTRY_STACK_TOP - 40);
	v->handlers.exception[VECTOR_DB] = HANDLER;
	ring_debug(v);
	ok(regs.rip == 0x123456 && (regs.rflags & FLAGS_RF) && !crashed[0],
	   "PV: no #DB at a handler's first instruction, from the MOV SS before the INT n");
	fresh(NULL, VENEER_KERNEL_CS, STACK);
	ring_exception(v, VECTOR_UD, NO_ERROR);
	ok(crashed[0], "PV: no handler ends the guest");
	fresh(NULL, VENEER_USER_CS, STACK);
	v->handlers.exception[VECTOR_GP] = HANDLER;
	ring_soft_interrupt(v, 0x90, 2);
	ok(((uint64_t *)at(regs.rsp))[0] == (0x90 << 3 | 2) &&
		   ((uint64_t *)at(regs.rsp))[1] == 0x123456,
	   "PV: INT n with no gate is #GP that names it, at the instruction");
}

#define IDT 0x1000
#define TSS 0x2000

static void set_gate(unsigned vector, unsigned type, unsigned dpl)
{
	uint64_t g = (HANDLER & 0xffff) | 0x08 << 16 | (uint64_t)(0x80 | dpl << 5 | type) << 40 |
		     (HANDLER >> 16) << 48;

	memcpy(at(IDT + 8 * vector), &g, 8);
}

static void fresh_legacy(uint64_t cs, uint64_t rsp)
{
	uint32_t esp0 = KERNEL_STACK, ss0 = 0x10;

	fresh(&pc, cs, rsp);
	v->legacy.idt_base = IDT;
	v->legacy.idt_limit = 0x7ff;
	v->legacy.tr_base = TSS;
	v->legacy.tr_limit = 103;
	memcpy(at(TSS + 4), &esp0, 4);
	memcpy(at(TSS + 8), &ss0, 4);
	set_gate(0x20, DESC_TYPE_INTERRUPT, 0);
	set_gate(0x21, DESC_TYPE_TRAP, 0);
	set_gate(0x80, DESC_TYPE_INTERRUPT, 3);
	set_gate(VECTOR_GP, DESC_TYPE_INTERRUPT, 0);
}

static bool frame32(uint64_t sp, const uint32_t *want, unsigned n)
{
	return regs.rsp == sp && !memcmp(at(sp), want, 4 * n);
}

static void legacy(void)
{
	fresh_legacy(0x09, STACK);
	ok(ring_legacy_interrupt(v, 0x20), "legacy: an interrupt");
	uint32_t want[] = { 0x123456, 0x08, 0x246 };
	ok(frame32(STACK - 12, want, 3) && regs.rip == HANDLER && regs.cs == 0x09,
	   "legacy: the frame shows ring 0, the handler runs in ring 1");
	is(v->page->irq_mask, VENEER_IRQ_MASKED, "legacy: an interrupt gate masks");
	fresh_legacy(0x09, STACK);
	ring_legacy_interrupt(v, 0x21);
	ok(!v->page->irq_mask, "legacy: a trap gate does not");
	fresh_legacy(0x1b, 0x7000);
	regs.ss = 0x23;
	ring_legacy_interrupt(v, 0x20);
	uint32_t user[] = { 0x123456, 0x1b, 0x246, 0x7000, 0x23 };
	ok(frame32(KERNEL_STACK - 20, user, 5) && regs.ss == 0x11,
	   "legacy: from ring 3, on the TSS's stack");
	fresh_legacy(0x1b, 0x7000);
	ring_soft_interrupt(v, 0x80, 2);
	ok(regs.rip == HANDLER && *(uint32_t *)at(regs.rsp) == 0x123458,
	   "legacy: INT 0x80 goes on behind itself");
	fresh_legacy(0x1b, 0x7000);
	ring_soft_interrupt(v, 0x20, 2);
	ok(*(uint32_t *)at(regs.rsp) == (0x20 << 3 | 2) &&
		   ((uint32_t *)at(regs.rsp))[1] == 0x123456,
	   "legacy: INT to a kernel's gate from ring 3 is #GP at itself");
	fresh_legacy(0x09, STACK);
	ok(!ring_legacy_interrupt(v, 0x30) && crashed[0], "legacy: no gate ends the guest");
	fresh_legacy(0x09, STACK);
	v->legacy.idt_limit = 0x20 * 8 + 6;
	ok(!ring_legacy_interrupt(v, 0x20), "legacy: a gate beyond the limit ends the guest");
	fresh_legacy(0x1b, STACK);
	v->legacy.tr_limit = 8;
	ok(!ring_legacy_interrupt(v, 0x20) && crashed[0],
	   "legacy: a TSS without a stack ends the guest");
}

static void flags(void)
{
	fresh_legacy(0x09, STACK);
	ring_set_flags(v, 0x3ed7 | FLAGS_VIP | FLAGS_VM);
	ok(!v->page->irq_mask && !(regs.rflags & (FLAGS_IOPL | FLAGS_VM | FLAGS_VIP)) &&
		   (regs.rflags & FLAGS_IF),
	   "flags: IF unmasks; IOPL, VM and VIP never get through");
	ring_set_flags(v, 0x2);
	ok(v->page->irq_mask && (regs.rflags & FLAGS_IF) && !(ring_flags(v) & FLAGS_IF),
	   "flags: without IF it masks, and the real IF stays");
	ring.stepping = true;
	regs.rflags |= FLAGS_TF;
	ok(!(ring_flags(v) & FLAGS_TF), "flags: our TF is not shown");
}

/* Ring 0 loads struct regs with IRETQ: whatever a guest wrote, they must not lead to ring 0, keep
 * interrupts off, or grant access to ports. */
static bool sound(void)
{
	return ((regs.cs & 3) == 3 || regs.cs == VENEER_KERNEL_CS) &&
	       (regs.rflags & (FLAGS_IF | FLAGS_IOPL | FLAGS_VM)) == FLAGS_IF;
}

/* Even if there is no handler for the exception, and guest_crash did not stop the vCPU. */
static void unsound_frames(void)
{
	static const uint64_t selectors[] = {
		SEL_HV_CS, 0, 1, 2, SEL_HV_CS | 1, SEL_HV_CS | 2, VENEER_KERNEL_CS, VENEER_USER_CS
	};
	unsigned bad = 0;

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(selectors); i++) {
		uint64_t cs = selectors[i / 2], flags = i & 1 ? 0x23002 : 2;
		const uint64_t frame[] = { 0x200000, cs, flags, STACK, SEL_HV_CS + 8 };

		fresh(NULL, VENEER_KERNEL_CS, STACK);
		memcpy(at(STACK), frame, sizeof(frame));
		regs.rip = gate_entry_points[GATE_RETURN_IRET];
		ring_exception(v, VECTOR_GP, (int64_t)(cs & ~3ull));
		bad += !sound() || !crashed[0];

		fresh(NULL, VENEER_KERNEL_CS, STACK);
		memcpy(at(STACK), frame, sizeof(frame));
		regs.rip = gate_entry_points[GATE_RETURN_PENDING];
		v->handlers.event = HANDLER;
		v->page->kernel_sp = 16; /* no stack for the event */
		ring_pv_event(v);
		bad += !sound();
	}
	is(bad, 0, "PV: a frame at the gate's return cannot load ring-0 selectors or flags");
	for (unsigned i = 0; i < 2; i++) {
		fresh(NULL, VENEER_KERNEL_CS, STACK);
		regs.rip = gate_entry_points[i ? GATE_NO_SYSCALL32 : GATE_NO_SYSCALL];
		regs.r11 = 0x23002;
		ring_invalid_opcode(v);
		ok(sound() && crashed[0],
		   "PV: R11 at a SYSCALL without a handler cannot load ring-0 flags");
	}
}

int main(void)
{
	if (posix_memalign((void **)&host_memory, LARGE_SIZE, MIB(10)))
		return 1;
	pv_events();
	pv_exceptions();
	unsound_frames();
	legacy();
	flags();
	free(host_memory);
	return done_testing();
}
