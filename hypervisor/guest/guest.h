/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests and their vCPUs. Everything of a vCPU but its request bits and its shared page belongs to
 * the physical CPU it is pinned to: others post a request and kick. What the vCPUs of a guest share
 * has its own rule: the shadow MMU and the console line a lock each, the rest is constant between
 * two starts of the guest.
 */
#pragma once

#include "guest/board.h"
#include "guest/console.h"
#include "guest/devices.h"
#include "guest/engine.h"
#include "guest/load.h"
#include "guest/walk.h"
#include "kernel/gate.h"

/* What is counted for each guest. */
enum counter {
	COUNT_EXITS, /* all; each is two page-table switches */
	COUNT_HYPERCALL,
	COUNT_FILL,	  /* page faults that the shadow MMU resolved */
	COUNT_IO,	  /* port instructions emulated */
	COUNT_PRIVILEGED, /* other instructions emulated */
	COUNT_STEP,	  /* single steps of a kernel, where it cannot be translated */
	COUNT_SOFTINT,	  /* INT n */
	COUNT_EXCEPTION,  /* exceptions sent to the guest */
	COUNT_INTERRUPT,  /* the machine's interrupts while it ran */
	COUNT_INJECTED,	  /* interrupts and events sent to the guest */
	COUNT_FLUSH,	  /* of the TLB, asked for at a VM entry */
	COUNTERS
};
extern const char *const counter_names[COUNTERS];

enum vcpu_state {
	VCPU_RUNNABLE,
	VCPU_HALTED,  /* waits for an event */
	VCPU_STOPPED, /* for good, until a reset */
};

/* Request bits, set from anywhere and seen to on the vCPU's own CPU (request.c). */
#define REQUEST_PARK   0x0001 /* stop; the last one to do so goes on with the guest's phase */
#define REQUEST_PAUSE  0x0002
#define REQUEST_RESUME 0x0004
#define REQUEST_RESET  0x0008
#define REQUEST_STOP   0x0010
#define REQUEST_INPUT  0x0100  /* console input, or a device's timer to be set */
#define REQUEST_EVENT  0x0200  /* look at the events in the page */
#define REQUEST_START  0x0400  /* begin: PV at v->start, a PC at v->startup (SIPI) */
#define REQUEST_INIT   0x0800  /* back to before its start (INIT) */
#define REQUEST_ROOM   0x2000  /* the console has room again */
#define REQUEST_SEND   0x4000  /* console output waits for this CPU's timer */
#define REQUEST_VIRTIO 0x8000  /* devices have work left */
#define REQUEST_LOAD   0x10000 /* all are parked: load the image again */
#define REQUEST_WORK   0x20000 /* its own long work: some is left of it */
#define REQUEST_BEGIN  0x40000 /* a start that was seen to: to its first instruction */

/* Of the operator, and of the guest's end: whoever runs. */
#define REQUESTS_AT_ONCE \
	(REQUEST_PARK | REQUEST_PAUSE | REQUEST_RESUME | REQUEST_RESET | REQUEST_STOP)
/* Short, paid for by the vCPU, while it has time left. */
#define REQUESTS_IN_SHARE                                                              \
	(REQUEST_INPUT | REQUEST_EVENT | REQUEST_START | REQUEST_INIT | REQUEST_ROOM | \
	 REQUEST_SEND | REQUEST_VIRTIO)
/* Long, in parts: the vCPU is scheduled for them, and does not run before they are through. */
#define REQUESTS_IN_TURN (REQUEST_LOAD | REQUEST_WORK | REQUEST_BEGIN)

/* Virtual registers of a kernel that thinks it is in ring 0 */
struct legacy_state {
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t gdt_base, idt_base, tr_base, ldt_base;
	uint32_t tr_limit, ldt_limit;
	uint16_t gdt_limit, idt_limit, tr, ldtr;
	uint64_t dr[8];
};

