/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Common code of the engines for hardware virtualization. Only svm.c and vmx.c know their control
 * blocks; the rest does not distinguish them.
 */
#pragma once

#include "guest/guest.h"
#include "guest/operand.h"

/* Registers of the control block; RIP, RSP, RFLAGS and RAX are in v->regs between two runs. EFER is
 * only set: as the guest has it, it is in v->hvm. */
enum hvm_register { HVM_CR0, HVM_CR2, HVM_CR3, HVM_CR4, HVM_EFER };

/* As AMD-V has it (APM 2, table B-2). Attributes are bits 55:52 and 47:40 of a descriptor, side by
 * side; 0: not usable. */
struct hvm_segment {
	uint16_t selector, attributes;
	uint32_t limit;
	uint64_t base;
};
/* ES CS SS DS FS GS = 0..5, then: */
enum { HVM_LDTR = 6, HVM_TR, HVM_GDTR, HVM_IDTR };
#define HVM_CODE32   0xc9b
#define HVM_CODE64   0xa9b
#define HVM_DATA32   0xc93
#define HVM_CODE16   0x09b
#define HVM_DATA16   0x093
#define HVM_TSS_BUSY 0x08b
#define HVM_LDT	     0x082
#define HVM_LONG     0x200
#define HVM_BIG	     0x400
#define HVM_LIMIT    0xffffffff

enum hvm_event { HVM_INTERRUPT, HVM_EXCEPTION };

/* Exceptions that exit: #MC belongs to the machine; #AC and #DB could recur endlessly during
 * delivery. And those of a PV guest, see load_entries. */
#define HVM_EXCEPTIONS (BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC))

/* And #GP where a debugger may set breakpoints, see debug/gdb/breakpoints.c. */
static inline uint32_t hvm_exceptions(const struct vcpu *v)
{
	return HVM_EXCEPTIONS | (v->guest->debugger ? BIT(VECTOR_GP) : 0);
}
uint32_t hvm_exception_bitmap(const struct vcpu *v);

/* How the entries look: AMD APM 2 15.25.5 (as page tables), Intel SDM 3C 29.3.2 (EPT). */
struct nested_format {
	uint64_t table;	    /* bits of an entry that leads on */
	uint64_t leaf;	    /* bits of one that maps */
	uint64_t large;	    /* added where it maps 2 MiB */
	uint64_t read_only; /* bits of leaf to take away */
};

struct hvm_vendor {
	unsigned vcpu_bytes; /* of its structure for a vCPU; the first member is struct hvm_vcpu */
	struct nested_format format;
	bool (*prepare)(void); /* before a guest is created; false: no memory */
	uint64_t (*get)(const struct vcpu *v, enum hvm_register r);
	void (*set)(struct vcpu *v, enum hvm_register r, uint64_t value);
	struct hvm_segment (*get_segment)(const struct vcpu *v, unsigned seg);
	void (*set_segment)(struct vcpu *v, unsigned seg, const struct hvm_segment *s);

	/* Injects an event at the next entry; error is NO_ERROR if it has none. */
	void (*inject)(struct vcpu *v, enum hvm_event type, unsigned vector, int64_t error);
	/* Whether an interrupt can be injected now; requests an exit for when it can. */
	bool (*interruptible)(const struct vcpu *v);
	void (*request_irq_window)(struct vcpu *v, bool wanted);
	bool (*has_event)(const struct vcpu *v); /* one waits for the next entry */
	/* After the instruction that exited: interrupts are no longer held back by the one before
	 */
	void (*end_shadow)(struct vcpu *v);

	void (*flush)(struct vcpu *v); /* all the guest's translations on this CPU */
	/* PV: SYSCALL and SYSENTER lead to engine/hvm/gate.S, or are refused; exceptions without a
	 * handler exit, and #GP where there is an I/O bitmap */
	void (*load_entries)(struct vcpu *v);
};

/* Of a guest. */
struct hvm_guest {
	mpa_t nested_root; /* of the tables that its vCPUs begin with */
};

/* Of a vCPU: what svm.h and vmx.h add follows. */
struct hvm_vcpu {
	struct guest_view view;
	mpa_t nested_root;  /* the guest's, or under PV its own */
	uint64_t efer; /* as the guest has set it */
	uint32_t asid;	    /* svm: ASID; vmx: VPID */
	struct code_page {
		uint64_t page, root;
		const uint8_t *bytes; /* NULL: none */
	} code;			      /* that the last instruction lay in, see length.c */

