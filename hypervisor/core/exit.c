// SPDX-License-Identifier: GPL-2.0-or-later
/* Why the guest left the processor, and who sees to it. */
#include "core/exit.h"

#include "core/console.h"
#include "core/cpu.h"
#include "core/guest.h"
#include "core/hypercall.h"
#include "core/panic.h"
#include "platform/platform.h"
#include "ring/exit.h"
#include "ring/ring.h"
#include "x86/apic.h"
#include "x86/cpu.h"

static void page_fault(struct vcpu *v)
{
	gva_t va = GVA(read_cr2());
	unsigned error = (unsigned)v->regs->error;

	if (!guest_is_pv(v->guest))
		va.v = (uint32_t)va.v;
	switch (mmu_fault(&v->mmu, va, &error)) {
	case MMU_FILLED:
		v->counts[COUNT_FILL]++;
		if (v->regs->error & PF_USER) /* not for what the guest's handler touches */
			v->page->fault_busy = 0;
		break;
	case MMU_GUEST_FAULT:
		v->page->fault_busy = 1; /* its second coming is for us */
		ring_page_fault(v, va, error);
		break;
	case MMU_NO_MEMORY:
		guest_crash(v->guest, "access to address %lx, which is outside its memory", va.v);
		break;
	case MMU_UNMASK: ring_unmask_trap(v); break;
	case MMU_WINDOW: ring_exception(v, VECTOR_GP, 0); break;
	}
}

static void debug_exception(struct vcpu *v)
{
	v->dr6 = (read_dr6() & DR6_STATUS) | DR6_FIXED;
	write_dr6(DR6_FIXED);
	if (v->stepping)
		v->counts[COUNT_STEP]++;
	else
		ring_exception(v, VECTOR_DB, NO_ERROR);
}

void exit_interrupt(unsigned vector)
{
	switch (vector) {
	case VECTOR_CONSOLE: console_interrupt(); break;
	case VECTOR_TIMER:
	case VECTOR_KICK: this_cpu()->attention = true; break;
	default: break; /* spurious, or a device left on by the firmware */
	}
	if (vector != VECTOR_SPURIOUS)
		apic_eoi();
}

void exit_handle(struct vcpu *v)
{
	unsigned vector = (unsigned)v->regs->vector;

	if (vector == EXIT_HYPERCALL) { /* the two that matter for speed */
		hypercall(v);
		return;
	}
	if (vector == VECTOR_PF) {
		page_fault(v);
		return;
	}
	switch (vector) {
	case VECTOR_TS:
	case VECTOR_NP:
	case VECTOR_SS:
	case VECTOR_GP: ring_emulate(v); break;
	case VECTOR_DB: debug_exception(v); break;
	case VECTOR_BP:
	case VECTOR_OF: ring_soft_interrupt(v, vector, 0); break;
	case VECTOR_UD:
		if (ring_is_pending_return(v))
			break;
		ring_undo_syscall(v);
		ring_exception(v, VECTOR_UD, NO_ERROR);
		break;
	case EXIT_BAD_FRAME:
		guest_crash(v->guest, "return to a frame the processor refuses");
		break;
	default:
		if (vector < 32) {
			ring_exception(v, vector, (int64_t)v->regs->error);
		} else {
			v->counts[COUNT_INTERRUPT]++;
			exit_interrupt(vector);
		}
	}
}

#define KICK_COST_NS 2000 /* of a vCPU's share, for an event from another CPU */

void exit_requests(struct vcpu *v)
{
	uint32_t r = __atomic_exchange_n(&v->requests, 0, __ATOMIC_ACQUIRE);

	if (r & REQUEST_PARK)
		vcpu_park(v);
	if (r & REQUEST_LOAD) {
		if (guest_zero(v->guest))
			guest_load(v->guest);
		else
			vcpu_request(v, REQUEST_LOAD);
	}
	if (r & REQUEST_START)
		ring_start_vcpu(v);
	if (r & REQUEST_RESET) {
		console_guest_notice(v->guest, "reset");
		guest_restart(v->guest);
	}
	if ((r & REQUEST_STOP) && !v->guest->ended)
		guest_end(v->guest, 0, "stopped from the monitor");
	if ((r & REQUEST_PAUSE) && v->state != VCPU_STOPPED)
		v->state = VCPU_PAUSED;
	if ((r & REQUEST_RESUME) && v->state == VCPU_PAUSED) {
		v->state = VCPU_RUNNABLE;
		vcpu_wake(v);
	}
	if (r & REQUEST_EVENT) {
		v->budget -= (int64_t)tsc_from_ns(KICK_COST_NS);
		vcpu_wake(v);
	}
	if (r & REQUEST_VIRTIO)
		virtio_kick(&v->guest->device[0]);
	if (r & REQUEST_INPUT) {
		if (guest_is_pv(v->guest)) {
			vcpu_event(v, VENEER_EVENT_CONSOLE);
			virtio_kick(&v->guest->device[0]);
		} else {
			platform_input(v->guest->platform);
		}
	}
}

/* Called by gate.S for traps in ring 0: interrupts in the idle loop, or our own mistakes. */
void ring0_trap(struct regs *r);
void ring0_trap(struct regs *r)
{
	if (r->vector >= 32)
		exit_interrupt((unsigned)r->vector);
	else
		panic("exception %u, error %lx, at %lx, address %lx, stack %lx",
		      (unsigned)r->vector, r->error, r->rip, read_cr2(), r->rsp);
}

/* MCG_STATUS.RIPV: the interrupted code can go on (SDM 3B, 15.3.1.2). */
#define MCG_STATUS_RIPV 1

#define MC_BANKS	32

/* MCG_STATUS is cleared before anything slow: a second check while it is set stops the processor.
 */
static void machine_check(void)
{
	unsigned banks = MIN(rdmsr(MSR_MCG_CAP) & 0xff, MC_BANKS);
	bool fatal = !(rdmsr(MSR_MCG_STATUS) & MCG_STATUS_RIPV);
	uint64_t status[MC_BANKS];

	for (unsigned i = 0; i < banks; i++) {
		status[i] = rdmsr(MSR_MC0_STATUS + 4 * i);
		if (status[i] >> 63)
			wrmsr(MSR_MC0_STATUS + 4 * i, 0);
	}
	wrmsr(MSR_MCG_STATUS, 0);
	for (unsigned i = 0; i < banks; i++) {
		if (!(status[i] >> 63))
			continue;
		fatal |= (status[i] >> 57) & 1; /* processor context corrupt */
		console_print_unlocked("machine check: bank %u status %lx", i, status[i]);
	}
	if (fatal)
		panic("machine check that cannot be survived");
}

/* Called by gate.S on the abort stack. */
void ring0_abort(struct regs *r);
void ring0_abort(struct regs *r)
{
	if (r->vector == VECTOR_MC)
		machine_check();
	else
		panic("double fault at %lx, stack %lx, address %lx", r->rip, r->rsp, read_cr2());
}
