/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PV guests in a virtual machine: the parts of struct engine that serve them. */
#ifndef VENEER_HVM_PV_H
#define VENEER_HVM_PV_H

#include "core/types.h"

struct guest;
struct vcpu;
struct veneer_vcpu_page;

int hvm_pv_create_guest(struct guest *g);
int hvm_pv_create_vcpu(struct vcpu *v); /* v->nested_root is then its own */
void hvm_pv_start(struct vcpu *v, gpa_t root);
bool hvm_pv_deliver(struct vcpu *v);

void hvm_load_entries(struct vcpu *v);
void hvm_load_root(struct vcpu *v, gpa_t root, bool flush);
bool hvm_drop_root(struct vcpu *v, gpa_t root);
void hvm_flush(struct vcpu *v, gva_t va, uint64_t bytes);
void hvm_use_page(struct vcpu *v, struct veneer_vcpu_page *page);
int hvm_set_ldt(struct vcpu *v, gva_t at, uint64_t entries);
void hvm_set_softint(struct vcpu *v, unsigned vector, uint64_t at, unsigned dpl);

void hvm_pv_use_vmcall(void); /* once, before any guest: VT-x's instruction in gate.S */

bool hvm_pv_in_gate(uint64_t rip); /* code of gate.S, the hypercall page included */

/* #GP, when the guest wants an I/O bitmap for its ring 3: whether that is what it was. */
bool hvm_pv_port(struct vcpu *v);

/* Of struct engine: what is the same for both, and what knows the control block, by functions of
 * the same names in svm.c and vmx.c. */
#define HVM_ENGINE                                                                               \
	.hvm = &vendor, .missing = missing, .start_cpu = start_cpu, .create_vcpu = create_vcpu,  \
	.start = start, .load = load, .unload = unload, .run = run, .debug_changed = load_debug, \
	.create_guest = hvm_create_guest, .check = nested_check, .deliver = hvm_deliver,         \
	.gather = hvm_gather, .segment_base = hvm_segment_base,                                  \
	.segment_holds = hvm_segment_holds, .flags = hvm_flags, .exception = hvm_exception,      \
	.page_fault = hvm_page_fault, .load_entries = hvm_load_entries,                          \
	.load_root = hvm_load_root, .drop_root = hvm_drop_root, .flush = hvm_flush,              \
	.use_page = hvm_use_page, .set_ldt = hvm_set_ldt, .set_softint = hvm_set_softint

#endif