	/* Of a kernel that has a gate (gate.h), else NULL: frames of GATE_IDT and GATE_DATA */
	struct gate64 *idt;
	struct hvm_gate_data *gate;
};

/* svm.c and vmx.c have functions of the same names. */
#define HVM_VENDOR                                                                      \
	.get = get, .set = set, .get_segment = get_segment, .set_segment = set_segment, \
	.inject = inject, .interruptible = interruptible,                               \
	.request_irq_window = request_irq_window, .has_event = has_event,               \
	.end_shadow = end_shadow, .flush = flush, .load_entries = load_entries

/* hvm.c: the parts of struct engine that are the same */
int hvm_create_guest(struct guest *g);
int hvm_create_vcpu(struct vcpu *v);
extern const struct hvm_vendor *hvm_vendor; /* of this machine; constant once an engine is chosen */
extern uint32_t hvm_asids;		    /* the same: a CPU has so many, 0 among them */
/* MSRs that the guest owns. VT-x does not switch the first of these, and the hypervisor does not
 * use them: they are switched when a vCPU is loaded. */
enum { HVM_LAZY_MSRS = 5, HVM_OWN_MSRS = 10 };
extern const uint32_t hvm_own_msrs[HVM_OWN_MSRS];
bool hvm_deliver(struct vcpu *v);
void hvm_gather(struct vcpu *v);
uint16_t hvm_selector(const struct vcpu *v, unsigned seg);
uint64_t hvm_segment_base(const struct vcpu *v, unsigned seg);
bool hvm_segment_holds(const struct vcpu *v, unsigned seg, const struct span *s);
void hvm_exception(struct vcpu *v, unsigned vector, int64_t error);
void hvm_page_fault(struct vcpu *v, gva_t va, unsigned error);
void hvm_start(struct vcpu *v, gpa_t root);
void hvm_load(struct vcpu *v); /* FPU and breakpoints, which are not in the control block */
void hvm_unload(struct vcpu *v);

/* Updates v->view from the guest's registers; call it before accessing guest-virtual memory. */
void hvm_paging(struct vcpu *v);
bool hvm_in_code64(const struct vcpu *v);
unsigned hvm_code_bits(const struct vcpu *v);
/* On AMD-V, the privilege check precedes the intercepts of port instructions, MSRs, HLT, INVD,
 * WBINVD, RDPMC and AMD-V's own instructions (APM 2, 15.9). The intercepts of XSETBV and VMMCALL
 * come first, and for CR and DR writes do not rely on it. On VT-x it precedes all but VMCALL's (SDM
 * 3C, 26.1.1). */
bool hvm_in_ring0(const struct vcpu *v);

/*
 * exit.c, port.c: handlers of exits. Each skips the instruction, or injects a fault.
 *
 * The processor's checks (privilege, ring 3's I/O bitmap, page rights) only apply to the
 * instruction that exited, and the bytes at RIP may have changed since. So emulation follows the
 * exit information. If more must be decoded, the instruction at RIP must match that information,
 * else the guest executes it again.
 *
 * hvm_port: IN or OUT, to the port in i->imm. hvm_string: INS or OUTS, to the port in DX; address is
 * the size of its address in bytes, 0 if the processor does not say. Nor may it say i->seg of OUTS:
 * HVM_NOT_SAID. After both the guest continues at next_rip.
 */
#define HVM_NOT_SAID 0xff
void hvm_port(struct vcpu *v, const struct insn *i, uint64_t next_rip);
void hvm_string(struct vcpu *v, struct insn *i, unsigned address, uint64_t next_rip);
/* An exception that exits; detail is the address of a page fault, DR6 of a debug exception. */
void hvm_intercepted(struct vcpu *v, unsigned vector, int64_t error, uint64_t detail);
void hvm_cpuid(struct vcpu *v, unsigned length);
void hvm_rdmsr(struct vcpu *v, unsigned length);
void hvm_wrmsr(struct vcpu *v, unsigned length);
void hvm_xsetbv(struct vcpu *v, unsigned length);
void hvm_halt(struct vcpu *v, unsigned length);
void hvm_hypercall(struct vcpu *v, unsigned length);
/* An exit that was not requested and has no handler: it is reported, and the guest gets #UD. */
void hvm_unknown(struct vcpu *v);

/* length.c: length of the instruction at v->regs->rip, given the size of its opcode; 0: it cannot
 * be read any more, and the guest executes it again. */