struct vcpu {
	struct guest *guest;
	const struct engine *engine; /* of the guest */
	union {			     /* what that keeps for it */
		struct ring_vcpu *ring;
		struct hvm_vcpu *hvm; /* the beginning of the other two */
		struct svm_vcpu *svm;
		struct vmx_vcpu *vmx;
	};
	struct cpu *cpu;
	unsigned id;
	enum vcpu_state state;
	bool paused;	   /* by the monitor: it does nothing, whatever its state */
	uint32_t requests; /* REQUEST_*, atomic */
	bool loaded;	   /* its registers are in the processor */
	uint8_t starting;  /* v->start is taken; atomic */
	struct regs *regs; /* the guest's: saved, or under ring on its entry stack */
	struct regs saved;
	struct veneer_vcpu_page *page; /* own_page, or a page of the guest's choice */
	struct veneer_vcpu_page *own_page;
	void *fpu; /* XSAVE area */
	uint64_t xcr0;

	uint64_t spec_ctrl; /* as the guest has set it */

	struct guest_view *view; /* in that */
	struct legacy_state legacy;
	uint64_t pat; /* as the guest has set it */
	/* PV; all addresses are canonical */
	struct veneer_handlers handlers;
	uint64_t syscall32_entry, sysenter_entry, fault_entry;
	uint64_t *pv_gdt; /* SEL_GUEST_MAX bytes of the table itself, in the engine's memory */
	uint64_t pv_gdt_base, pv_gdt_limit; /* what SET_GDT said, for SGDT */
	uint64_t io_bitmap;		    /* gva, 0: no ports for ring 3 */
	uint64_t dr[4], dr6, dr7;
	struct veneer_vcpu_start start; /* for REQUEST_START */
	uint8_t startup;		/* the same, of a PC: a page number */
	bool interrupt_waits;		/* the board may have one; written under its lock */

	struct timer timer; /* PV timer */
	uint64_t timer_period;

	/* scheduling, in TSC ticks */
	int64_t budget; /* left of its share; less than nothing is debt */
	uint64_t free;	/* what it has had of the period beyond its share */
	uint64_t slice;
	uint64_t ran; /* in all */
	uint64_t worst_wait;
	uint64_t runnable_since;
	uint64_t waits_since; /* it was put off the CPU, or resumed */
	struct vcpu *next;    /* on its CPU */

	uint64_t counts[COUNTERS];
};

#define INPUT_BYTES 256

/* Where instructions that no site table lists were emulated; fed to `veneer rewrite --profile`. */
#define PROFILE_ENTRIES 64

struct profile_entry {
	uint32_t address, count;
};

/*
 * A guest's life (life.c). A restart or the end begins with parking: each vCPU stops on its own
 * CPU. Then the guest is loaded again, in parts, or has ended. The end can be decided at any time.
 */
enum guest_phase { GUEST_RUNNING, GUEST_PARKING, GUEST_LOADING, GUEST_ENDED };

struct guest {
	const struct guest_config *config;
	const struct engine *engine;
	unsigned id;
	struct guest_memory memory;
	struct mmu *mmu;       /* what the ring engine keeps for it */
	struct hvm_guest *hvm; /* the same of engines of hardware virtualization */
	uint64_t overhead;     /* bytes of hypervisor memory for it */
	struct vcpu *vcpu;     /* array */
	unsigned vcpus;
	SPINLOCK(LOCK_PHASE) phase_lock; /* over the next three; taken alone */
	enum guest_phase phase;
	bool end_wanted;		  /* what parking and loading lead to is the end */
	bool ended;			  /* and that has been reported; read without the lock */
	unsigned paused;		  /* vCPUs that are; atomic */
	unsigned parking;		  /* vCPUs that have still to park; atomic */
	unsigned started;		  /* PV: vCPUs that run or are to begin; atomic */
	unsigned unknown;		  /* lines that vcpu_unknown has printed; atomic */
	struct load load;		  /* how far it is */
	SPINLOCK(LOCK_LINE) console_lock; /* over the line so far and the taking of input */
	const struct devices *devices;	  /* PV; else NULL */
	struct virtio_guest *virtio;	  /* what these are */
	const struct board *board;	  /* NULL: hypercalls are its devices */
	const struct debugger *debugger;  /* NULL: none is offered */
	void *board_state;		  /* the board's own */

	struct image image;
	struct file module[MODULES_MAX];
	struct file disk[DISKS_MAX]; /* written, and no other guest's */
	/* a rewritten image's tables, in its patch window */
	const struct veneer_site *sites;
	const struct veneer_iret_window *iret_windows;

