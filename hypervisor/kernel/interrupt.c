// SPDX-License-Identifier: GPL-2.0-or-later
/* Physical interrupts, and exceptions in ring 0. */
#include "kernel/cpu.h"

#include "arch/cpu.h"
#include "kernel/apic.h"
#include "kernel/console.h"
#include "kernel/memory.h"
#include "lib/panic.h"

static void kick_interrupt(void)
{
	sched_interrupt(this_cpu());
	this_cpu()->attention = true;
}

/* It may have come before its time. */
static void timer_interrupt(void)
{
	this_cpu()->timer_changed = true;
	kick_interrupt();
}

static void (*handlers[256 - VECTOR_MACHINE_FIRST])(void) = {
	[VECTOR_KICK - VECTOR_MACHINE_FIRST] = kick_interrupt,
	[VECTOR_TIMER - VECTOR_MACHINE_FIRST] = timer_interrupt,
};

void interrupt_register(unsigned vector, void (*handler)(void))
{
	assert(vector >= VECTOR_MACHINE_FIRST && !handlers[vector - VECTOR_MACHINE_FIRST]);
	handlers[vector - VECTOR_MACHINE_FIRST] = handler;
}

/* Each vector without a handler is reported once: a device may send it again and again. */
static void unknown_interrupt(unsigned vector)
{
	static bool reported[256];

	if (!__atomic_exchange_n(&reported[vector & 0xff], true, __ATOMIC_RELAXED))
		console_print("CPU %u: interrupt %u has no handler: a device was left enabled",
			      this_cpu()->id, vector);
}

void interrupt_handle(unsigned vector)
{
	void (*handler)(void) =
		vector < VECTOR_MACHINE_FIRST ? NULL : handlers[vector - VECTOR_MACHINE_FIRST];

	if (handler)
		handler();
	else if (vector != VECTOR_SPURIOUS)
		unknown_interrupt(vector);
	if (vector != VECTOR_SPURIOUS)
		apic_eoi();
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
		console_print_now("machine check: bank %u status %lx", i, status[i]);
	}
	if (fatal)
		panic("machine check that cannot be survived");
}

/* Called by gate.S on the abort stack; returns the flags. An interrupt in the gate, or one that
 * virtual-8086 mode has turned into a double fault, is for when the guest is left the next time. */
uint64_t ring0_abort(unsigned vector, uint64_t rip, uint64_t rsp, uint64_t flags);
uint64_t ring0_abort(unsigned vector, uint64_t rip, uint64_t rsp, uint64_t flags)
{
	bool again = vector >= VECTOR_MACHINE_FIRST || (vector == VECTOR_DF && (flags & FLAGS_VM));

	if (again)
		apic_raise_again();
	else if (vector == VECTOR_MC)
		machine_check();
	else if (vector == VECTOR_DF && hv_is_guard(read_cr2()))
		panic("stack overflow at %lx, stack %lx", rip, rsp);
	else
		panic("exception %u at %lx, stack %lx, address %lx", vector, rip, rsp, read_cr2());
	return again ? flags & ~(uint64_t)FLAGS_IF : flags;
}
