/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A physical CPU and its per-CPU data. */
#pragma once

#include "arch/acpi.h"
#include "kernel/gate.h"
#include "kernel/timer.h"

struct cpu {
	uint64_t nmi_count;
	uint64_t abort_stack; /* top, for machine checks and double faults */
	unsigned id;
	uint32_t apic_id;
	bool online; /* it has come up */

	mpa_t root;		/* the hypervisor's page table on this CPU */
	mpa_t gate_pdpt;	/* of the gate area in guests */
	uint64_t *gate_pt;	/* entries of the gate area's first 2 MiB */
	uint64_t *stacks_entry; /* of GATE_STACKS in them */
	uint64_t *gdt;		/* writable alias of our page of it, and of GATE_DATA */
	struct gate_data *gate;
	struct tss64 *tss;

	bool attention;			  /* timers, requests or a new choice of vCPU to look at */
	struct vcpu *current;		  /* whose registers are loaded */
	struct vcpu *running;		  /* the vCPU that has the CPU, NULL if idle; atomic */
	struct vcpu *vcpus;		  /* pinned here */
	const struct guest *predicts_for; /* who has taught its predictors */
	uint64_t spec_ctrl;		  /* what its MSR has */
	struct timer slice_timer;
	/* by deadline; those of vCPUs that have used up their share */
	struct timer *timers, *timers_put_off;
	bool timer_changed;
	struct vcpu *payer;		/* whose the time is, since: */
	uint64_t paid_until, unclaimed; /* TSC; ticks of nobody's yet */
	uint64_t period, period_start;	/* of shares: ticks, TSC */
	struct vcpu *leftover;		/* the vCPU that gets the rest of the period, or NULL */
	struct vcpu *turn;		/* whose it is, or was last */
	struct ring_cpu *ring;		/* per-CPU state of its engines */
	union {
		struct svm_cpu *svm;
		struct vmx_cpu *vmx;
	};
	uint64_t stack_top;
};
_Static_assert(offsetof(struct cpu, nmi_count) == CPU_NMI_COUNT, "gate.S");
_Static_assert(offsetof(struct cpu, abort_stack) == CPU_ABORT_STACK, "gate.S");

extern struct cpu cpus[CPUS_MAX];
extern unsigned cpu_count;

/* The current CPU, from a fixed address in the gate area. */
#ifdef VENEER_HOST /* a test has its own */
struct cpu *this_cpu(void);
#else
static inline struct cpu *this_cpu(void)
{
	return (struct cpu *)((const struct gate_data *)GATE_DATA)->this_cpu;
}
#endif

/* Features of this processor, detected once at boot. */
struct cpu_features {
	bool xsave;
	uint64_t cr4; /* of UMIP, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP: the bits that may be set */
	uint64_t xcr0;
	uint32_t xsave_bytes;
	unsigned physical_bits; /* of addresses; 0: not said */
	char name[49];
};
extern struct cpu_features cpu_features;
const char *cpu_features_detect(void); /* NULL, or what is missing */

/* Addresses in the gate, in the order of gate.S; C code cannot refer to its symbols. */
enum gate_place {
	GATE_VECTORS,
	GATE_SYSCALL,
	GATE_SYSCALL32,
	GATE_SYSENTER,
	GATE_RETURN, /* the return's window */
	GATE_RETURN_IRET,
	GATE_RETURN_PENDING, /* UD2: an event waits, and the frame must be moved */
	GATE_RETURN_END,
	GATE_NO_SYSCALL,
	GATE_NO_SYSCALL32,
	GATE_NMI,
	GATE_PLACES
};
extern const uint64_t gate_entry_points[GATE_PLACES];

extern const struct gate64 *idt_template;   /* what every IDT starts from */
void cpu_prepare(struct cpu *cpu);	    /* tables and stacks, on the boot CPU */
void cpu_load_tables(struct cpu *cpu);	    /* CR3, GDT, IDT, TSS, MSRs, on the CPU itself */
void cpu_load_gdt_idt(void);		    /* these two alone */
void cpus_start(void);			    /* the further ones; they wait for cpus_go() */
void cpus_go(void (*run)(struct cpu *cpu)); /* all guests have been created; run never returns */
void cpu_main(struct cpu *cpu) __attribute__((noreturn));
void cpu_kick(struct cpu *cpu);

/* Handles an interrupt of the machine (vector 32 and up). Each vector has one handler, registered
 * before the first guest runs. */
void interrupt_handle(unsigned vector);
void interrupt_register(unsigned vector, void (*handler)(void));

/* Accounting of a CPU's time: the part of the scheduler (guest/sched.c, which knows vCPUs and
 * shares) that timers and interrupts use. */
/* Charges this CPU's time to v from now on; NULL: to nobody. */
void sched_charge(struct cpu *cpu, struct vcpu *v);
/* An interrupt has arrived: its time is charged to nobody until its purpose is known. */
void sched_interrupt(struct cpu *cpu);
/* Whether v has used up its share while another vCPU wants its CPU: work for v then waits for its
 * next turn. */
bool sched_must_wait(const struct vcpu *v);

/* Checks the page tables of all CPUs (kernel/tables.h) and prints the result in one line. */
void cpus_check_tables(void);
