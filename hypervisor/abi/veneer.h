/* SPDX-License-Identifier: MIT */
/*
 * veneer.h: the interface between the Veneer hypervisor and a paravirtual (PV) guest.
 *
 * This header and its text are all that is needed to port a 64-bit kernel. It only depends on
 * <stdint.h>, and on nothing when included from assembly.
 *
 * How a PV guest finds itself
 *   - The image is an ELF64 executable with a note of name "Veneer", type VENEER_NOTE_GUEST, whose
 *     descriptor is one uint32_t: the ABI major version it was built for.
 *   - Segments are loaded at p_paddr in guest-physical memory, which starts at 0.
 *   - The first vCPU starts at e_entry in 64-bit mode with CPL 1, RDI = guest-physical address of
 *     struct veneer_start_info, every other register 0, interrupts masked, and no stack.
 *   - Guest-virtual = guest-physical for all of its memory until MMU_LOAD_ROOT gives a page table.
 *
 * Where things are
 *   - Hypercalls are made by calling into the hypercall page (start_info.hypercall_page): each
 *     hypercall nr has its entry at hypercall_page + nr * VENEER_HYPERCALL_STRIDE.
 *     Arguments: RDI, RSI, RDX, R10. Result: RAX, negative errno on failure. Clobbered: RCX, R11.
 *   - Each vCPU has a page shared with the hypervisor, struct veneer_vcpu_page, at guest-physical
 *     start_info.vcpu_pages + id * 4096; the running vCPU's own is also mapped at VENEER_VCPU_PAGE,
 *     whatever the guest's page tables say.
 *   - The top-level page-table slot 256 (0xffff800000000000, 512 GiB) belongs to the hypervisor. It
 *     may write that entry of a root when it is loaded, and it must not be changed from then until
 *     the root is dropped.
 *
 * Privilege
 *   - Guest kernel: under the ring engine CPL 1, CS = VENEER_KERNEL_CS, SS = VENEER_KERNEL_SS. In a
 *     virtual machine (svm, vmx) it is CPL 0 with other selectors; a kernel that is to run on
 *     both reads its selectors from CS and SS. Guest user: CPL 3. For
 *     paging ring 1 is a supervisor: the U/S bit separates kernel from user as on hardware.
 *   - A kernel returns to user, or to itself, with its own IRETQ.
 *   - Privileged instructions raise #GP and are emulated where that makes sense (port I/O, CPUID is
 *     not privileged, RDTSC is native; IA32_SPEC_CTRL and IA32_PRED_CMD where the processor has
 *     them); nothing else is promised about them.
 *
 * Interrupts
 *   - vcpu_page.irq_mask is the virtual interrupt flag, inverted: VENEER_IRQ_MASKED or 0.
 *     To mask, store VENEER_IRQ_MASKED. To unmask, store 0, then, if irq_pending is not 0, make
 *     VENEER_HC_EVENT_CHECK. In ring 3 interrupts always count as unmasked.
 *   - Events are bits in vcpu_page.events. An event that may be delivered makes the vCPU enter
 *     handlers.event with the frame a hardware interrupt would push (SS, RSP, RFLAGS, CS, RIP),
 *     with irq_mask = VENEER_IRQ_MASKED and RFLAGS.IF in the frame telling what irq_mask was
 *     before. From ring 3 the frame goes to vcpu_page.kernel_sp, otherwise onto the current stack.
 *     The handler takes the bits with an atomic exchange.
 *   - The last steps of a return (store 0 to irq_mask, look at irq_pending, IRETQ) are a
 *     restartable window, registered with SET_HANDLERS: an event that lands in [window_start,
 *     window_end) does not push a frame, it enters handlers.event with the frame that is about to
 *     be popped. RSP must point at that frame everywhere in the window.
 *
 * Exceptions
 *   - Vectors 0 to 31 enter handlers.exception[vector] with the frame that hardware would push, the
 *     with an error code if hardware has one (Intel SDM 3A, section 6.13). For a page fault
 *     the address is in vcpu_page.cr2.
 *     irq_mask is set as for an event. Vector 2 (NMI) is never sent. A vector with no handler (0)
 *     crashes the guest.
 *   - A page fault of ring 3 on a page that the guest's tables do not map either can be delivered
 *     without the hypervisor: to the entry VENEER_ENTRY_FAULT, with RSP = kernel_sp and events
 *     masked, the frame and the error code in vcpu_page.fault, the address in cr2. It may be
 *     spurious: the page may be mapped by now. The gate then sets fault_busy, and the hypervisor
 *     clears it when it has filled a page, so the same fault is not delivered twice in this way.
 *
 * System calls
 *   - SYSCALL in ring 3 enters handlers.syscall at CPL 1 with RSP = vcpu_page.kernel_sp, RCX = user
 *     RIP, R11 = user RFLAGS, vcpu_page.user_sp = user RSP, interrupts masked.
 *   - INT n in ring 3 (and 1) enters handlers given by SOFTINT_GATE, straight from the processor.
 *     A guest may have the vectors 32 to 0xef; those from 0xf0 on are the machine's interrupts.
 *     The entry: the frame lies on the small entry stack at the end of the vCPU page
 *     (VENEER_ENTRY_STACK_TOP) when it comes from ring 3, and irq_mask is as it was. The handler
 *     must store VENEER_IRQ_MASKED and move the frame to its own stack before it unmasks.
 *   - SYSCALL in 32-bit code and SYSENTER enter what SET_ENTRY names, in the same way as SYSCALL.
 *
 * Breakpoints
 *   - Addresses that the hypervisor uses for itself cannot be watched, nor the eight bytes before and
 *     behind them: top-level slots 256 to 259, 2 MiB from 0xffffffff40000000, 16 MiB from
 *     0xffffffff80000000. A guest may use such addresses otherwise, but for slot 256.
 *   - A #DB between a soft interrupt's entry and the move to another stack is dropped.
 *
 * Returning
 *   - A jump to hypercall_page + VENEER_HC_RETURN * stride, with RSP at an IRETQ frame and events
 *     masked, unmasks and returns; an event in between is delivered as if the return were done.
 *     Nothing is written to the stack.
 *     RETURN_USER first loads GS's base from vcpu_page.user_gs_base. If the processor refuses the
 *     frame, the exception is delivered as from ring 3, with that frame: events masked, on
 *     kernel_sp.
 *
 * Several vCPUs
 *   - vCPU 0 starts the others with VCPU_START. Each has its own handlers, GDT, root and timer.
 *   - TLB shootdown is up to the guest: MMU_FLUSH acts on the calling vCPU, and the guest must send
 *     an event to other vCPUs that may have used the translation, to do the same. It acts on the
 *     loaded root; in slots 257 to 511, the kernel's, on the tables below all roots.
 */