	int exit_code;	      /* 0 well, 1..255 as the guest says, negative: stopped by us */
	uint64_t first_entry; /* TSC */
	unsigned restarts;

	struct profile_entry profile[PROFILE_ENTRIES]; /* what does not fit is not counted */

	/* console output: the line so far */
	char line[240];
	uint8_t escape; /* 1: after ESC; 2: in a control sequence */
	/* shown: as a prompt; kept: of that, still right */
	uint8_t line_used, line_shown, line_kept;
	struct console_ring console;
	uint64_t line_counts[COUNTERS]; /* count-at: at the last line's end, then since */

	/* console input: one producer, one consumer */
	uint8_t input[INPUT_BYTES];
	uint32_t input_head, input_tail;
};

/*
 * What a debugger of the operator's must see, on the vCPU's own CPU. paused: it is paused now, or
 * continues; true: the debugger has asked for that, and no line is printed. trapped: an instruction
 * that may be its breakpoint's was reached at pc, or VECTOR_DB: a step is done; true: it was, and
 * the guest sees nothing of it. crashed: true: the debugger ends the guest, or starts it again.
 */
struct debugger {
	bool (*paused)(struct vcpu *v, bool paused);
	bool (*trapped)(struct vcpu *v, unsigned vector, uint64_t pc);
	bool (*crashed)(struct vcpu *v);
};

static inline bool vcpu_trapped(struct vcpu *v, unsigned vector, uint64_t pc)
{
	return v->guest->debugger && v->guest->debugger->trapped(v, vector, pc);
}

extern struct guest guests[GUESTS_MAX];
extern unsigned guest_count;

/* Takes memory for the guest and loads it. 0, or negative with the reason on the console. */
int guest_create(struct guest *g, const struct guest_config *config);

/* life.c. Loading it anew, from zeroed memory to vCPU 0 at its entry: how it begins, and a part of
 * it at each call; true when it is through. No vCPU may be running. */
void guest_load_begin(struct guest *g);
bool guest_load_part(struct guest *g);

/* From any CPU: it starts again from its image, when all its vCPUs have parked. The operator's
 * reset works on a guest that has ended, too. */
void guest_restart(struct guest *g);
void guest_reset(struct guest *g);

/* Zeroed memory of the hypervisor's on behalf of a guest, while it is created; v == 0: none. */
mpa_t guest_take(struct guest *g, uint64_t bytes);

uint64_t guest_count_of(const struct guest *g, enum counter counter);

