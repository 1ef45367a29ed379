/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The paravirtual attacker: its memory layout and its functions. */
#pragma once

#define VCPUS	   8
#define TRAP_STACK 8192 /* the first page of each stack is not mapped */
#define MAIN_STACK 12288

/* Guest-physical addresses, and virtual ones in each of our roots. The memory for attacks is below
 * the image, with nothing mapped around it, so that stray execution ends in a fault. */
#define TABLES		 0x001000 /* page tables */
#define TABLE_PAGES	 120
#define DATA		 0x080000
#define DATA_PAGES	 31
#define CODE		 0x0a0000 /* random code: a page for each vCPU, then some that all share */
#define CODE_PAGES	 15
#define RINGS		 0x0b0000 /* virtio rings */
#define RING_PAGES	 15
#define VCPU_PAGES	 0x0c0000 /* one for each, then some to move to */
#define DESCRIPTORS	 0x100000 /* GDT, LDT, I/O bitmap */
#define DESCRIPTOR_PAGES 32

#ifndef __ASSEMBLER__
#include "random.h"
#include "veneer_guest.h"

struct registers {
	uint64_t rbx, rax, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

/* What must be repaired before the next attack. */
#define DIRTY_ROOT     1
#define DIRTY_HANDLERS 2
#define DIRTY_PAGE     4
#define DIRTY_TABLES   8 /* descriptor tables */
#define DIRTY_TIMER    16

#define ROOTS	       4
#define KNOWN	       16

/* In the registers and memory of a neighbour with `secret`, see t/guests/neighbour.c. */
#define SECRET 0x5ec2e70fabcd1357ull

/* A vCPU of the attacker. */
struct self {
	unsigned id;
	struct random random;
	uint64_t attempts, seen; /* seen: attempts at the last tick */
	unsigned rounds, dirty, root;
	struct veneer_handlers handlers;
	uint64_t touch, stride; /* the range that is being touched */
	unsigned touches;
	uint64_t known[KNOWN];	   /* addresses that led to memory */
	unsigned high_breakpoints; /* debug registers that hold an address in the upper half */
};

extern struct self selves[VCPUS];
extern uint64_t roots[VCPUS][ROOTS][512];
extern const struct veneer_start_info *info;
extern struct weights weights;
extern bool in_machine;			  /* the kernel is in ring 0 of a virtual machine */
extern uint64_t first_spare, spare_pages; /* RAM after the image */
extern unsigned failures;

#define VP ((volatile struct veneer_vcpu_page *)VENEER_VCPU_PAGE)

/* pv.S */
extern char exception_entries[], event_entries[], system_entries[];
extern char trap_stacks[];
void attack_on(struct self *s, void *stack) __attribute__((noreturn));
void run_code(const struct registers *r, const void *code);
enum way { WAY_IRETQ, WAY_RETURN, WAY_RETURN_USER };
void enter_frame(const struct registers *r, const uint64_t frame[5], enum way way);

/* pv.c */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int64_t call(unsigned nr, uint64_t a, uint64_t b, uint64_t c);
uint64_t now_ns(void);
void start_vcpu(struct self *s, unsigned id);
void arm(struct self *s); /* the next attack may hang: limits its time */

/* pv_values.c */
uint64_t edge(struct random *r); /* any number */
void note_shown(void);		 /* more values for edge() */
struct place {
	uint32_t at, pages;
};
#define PLACES 6
extern const struct place places[PLACES];
bool is_spare(uint64_t gpa);		/* can be written without ending the attack */
uint64_t own_address(struct random *r); /* an address in the memory for attacks */
uint64_t table_at(struct random *r);	/* a page table */
void random_registers(struct random *r, struct registers *g);
uint64_t random_code(struct self *s, bool kernel, bool shared); /* writes some; returns where */

/* pv_memory.c: waits while another vCPU checks memory */
void stand_still(struct self *s);
void join_race(struct self *s);

/* pv_calls.c */
void join_ticking(struct self *s);
void join_restart(struct self *s, bool restarts);
void found(uint64_t va, uint64_t seen); /* checks whether it is the neighbour's secret */

/* The kinds of attack. */
typedef void attack_fn(struct self *s);
attack_fn attack_hypercall, attack_tables, attack_touch, attack_roots, attack_descriptors,
	attack_debug, attack_frames, attack_user, attack_virtio, attack_ports, attack_kernel,
	attack_softint, attack_vcpus, attack_console, attack_bulk, attack_rest, attack_return;
#endif
