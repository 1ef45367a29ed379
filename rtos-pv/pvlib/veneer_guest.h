/* SPDX-License-Identifier: MIT */
/*
 * The PV guest library: what a small kernel needs to run on Veneer. It provides the entry, page
 * tables, exceptions, events, clock and console; the kernel provides veneer_main(). It only needs
 * the ABI header, and a linker script that keeps .note.veneer and starts below 1 GiB.
 */
#ifndef VENEER_GUEST_H
#define VENEER_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/veneer.h"

/* What an exception, event or soft interrupt pushes on the kernel's stack. */
struct veneer_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Called once, masked, on a boot stack, with the page table loaded. */
void veneer_main(const struct veneer_start_info *info);

/* The running vCPU's page, mapped where instructions can reach it directly. */
extern volatile struct veneer_vcpu_page veneer_vcpu;

/* A hypercall by number (VENEER_HC_*). Negative errno on failure. */
static inline int64_t veneer_hypercall(unsigned nr, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t entry = VENEER_HYPERCALL_PAGE + nr * VENEER_HYPERCALL_STRIDE;
	int64_t result;

	__asm__ volatile("call *%1"
			 : "=a"(result)
			 : "r"(entry), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

static inline void veneer_mask(void)
{
	veneer_vcpu.irq_mask = VENEER_IRQ_MASKED;
	__asm__ volatile("" ::: "memory");
}

static inline void veneer_unmask(void)
{
	__asm__ volatile("" ::: "memory");
	veneer_vcpu.irq_mask = 0;
	if (__builtin_expect(veneer_vcpu.irq_pending, 0))
		veneer_hypercall(VENEER_HC_EVENT_CHECK, 0, 0, 0);
}

/* Masks; returns the previous state, for veneer_restore. */
static inline unsigned long veneer_save(void)
{
	unsigned long was = veneer_vcpu.irq_mask;

	veneer_mask();
	return was;
}

static inline void veneer_restore(unsigned long was)
{
	if (!was)
		veneer_unmask();
}

/* Handlers run masked, on the stack of what they interrupted. */
typedef void veneer_event_fn(void);
typedef void veneer_exception_fn(struct veneer_frame *frame);
void veneer_on_event(unsigned event, veneer_event_fn *fn);
void veneer_on_exception(unsigned vector, veneer_exception_fn *fn);
/* INT n from ring 3 calls fn directly; entries arrive on veneer_vcpu.kernel_sp. Only one vector. */
int veneer_on_softint(unsigned vector, veneer_exception_fn *fn);
/* Called last after each event or soft interrupt, before returning: the place to switch threads. */
void veneer_on_return(veneer_event_fn *fn);

uint64_t veneer_clock_ns(void);				  /* since the machine started */
int veneer_timer_set(uint64_t at_ns, uint64_t period_ns); /* VENEER_EVENT_TIMER; 0 stops */

void veneer_console_write(const char *s, size_t n);
size_t veneer_console_read(char *s, size_t n);
void veneer_shutdown(int exit_code) __attribute__((noreturn));

/* Waits for an event, delivers it, returns unmasked. */
static inline void veneer_halt(void)
{
	veneer_hypercall(VENEER_HC_HALT, 0, 0, 0);
}

/* The one page table: RAM at its guest-physical address (user-accessible, 2 MiB pages), and 2 MiB
 * of 4 KiB pages at VENEER_WINDOW for the kernel's own use, empty at first. */
uint64_t *veneer_root(void);
#define VENEER_WINDOW 0x40000000ull
void veneer_window_set(unsigned page, uint64_t entry); /* an x86 page-table entry, 0 to unmap */
void veneer_window_flush(unsigned page, unsigned count);

#endif