/* The guest is through: by its own will (exit code) or not. Prints one line, applies on-crash. */
void guest_end(struct guest *g, int exit_code, const char *how);
void guest_crash(struct guest *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* dump.c, on the vCPU's own CPU, where it is loaded: its registers, of a crash. And a line for an
 * exit, an exception or an instruction that its engine does not know, before the guest gets what a
 * processor without it would do. */
void vcpu_dump(struct vcpu *v);
void vcpu_unknown(struct vcpu *v, const char *what);

struct guest *guest_find(const char *name);
uint64_t guest_ran(const struct guest *g); /* ticks so far, of all its vCPUs */
#define GUEST_CORES (4 * VCPUS_MAX)
/* Of its vCPUs, as 0,1,0: text */
const char *guest_cores(const struct guest *g, char text[GUEST_CORES]);
bool guests_all_ended(void);
void machine_guest_stats(struct guest *g);

/* Prints the summary and powers the machine off; its exit status tells whether all guests were
 * well, where something can read it (QEMU's isa-debug-exit at port 0xf4: 1 well, 3 not). */
void machine_off(void);

/* From any CPU */
void vcpu_request(struct vcpu *v, uint32_t request);	  /* of the operator, or for an end */
void vcpu_request_from(struct vcpu *v, uint32_t request); /* of a guest: no oftener than it pays */
void vcpu_event_from(struct vcpu *v, unsigned event);	  /* PV */
bool guest_input(struct guest *g, uint8_t byte);

/* cpuid.c: executes CPUID, with what the guest may see; cr4 is the guest's, for leaf 1. And the
 * same of a stock kernel, without what ring 1 does not have. */
void guest_cpuid(struct vcpu *v, uint64_t cr4);
void guest_cpuid_in_ring1(struct vcpu *v, uint64_t cr4);

/* fpu.c: floating-point and vector state of a vCPU. It is in the processor while the vCPU is
 * loaded, since the hypervisor uses none itself. Nothing of it remains visible to the next guest.
 */
void fpu_reset(struct vcpu *v); /* as after FNINIT, SDM 1 sections 8.1.4 and 13.6 */
void fpu_save(const struct vcpu *v);
void fpu_load(const struct vcpu *v);
/* While it is loaded: saves what the guest has set without an exit. */
void fpu_take_xcr0(struct vcpu *v);
/* A guest's XSETBV, of ECX and EDX:EAX: false for what the processor would refuse, SDM 1 section
 * 13.3. */
bool fpu_xsetbv(struct vcpu *v);

/*
 * descriptor.c: adjusts the guest's descriptors for the ring that its kernel runs in. Under the
 * ring engine code and data segments of DPL 0 get DPL 1, a legacy guest gets no 64-bit code, and
 * everything is marked accessed (the processor must not write to the gate area). System
 * descriptors, which could lead into ring 0, are removed. In a virtual machine, where the kernel
 * could load any segment itself, it keeps the same ones.
 */
#define DESCRIPTORS 128	 /* read in one go */
#define PV_LDT_MAX  8192 /* entries of an LDT */

/* As they may be used by a kernel in that ring. */
void descriptors_fit(uint64_t *to, const uint64_t *from, unsigned count, unsigned ring,
		     bool allow64);

/* Descriptors [from, from + count) of a PV guest's table at, made fit. 0 or -EFAULT. */
int descriptors_read(struct vcpu *v, gva_t at, unsigned from, unsigned count, uint64_t *to);

/* A PV guest's page of the GDT, SEL_GUEST_MAX bytes: what it starts with, and
 * VENEER_HC_SET_DESCRIPTOR. */
void pv_gdt_start(uint64_t *gdt);
int64_t descriptor_hypercall(struct vcpu *v, struct regs *r);

/* request.c, on the vCPU's own CPU. What the operator wants, and parking: whoever has the CPU, and
 * however much the vCPU has run. Then short requests of guests, paid for by the vCPU. Then a part
 * of the work that was put off, when it is the vCPU's turn to run. */
void request_at_once(struct vcpu *v);
void request_in_share(struct vcpu *v);
void request_in_turn(struct vcpu *v);

/* From its own CPU */
void hypercall(struct vcpu *v);
void vcpu_load(struct vcpu *v);	  /* in place of whoever is loaded there */
void vcpu_unload(struct vcpu *v); /* if it is loaded; NULL: nothing to do */
void vcpu_begin(struct vcpu *v);  /* by v->start, or that of a PC by v->startup in real mode */
void vcpu_init(struct vcpu *v);
void vcpu_use_page(struct vcpu *v, struct veneer_vcpu_page *page);

/* Puts a stopped vCPU at its first instruction, in the kernel, with these registers and all else as
 * after a reset; on root as in struct engine. gdt: of a kernel that relies on one, with LEGACY_CS
 * and LEGACY_DS. */
void vcpu_start_at(struct vcpu *v, const struct regs *r, gpa_t root, uint32_t gdt);
#define LEGACY_CS 0x10
#define LEGACY_DS 0x18
void vcpu_park(struct vcpu *v);
int guest_input_take(struct guest *g);				      /* a byte, or -EAGAIN */
uint32_t guest_input_read(struct guest *g, void *to, uint64_t bytes); /* how many there were */
bool guest_input_waits(const struct guest *g);

void vcpu_wake(struct vcpu *v);
void vcpu_halt(struct vcpu *v, bool masked);	 /* HLT */
void vcpu_event(struct vcpu *v, unsigned event); /* PV */

static inline bool guest_is_running(const struct guest *g)
{
	return __atomic_load_n(&g->phase, __ATOMIC_ACQUIRE) == GUEST_RUNNING;
}

/* Of a PV kernel, between an INT from ring 3 and the handler's move to its own stack: the one entry
 * stack must not be left for another thread. The handler's first store masks, and it looks at
 * irq_pending later. */
static inline bool on_entry_stack(uint64_t rsp)
{
	return rsp <= VENEER_ENTRY_STACK_TOP &&
	       rsp > VENEER_ENTRY_STACK_TOP - sizeof(((struct veneer_vcpu_page *)0)->entry_stack);
}
