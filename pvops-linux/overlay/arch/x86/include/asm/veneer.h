/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the files of arch/x86/veneer. The interface to the hypervisor itself is
 * asm/veneer_abi.h, which comes with the hypervisor.
 */
#ifndef _ASM_X86_VENEER_H
#define _ASM_X86_VENEER_H

#include <asm/veneer_abi.h>

/* Our event numbers; those below 8 are the hypervisor's, devices follow. */
#define VENEER_IPI_RESCHEDULE	8
#define VENEER_IPI_CALL		9


#define VENEER_HYPERCALL_ENTRY(nr) (VENEER_HYPERCALL_PAGE + (nr) * VENEER_HYPERCALL_STRIDE)

#define VENEER_STUB_BYTES	128

#ifndef __ASSEMBLER__
#include <linux/percpu.h>
#include <asm/nospec-branch.h>

struct pt_regs;
struct task_struct;

#ifdef CONFIG_VENEER_GUEST
extern bool veneer_guest;	/* we run under Veneer */
bool veneer_flush_tlb_range(unsigned long start, unsigned long end);
#else
#define veneer_guest false
static inline bool veneer_flush_tlb_range(unsigned long start, unsigned long end)
{
	return false;
}
#endif

DECLARE_PER_CPU_PAGE_ALIGNED(struct veneer_vcpu_page, veneer_vcpu);
extern const struct veneer_start_info *veneer_start_info;

static __always_inline long veneer_call4(unsigned int nr, unsigned long a, unsigned long b,
					 unsigned long c, unsigned long d)
{
	register unsigned long r10 asm("r10") = d;
	unsigned long entry = VENEER_HYPERCALL_ENTRY(nr);
	long ret;

	asm volatile(ANNOTATE_RETPOLINE_SAFE
		     "call *%[entry]"
		     : "=a" (ret), ASM_CALL_CONSTRAINT
		     : [entry] "r" (entry), "D" (a), "S" (b), "d" (c), "r" (r10)
		     : "rcx", "r11", "memory", "cc");
	return ret;
}

#define veneer_call3(nr, a, b, c)	veneer_call4(nr, a, b, c, 0)
#define veneer_call2(nr, a, b)		veneer_call4(nr, a, b, 0, 0)
#define veneer_call1(nr, a)		veneer_call4(nr, a, 0, 0, 0)
#define veneer_call0(nr)		veneer_call4(nr, 0, 0, 0, 0)

/* entry.S */
extern const char veneer_exception_stubs[32][VENEER_STUB_BYTES];
extern unsigned long veneer_idt[32];	/* where each stub continues */
void veneer_event_entry(void);
void veneer_int80_entry(void);
void veneer_syscall_entry(void);
void veneer_fault_entry(void);
void veneer_syscall_compat_entry(void);
void veneer_sysenter_entry(void);
void veneer_ap_entry(void);
void veneer_irq_enable(void);
void veneer_irq_disable(void);
unsigned long veneer_save_fl(void);
unsigned long veneer_read_cr2(void);

/* setup.c */
void __init veneer_start_kernel(unsigned long start_info);

/* cpu.c */
void __init veneer_cpu_ops_init(void);
void veneer_cpu_register(void);

/* mmu.c */
void __init veneer_mmu_ops_init(void);

/* irq.c */
void __init veneer_irq_ops_init(void);
int veneer_event_irq(unsigned int event);

/* time.c */
void __init veneer_time_ops_init(void);
void __init veneer_sched_clock_init(void);
void veneer_setup_clockevent(void);
void veneer_stop_clockevent(void);
void veneer_timer_event(void);

/* smp.c */
void __init veneer_smp_ops_init(void);
void __init veneer_apic_init(void);

#endif /* __ASSEMBLER__ */
#endif
