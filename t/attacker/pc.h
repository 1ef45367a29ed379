/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 32-bit attacker of the bare PC: its memory layout and its functions. */
#pragma once

#define VCPUS		 4
#define STACK		 8192
#define PLACE		 0x200000 /* memory for attacks: ring 3 only has this megabyte */
#define TABLES		 0x200000
#define TABLE_PAGES	 48
#define DATA		 0x240000
#define DATA_PAGES	 32
#define CODE		 0x280000 /* a page for each vCPU, then some that all share */
#define CODE_PAGES	 16
#define DESCRIPTORS	 0x2c0000
#define DESCRIPTOR_PAGES 4
#define PLACE_END	 0x300000
#define TRAMPOLINE	 0x8000 /* where other vCPUs start in real mode */

#define KERNEL_CS	 0x08
#define KERNEL_DS	 0x10
#define USER_CS		 0x1b
#define USER_DS		 0x23
#define TIMER		 0x20

#ifndef __ASSEMBLER__
#include "../guests-pc/serial.h"
#include "random.h"

struct registers {
	uint32_t edi, esi, ebp, esp_unused, ebx, edx, ecx, eax;
};

#define DIRTY_DESCRIPTORS 1
#define DIRTY_CONTROL	  2 /* CR0, CR3, CR4 */
#define DIRTY_DEVICES	  4

struct self {
	uint32_t id;
	struct random random;
	uint32_t attempts, seen, rounds, dirty;
	uint32_t directory; /* in CR3 */
	bool reporting;
	uint32_t touch, touches, stride;
};

extern struct self selves[VCPUS];
extern struct weights weights;
extern bool in_machine; /* in a virtual machine, with APICs and ring 0 */
extern uint32_t memory_bytes;
extern volatile uint32_t mode64_seen;
extern uint32_t directories[VCPUS][1024];

/* pc.S */
extern char entries[], far_landing[], trampoline[], trampoline_end[];
void attack_on(struct self *s, void *stack) __attribute__((noreturn));
void run_code(const struct registers *r, uint32_t code);
void enter_frame(const struct registers *r, const uint32_t frame[5]);
void jump_far(uint32_t offset, uint32_t selector);
void call_far(uint32_t offset, uint32_t selector);
void return_far(uint32_t offset, uint32_t selector);
void load_segments(void);

/* pc.c */
void start_others(struct random *r);
void set_up_devices(const struct self *s);
void set_control(struct self *s);

static inline volatile uint32_t *at32(uint32_t address)
{
	return (volatile uint32_t *)address;
}

typedef void attack_fn(struct self *s);
extern attack_fn *const attacks[KINDS];
#endif
