/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console: the machine's first serial port, shared by the hypervisor ("veneer: ...") and every
 * guest ("name: ..."), a line at a time. What is typed goes to the guest that was chosen with
 * Ctrl-A.
 */
#ifndef VENEER_CONSOLE_H
#define VENEER_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

struct guest;

void console_init(void);
void console_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void console_print_unlocked(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Something the hypervisor says about a guest. */
void console_guest_notice(struct guest *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A byte of the guest's own output. */
void console_guest_write(struct guest *g, const char *text, uint64_t bytes); /* from any vCPU */
void console_guest_put(struct guest *g, char c);

/* The guest has ended: a line it did not finish is printed as it is. */
void console_guest_prompt(struct guest *g); /* it waits: what it has of a line may be a prompt */
void console_guest_flush(struct guest *g);

/* A character without line discipline: for the monitor's prompt. */
void console_put(char c);

/* Bytes have arrived at the port. */
void console_interrupt(void);

#endif