#ifndef VENEER_ABI_H
#define VENEER_ABI_H

#define VENEER_ABI_MAJOR    1 /* changes when an old guest would break */
#define VENEER_ABI_MINOR    3 /* changes when something is added */

#define VENEER_NOTE_NAME    "Veneer"
#define VENEER_NOTE_GUEST   1 /* desc: uint32_t ABI major */
#define VENEER_NOTE_REWRITE 2 /* desc: struct veneer_rewrite_note, written by `veneer rewrite` */
#define VENEER_NOTE_ENTRY   3 /* desc: uint64_t gpa to start at, in place of e_entry */

#define VENEER_START_MAGIC  0x31524e56 /* "VNR1" */

/* Feature bits: start_info.features */
#define VENEER_FEATURE_SYSCALL	0x1  /* SYSCALL from ring 3 enters handlers.syscall */
#define VENEER_FEATURE_SOFTINT	0x2  /* SOFTINT_GATE */
#define VENEER_FEATURE_PVCLOCK	0x4  /* vcpu_page.clock is kept */
#define VENEER_FEATURE_MMU	0x8  /* MMU_* hypercalls */
#define VENEER_FEATURE_FSGSBASE 0x10 /* RDGSBASE and related instructions work, and RETURN_USER */

/* Selectors of a PV guest. The kernel's are those of the ring engine, where they are always there;
 * the user's are there until SET_GDT. */