struct code_place {
	uint64_t linear, root; /* address, and CR3 */
	bool code64;
};
unsigned hvm_length(struct vcpu *v, const struct code_place *at, unsigned bytes);
/* To behind it. */
void hvm_skip(struct vcpu *v, unsigned length);
/* The same where it was allowed, else the guest gets #GP(0). */
void hvm_finish(struct vcpu *v, bool allowed, unsigned length);

/* Fetches up to 15 bytes at RIP; returns how many could be read. */
unsigned hvm_fetch(struct vcpu *v, uint8_t *code);
/* The instruction there; false: it cannot be read, or is none of 32-bit or 64-bit code. */
bool hvm_decode(struct vcpu *v, struct insn *i);

/* An access to an address without memory: by an instruction's operand, or else an instruction fetch
 * or a page walk. */
void hvm_outside(struct vcpu *v, const struct board_access *a, bool operand);

/* control.c: MOV to CR0 or CR4 by the instruction at RIP; the value of CR0 after LMSW. For
 * processors without decode assists: the first decodes an exit for a write to register n. */
void hvm_write_cr(struct vcpu *v, unsigned n, uint64_t value, unsigned length);
uint64_t hvm_lmsw(const struct vcpu *v, uint16_t word);
void hvm_decode_cr(struct vcpu *v, unsigned n);
bool hvm_write_efer(struct vcpu *v, uint64_t value);

/* nested.c: nested page tables, built once. They map exactly what guest_frame says. */

/* A root that maps all of the guest's memory and vCPU pages; v == 0: no memory for it. */
mpa_t nested_create(struct guest *g);

/* Maps another page, at a guest-physical address outside the guest's memory. False: out of memory,
 * or page.v == 0, which means the same. */
bool nested_map(struct guest *g, mpa_t root, gpa_t at, mpa_t page, bool writable);

/* Another root that shares everything with the first except the tables on the path to a mapped
 * address. */
mpa_t nested_copy_path(struct guest *g, mpa_t root, gpa_t at);

/* Checks that the tables of all vCPUs map what they should; see struct engine. Pages in the report
 * are guest-physical. */
bool nested_check(struct guest *g, struct table_report *r);

/* pv.c: PV guests in a virtual machine, the parts of struct engine that serve them */
int hvm_pv_create_guest(struct guest *g);
int hvm_pv_create_vcpu(struct vcpu *v); /* v->hvm->nested_root is then its own */
void hvm_pv_start(struct vcpu *v, gpa_t root);
void hvm_pv_event(struct vcpu *v); /* sends it, or notes that it is pending */

void hvm_load_entries(struct vcpu *v);
void hvm_load_root(struct vcpu *v, gpa_t root, bool flush);
bool hvm_drop_root(struct vcpu *v, gpa_t root);
void hvm_flush(struct vcpu *v, gva_t va, uint64_t bytes);
void hvm_use_page(struct vcpu *v, struct veneer_vcpu_page *page);
int hvm_set_ldt(struct vcpu *v, gva_t at, uint64_t entries);
void hvm_set_softint(struct vcpu *v, unsigned vector, uint64_t at, unsigned dpl);

void hvm_pv_use_vmcall(void); /* once, before any guest: VT-x's instruction in gate.S */

bool hvm_pv_in_gate(uint64_t rip); /* code of gate.S, the hypercall page included */

/* #GP, if the guest has an I/O bitmap for ring 3: whether it was caused by a port access. */
bool hvm_pv_port(struct vcpu *v);

/* Of struct engine: what is the same for both, VMMCALL's and VMCALL's length included, and what
 * knows the control block, by functions of the same names in svm.c and vmx.c. */
#define HVM_ENGINE                                                                               \
	.missing = missing, .start_cpu = start_cpu, .create_vcpu = hvm_create_vcpu,              \
	.start = start, .load = load, .unload = unload, .run = run, .debug_changed = load_debug, \
	.create_guest = hvm_create_guest, .check = nested_check, .deliver = hvm_deliver,         \
	.gather = hvm_gather, .code_bits = hvm_code_bits, .fetch = hvm_fetch,                    \
	.selector = hvm_selector, .segment_base = hvm_segment_base,                              \
	.segment_holds = hvm_segment_holds, .exception = hvm_exception,                          \
	.page_fault = hvm_page_fault, .load_entries = hvm_load_entries,                          \
	.load_root = hvm_load_root, .drop_root = hvm_drop_root, .flush = hvm_flush,              \
	.use_page = hvm_use_page, .set_ldt = hvm_set_ldt, .set_softint = hvm_set_softint,        \
	.hypercall_bytes = 3, .reason = "exit"
