/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a port provides to the kernel. port-pv/ is a PV guest of Veneer, port-pc/ a bare PC; each
 * has a port_inline.h with the interrupt flag and the system call, which are too short for a call.
 */
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* port_inline.h: unsigned long irq_save(void); void irq_restore(unsigned long state);
 * long user_syscall(long nr, long a, long b); uint64_t port_tsc(void); */
#include "port_inline.h"

void port_init(void);	     /* interrupts and clock ready, masked */
uint64_t port_time_ns(void); /* since port_init */
uint64_t port_tsc_from_ns(uint64_t ns);
void port_timer_set(uint64_t at_ns); /* one interrupt at that time: kernel_timer(); ~0: none */
void port_idle(void); /* masked: waits for an interrupt, handles it, returns masked */
void port_put(const char *s, size_t n);
void port_exit(int code) __attribute__((noreturn));
const char *port_cmdline(void);
extern const char port_name[];

/* A stack on which port_switch will call entry(arg), masked, never to return. */
void *port_stack_init(void *top, void (*entry)(void *), void *arg);
void port_switch(void **save_sp, void *load_sp);
void port_kernel_stack(void *top); /* where entries from ring 3 arrive */
void port_enter_user(void (*entry)(void *), void *arg, void *stack_top) __attribute__((noreturn));

/* For the measurements */
void port_bench_out(void); /* one write to a port without a device */
void port_bench_in(void);
void port_bench_page_setup(bool on);
void port_bench_page_touch(unsigned n); /* map, touch and unmap a page n times */
void port_bench_pte(unsigned n);	/* change a translation n times, unused */
void port_bench_page_fault(unsigned n); /* the same, mapped by the fault's handler */
bool port_bench_cr3(
	unsigned n); /* load CR3 n times, each time read 32 MiB of user pages; false: no */
void port_bench_eoi(unsigned n); /* send n EOIs to the 8259 */
bool port_bench_apic(void); /* enable the local APIC, for the next two; false if there is none */
void port_bench_eoi_apic(unsigned n);
void port_bench_ipi(unsigned n);	       /* interrupts to this processor, each one taken */
unsigned port_bench_divide_errors(unsigned n); /* n times; how many were handled */
bool port_bench_hypercall(bool full);	       /* false where there is none */

/* The kernel, called by the port */
void kernel_timer(void); /* from the timer interrupt */
void kernel_interrupt_enter(void);
void kernel_interrupt_exit(void);	      /* last, may switch threads */
long kernel_syscall(long nr, long a, long b); /* from ring 3 */
void kernel_input(char c);		      /* a byte typed at the console */

#endif