#define VENEER_KERNEL_CS 0x1031 /* 64-bit code, DPL 1 */
#define VENEER_KERNEL_SS 0x1039 /* data, DPL 1 */
#define VENEER_USER_CS32 0x1b	/* 32-bit code, DPL 3 */
#define VENEER_USER_SS	 0x23	/* data, DPL 3 */
#define VENEER_USER_CS	 0x2b	/* 64-bit code, DPL 3 */

/* Fixed virtual addresses in the hypervisor's slot */
#define VENEER_GATE_BASE       0xffff800000000000
#define VENEER_VCPU_PAGE       0xffff800000020000
#define VENEER_ENTRY_STACK_TOP 0xffff800000021000
#define VENEER_HYPERCALL_PAGE  0xffff800000030000
#define VENEER_GATE_END	       0xffff808000000000

#define VENEER_IRQ_MASKED      0x200 /* the bit of EFLAGS.IF, so that flags images are one XOR away */

/* Hypercall numbers. Each entry of the hypercall page is VENEER_HYPERCALL_STRIDE bytes long. */
#define VENEER_HYPERCALL_STRIDE 32
#define VENEER_HC_NOP		0 /* nothing, in the gate: 0; clears TF */
#define VENEER_HC_VERSION	1 /* nothing, in the hypervisor: ABI major << 16 | minor */
#define VENEER_HC_CONSOLE_WRITE 2 /* (gva, bytes): bytes written, a part: call again */
#define VENEER_HC_CONSOLE_READ	3 /* (gva, bytes): bytes read, 0 when there are none */
#define VENEER_HC_SET_HANDLERS	4 /* (gva of struct veneer_handlers): 0 */
#define VENEER_HC_HALT		5 /* unmask and wait for an event: 0, after the event was delivered */
#define VENEER_HC_YIELD		6 /* let others run: 0 */
#define VENEER_HC_EVENT_CHECK	7 /* deliver what is pending, if unmasked: 0 */
#define VENEER_HC_TIMER_SET                                                                       \
	8			   /* (deadline ns on the pvclock, period ns or 0): 0; deadline 0 \
				    * stops; a period is 50 us to 1 h */
#define VENEER_HC_MMU_LOAD_ROOT	 9 /* (gpa of a 4-level root, or ~0 for the identity map): 0 */
#define VENEER_HC_MMU_FLUSH	 10 /* (first gva, bytes; ~0 bytes for all): translations changed: 0 */
#define VENEER_HC_MMU_DROP_ROOT	 11 /* (gpa of a root that will not be loaded again): 0 */
#define VENEER_HC_SHUTDOWN	 12 /* (VENEER_SHUTDOWN_*, code 0..255): does not return */
#define VENEER_HC_SOFTINT_GATE	 13 /* (vector 32..0xef, gva handler or 0, DPL 1 or 3): 0 */
#define VENEER_HC_VCPU_PAGE	 14 /* (gpa of a page of RAM): this vCPU's page from now on: 0 */
#define VENEER_HC_VCPU_START	 15 /* (id, gva of struct veneer_vcpu_start): 0 */
#define VENEER_HC_VCPU_STOP	 16 /* this vCPU, until it is started again: does not return */
#define VENEER_HC_VCPU_STOPPED	 17 /* (id): 1 if it is stopped, else 0 */
#define VENEER_HC_EVENT_SEND	 18 /* (id, event): sets the event in that vCPU's page: 0 */
#define VENEER_HC_SET_GDT	 19 /* (gva, entries up to 512): 0 */
#define VENEER_HC_SET_LDT	 20 /* (gva, entries up to 8192, 0 for none): 0 */
#define VENEER_HC_SET_DESCRIPTOR 21 /* (selector in the GDT, descriptor): 0 */
#define VENEER_HC_SET_ENTRY	 22 /* (VENEER_ENTRY_*, gva or 0): 0 */
#define VENEER_HC_SET_DEBUGREG	 23 /* (0 to 3, 6 or 7, value): 0; see Breakpoints */
#define VENEER_HC_GET_DEBUGREG	 24 /* (0 to 3, 6 or 7): its value */
#define VENEER_HC_SET_IO_BITMAP	 25 /* (gva of 8192 bytes for ring 3, as in a TSS, or 0): 0 */
#define VENEER_HC_VIRTIO	 26 /* (device from 0, VENEER_VIRTIO_*, argument): see there */
#define VENEER_HC_COUNT		 27

