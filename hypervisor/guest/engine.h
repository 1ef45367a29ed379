/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An engine runs vCPUs until something needs the hypervisor. Everything above this header is the
 * same for all of them: scheduling, devices, hypercalls, the console.
 *
 * All functions are called on the vCPU's own CPU, but for create and the first start of a guest's
 * first vCPU, which the boot CPU does before others run.
 */
#pragma once

#include "lib/types.h"

struct veneer_vcpu_page;

/* Of a segment, from an offset. */
struct span {
	uint64_t offset;
	unsigned bytes;
	bool write;
};

#define NO_ERROR (-1) /* an exception without an error code */

/* Result of a check of a guest's tables. */
struct table_report {
	unsigned tables, leaves;
	const char *what; /* is wrong; NULL: nothing */
	unsigned page, level, index;
};

struct engine {
	const char *name;
	unsigned hypercall_bytes; /* of the instruction in the hypercall page */
	unsigned kernel_ring;	  /* that guests' kernels run in: 0, or 1 */
	const char *reason;	  /* what regs.vector is after an exit, for people */

	/* The feature that this processor lacks, or NULL; no function: none. */
	const char *(*missing)(void);
	/* Makes this CPU ready for it, once there are all guests; no harm if it is already. */
	void (*start_cpu)(struct cpu *cpu);

	/* Memory for a guest and for each of its vCPUs, with v->view. 0, or -ENOMEM. */
	int (*create_guest)(struct guest *g);
	int (*create_vcpu)(struct vcpu *v);
	/* Before the image is loaded again, with all vCPUs stopped: a part of what is to be done.
	 * True: that is all. NULL: nothing. */
	bool (*reset_part)(struct guest *g, bool first);

	/* Whether what the processor walks on the guest's behalf leads to nothing but the guest's;
	 * its vCPUs may be running. */
	bool (*check)(struct guest *g, struct table_report *r);

	/* Puts a vCPU at its first instruction. Its general registers are in v->regs. PV: in the
	 * kernel, on root, ~0 for the identity map. Legacy: flat 32-bit code with paging off. What
	 * takes long is left for REQUEST_WORK. */
	void (*start)(struct vcpu *v, gpa_t root);

	/* Loads its registers into the processor, and saves them. */
	void (*load)(struct cpu *cpu, struct vcpu *v);
	void (*unload)(struct cpu *cpu, struct vcpu *v);

	/* Before entry: sends what is pending. False: it does not run now, and others come first.
	 */
	bool (*deliver)(struct vcpu *v);
	/* Runs the guest until it has left the processor, and sees to the reason. */
	void (*run)(struct cpu *cpu, struct vcpu *v);

	/* Of the code that runs: its size, 16, 32 or 64 bits, and up to INSN_BYTES from RIP on; how
	 * many could be read. */
	unsigned (*code_bits)(const struct vcpu *v);
	unsigned (*fetch)(struct vcpu *v, uint8_t *code);

	/* Before they are shown: registers that only the processor or its control block has, into
	 * v->legacy, v->view and, of CR2, v->page. NULL: they are there. */
	void (*gather)(struct vcpu *v);

	/* The flags as the guest sees them; NULL: the processor's. */
	uint32_t (*flags)(const struct vcpu *v);

	/* The selector in a segment register as the guest has loaded it, while it is loaded. */
	uint16_t (*selector)(const struct vcpu *v, unsigned seg);

	/* What emulation needs: a segment's base (ES CS SS DS FS GS = 0..5), and faults sent to the
	 * guest. */
	uint64_t (*segment_base)(const struct vcpu *v, unsigned seg);
	/* Whether a segment's limit and rights let bytes at an offset be read or written. */
	bool (*segment_holds)(const struct vcpu *v, unsigned seg, const struct span *s);
	void (*exception)(struct vcpu *v, unsigned vector, int64_t error);
	void (*page_fault)(struct vcpu *v, gva_t va, unsigned error);

	/* What a PV guest may set of its vCPU. Errors as in abi/veneer.h. */
	void (*load_entries)(struct vcpu *v); /* handlers and entries have changed */
	void (*load_root)(struct vcpu *v, gpa_t root, bool flush);
	bool (*drop_root)(struct vcpu *v, gpa_t root); /* false: a part is done */
	void (*flush)(struct vcpu *v, gva_t va, uint64_t bytes);
	void (*work_part)(struct vcpu *v); /* of a root's load, a flush, set_ldt: REQUEST_WORK */
	void (*use_page)(struct vcpu *v, struct veneer_vcpu_page *page);
	int (*set_ldt)(struct vcpu *v, gva_t at, uint64_t entries);
	void (*debug_changed)(struct vcpu *v); /* v->dr; NULL: nothing to do */
	void (*set_softint)(struct vcpu *v, unsigned vector, uint64_t at, unsigned dpl);
};

extern const struct engine ring_engine, svm_engine, vmx_engine;

/* The engine for the guest's configuration; NULL, with the reason in *why. */
const struct engine *engine_choose(const struct guest *g, const char **why);