/* Places in the hypercall page that are jumped to, not called; see Returning. */
#define VENEER_HC_RETURN_USER  120
#define VENEER_HC_RETURN       121

#define VENEER_ROOT_FLUSH      1 /* bit of MMU_LOAD_ROOT's argument: its user half has changed */

#define VENEER_ENTRY_SYSCALL32 0 /* SYSCALL in 32-bit code (AMD): RCX, R11 as in 64-bit code */
#define VENEER_ENTRY_SYSENTER  1 /* SYSENTER (Intel): R11 = user RFLAGS */
#define VENEER_ENTRY_FAULT     2 /* page faults of ring 3, see Exceptions */

/* VIRTIO: the transport of virtio 1.2 by hypercalls. -ENODEV: no such device, nor any behind it. */
#define VENEER_VIRTIO_ID	   0 /* device type, virtio 1.2 chapter 5 */
#define VENEER_VIRTIO_GET_FEATURES 1 /* the bits it offers */
#define VENEER_VIRTIO_SET_FEATURES 2 /* (bits): 0; -EBUSY: not after FEATURES_OK */
#define VENEER_VIRTIO_GET_STATUS   3 /* section 2.1 */
#define VENEER_VIRTIO_SET_STATUS   4 /* (status): 0; status 0 resets the device */
#define VENEER_VIRTIO_QUEUE_MAX	   5 /* (queue): most entries, 0 when there is no such queue */
#define VENEER_VIRTIO_QUEUE_SET	   6 /* (gva of struct veneer_virtio_queue): 0 */
#define VENEER_VIRTIO_NOTIFY	   7 /* (queue): there are new buffers: 0 */
#define VENEER_VIRTIO_EVENT	   8 /* event of vCPU 0 for used buffers: of queues that name none */
#define VENEER_VIRTIO_CONFIG	   9 /* (offset): 8 bytes of the configuration space, 0 behind it */
/* (queue | vCPU << 16 | event << 32): 0; the queue's used buffers are an event of that vCPU, until
 * the device is reset */
#define VENEER_VIRTIO_QUEUE_EVENT  10

#define VENEER_SHUTDOWN_POWEROFF   0 /* the argument is the exit code, 0 = success */
#define VENEER_SHUTDOWN_REBOOT	   1
#define VENEER_SHUTDOWN_CRASH	   2

/* Events: bit numbers in vcpu_page.events */
#define VENEER_EVENT_TIMER   0
#define VENEER_EVENT_CONSOLE 1	/* there is console input to read */
#define VENEER_EVENT_DEVICES 16 /* from here on; 8 to 15 are free for guests' own use */
#define VENEER_EVENTS	     64

/* Byte offsets in struct veneer_vcpu_page, for assembly */
#define VENEER_VP_IRQ_MASK    0x00
#define VENEER_VP_IRQ_PENDING 0x04
#define VENEER_VP_EVENTS      0x08
#define VENEER_VP_KERNEL_SP   0x10
#define VENEER_VP_USER_SP     0x18
#define VENEER_VP_CR2	      0x20
#define VENEER_VP_ID	      0x28
#define VENEER_VP_FAULT_BUSY  0x30
#define VENEER_VP_CLOCK	      0x40
#define VENEER_VP_KERNEL_GS   0x60
#define VENEER_VP_USER_GS     0x68
#define VENEER_VP_FAULT	      0x70
#define VENEER_VP_SCRATCH     0xa0
#define VENEER_VP_FREE	      0xa8 /* up to the entry stack: the guest's own */

/* Byte offset in struct veneer_start_info */
#define VENEER_SI_FEATURES 8

#ifndef __ASSEMBLER__
#ifdef __KERNEL__ /* Linux */
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/* The pvclock structure, as Linux guests of KVM and Xen know it: system time in ns is
 * system_time + (((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul >> 32); a negative
 * shift shifts right. Odd version: being written, read again. */
struct veneer_clock {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags;
	uint8_t pad[2];
};

struct veneer_vcpu_page {
	uint32_t irq_mask;    /* VENEER_IRQ_MASKED or 0; written by both */
	uint32_t irq_pending; /* not 0: something waits for unmasking; written by the hypervisor */
	uint64_t events;      /* pending bits; set by the hypervisor, cleared by the guest */
	uint64_t kernel_sp;   /* stack for entries from ring 3; written by the guest */
	uint64_t user_sp;     /* RSP at the last SYSCALL from ring 3 */
	uint64_t cr2;	      /* address of the last page fault sent to the guest */
	uint32_t id;	      /* number of this vCPU */
	uint32_t pad0;
	uint32_t fault_busy; /* written by both: not 0: the gate hands no page fault over */
	uint32_t pad1;
	uint64_t reserved; /* the hypervisor's */
	struct veneer_clock clock;
	uint64_t kernel_gs_base; /* for the guest's entry code */
	uint64_t user_gs_base;	 /* RETURN_USER loads it */
	uint64_t fault[6];	 /* RIP CS RFLAGS RSP SS error code, for VENEER_ENTRY_FAULT */
	uint64_t scratch;	 /* of RETURN_USER */
	uint8_t free_for_guest[0x800 - 0xa8];
	uint8_t entry_stack[0x800]; /* see SOFTINT_GATE */
};

struct veneer_start_info {
	uint32_t magic; /* VENEER_START_MAGIC */
	uint16_t abi_major;
	uint16_t abi_minor;
	uint64_t features;	 /* VENEER_FEATURE_* */
	uint64_t memory;	 /* bytes of RAM, from guest-physical 0 */
	uint64_t vcpu_pages;	 /* guest-physical address of vCPU 0's page */
	uint64_t hypercall_page; /* guest-virtual address */
	uint32_t vcpus;
	uint32_t tsc_khz;
	uint64_t module; /* guest-physical address of the module, 0 if there is none */
	uint64_t module_bytes;
	uint64_t reserved_end; /* RAM below this is in use at the start: image, module, this page */
	char cmdline[256];     /* from the configuration, NUL-terminated */
	uint64_t wall_clock;   /* ns since 1970, UTC, when the pvclock was 0 */
};

struct veneer_vcpu_start {
	uint64_t rip, rsp, rdi; /* where it begins, as a kernel with events masked */
	uint64_t root;		/* gpa, as for MMU_LOAD_ROOT */
	uint64_t vcpu_page;	/* gpa, as for VCPU_PAGE */
};

/* A split virtqueue, virtio 1.2 section 2.7: guest-physical addresses of its three parts. */
struct veneer_virtio_queue {
	uint32_t queue, size;
	uint64_t desc, avail, used;
};

struct veneer_handlers {
	uint64_t exception[32];
	uint64_t event;
	uint64_t syscall;
	uint64_t window_start; /* the restartable window, 0 and 0 for none */
	uint64_t window_end;
};

/* What `veneer rewrite` says about its output. Addresses are guest-virtual, 32 bits. */
struct veneer_rewrite_note {
	uint32_t version;      /* VENEER_REWRITE_VERSION */
	uint32_t window;       /* first address of the patch window, 4 MiB aligned */
	uint32_t window_bytes; /* a multiple of 4096 */
	uint32_t stubs;	       /* first stub */
	uint32_t stubs_bytes;
	uint32_t sites; /* array of struct veneer_site, sorted by address */
	uint32_t site_count;
	uint32_t windows; /* array of struct veneer_iret_window, sorted by start */
	uint32_t window_count;
	uint32_t originals; /* array of struct veneer_original */
	uint32_t original_count;
};
#define VENEER_REWRITE_VERSION 2

/* Bytes that were changed, as they were: put back, they make the image what it was before, which is
 * what a virtual machine runs. */
struct veneer_original {
	uint32_t address;
	uint8_t length; /* 1 to 27 */
	uint8_t bytes[27];
};

/* The patch window of a rewritten guest: page 0 is the vCPU page, page 1 the same page again, which
 * the hypervisor takes away while an interrupt waits for unmasking; stubs and tables follow. */
#define VENEER_WINDOW_MASK   0x0000 /* irq_mask: plain store */
#define VENEER_WINDOW_UNMASK 0x1000 /* irq_mask: a store here traps when something is pending */
#define VENEER_WINDOW_STUBS  0x2000

#define VENEER_OFFSET(type, field, offset) \
	_Static_assert(__builtin_offsetof(struct type, field) == (offset), #type "." #field)
VENEER_OFFSET(veneer_vcpu_page, irq_mask, VENEER_VP_IRQ_MASK);
VENEER_OFFSET(veneer_vcpu_page, irq_pending, VENEER_VP_IRQ_PENDING);
VENEER_OFFSET(veneer_vcpu_page, events, VENEER_VP_EVENTS);
VENEER_OFFSET(veneer_vcpu_page, kernel_sp, VENEER_VP_KERNEL_SP);
VENEER_OFFSET(veneer_vcpu_page, user_sp, VENEER_VP_USER_SP);
VENEER_OFFSET(veneer_vcpu_page, cr2, VENEER_VP_CR2);
VENEER_OFFSET(veneer_vcpu_page, id, VENEER_VP_ID);
VENEER_OFFSET(veneer_vcpu_page, clock, VENEER_VP_CLOCK);
VENEER_OFFSET(veneer_vcpu_page, kernel_gs_base, VENEER_VP_KERNEL_GS);
VENEER_OFFSET(veneer_vcpu_page, user_gs_base, VENEER_VP_USER_GS);
VENEER_OFFSET(veneer_vcpu_page, fault_busy, VENEER_VP_FAULT_BUSY);
VENEER_OFFSET(veneer_vcpu_page, fault, VENEER_VP_FAULT);
VENEER_OFFSET(veneer_vcpu_page, scratch, VENEER_VP_SCRATCH);
VENEER_OFFSET(veneer_vcpu_page, free_for_guest, VENEER_VP_FREE);
VENEER_OFFSET(veneer_vcpu_page, entry_stack, 0x800);
VENEER_OFFSET(veneer_clock, tsc_timestamp, 8);
VENEER_OFFSET(veneer_clock, system_time, 16);
VENEER_OFFSET(veneer_clock, tsc_to_system_mul, 24);
VENEER_OFFSET(veneer_clock, tsc_shift, 28);
VENEER_OFFSET(veneer_start_info, abi_major, 4);
VENEER_OFFSET(veneer_start_info, abi_minor, 6);
VENEER_OFFSET(veneer_start_info, memory, 16);
VENEER_OFFSET(veneer_start_info, vcpu_pages, 24);
VENEER_OFFSET(veneer_start_info, hypercall_page, 32);
VENEER_OFFSET(veneer_start_info, vcpus, 40);
VENEER_OFFSET(veneer_start_info, tsc_khz, 44);
VENEER_OFFSET(veneer_start_info, module, 48);
VENEER_OFFSET(veneer_start_info, module_bytes, 56);
VENEER_OFFSET(veneer_start_info, reserved_end, 64);
VENEER_OFFSET(veneer_start_info, features, VENEER_SI_FEATURES);
VENEER_OFFSET(veneer_start_info, cmdline, 72);
VENEER_OFFSET(veneer_start_info, wall_clock, 328);
VENEER_OFFSET(veneer_handlers, event, 256);
VENEER_OFFSET(veneer_handlers, syscall, 264);
VENEER_OFFSET(veneer_handlers, window_start, 272);
VENEER_OFFSET(veneer_handlers, window_end, 280);
_Static_assert(sizeof(struct veneer_vcpu_page) == 4096, "vCPU page");
_Static_assert(sizeof(struct veneer_clock) == 32, "pvclock");
_Static_assert(sizeof(struct veneer_handlers) == 288, "handlers");
_Static_assert(sizeof(struct veneer_virtio_queue) == 32, "virtio queue");
_Static_assert(sizeof(struct veneer_vcpu_start) == 40, "vCPU start");
_Static_assert(sizeof(struct veneer_rewrite_note) == 44, "rewrite note");
_Static_assert(sizeof(struct veneer_original) == 32, "original bytes");

#endif /* __ASSEMBLER__ */
#endif
