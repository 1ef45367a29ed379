/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console: the machine's first serial port, shared by the hypervisor ("veneer: ...") and every
 * guest ("name: ..."), a line at a time. What is typed goes to the guest that was chosen with
 * Ctrl-A.
 *
 * Nobody waits for the port. Each guest has a ring of finished lines, and the hypervisor has one.
 * Whoever adds a line sends as much as the port takes at once, within a bound; the rest is sent by
 * a timer that is the guest's own, in the guest's own time. A guest whose ring is full waits until
 * there is room. A part of each ring is kept for what the hypervisor says about the guest.
 */
#ifndef VENEER_CONSOLE_H
#define VENEER_CONSOLE_H

#include "kernel/timer.h"

struct guest;

#define CONSOLE_RING 8192 /* bytes, a power of two */
#define CONSOLE_PART 64	  /* bytes of a guest's output that are looked at in one go */

struct console_ring {
	uint8_t lock;
	uint32_t head, tail; /* count up without an end */
	uint32_t dropped;    /* lines that found no room */
	bool waiting;	     /* a vCPU or a device wants to know when there is room; atomic */
	struct timer timer;  /* sends what the port did not take, on vCPU 0's CPU */
	uint8_t bytes[CONSOLE_RING];
};

void console_init(void);
void console_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same; more: nobody's line comes between it and the hypervisor's next, which must follow. */
void console_print_list(bool more, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Until the guests run, and from the machine's end on, every line goes to the port at once. */
void console_start_buffering(void);
void console_stop_buffering(void);

/* A last line, whatever state the console is in: from a panic or a machine check. */
void console_print_now(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Something the hypervisor says about a guest. */
void console_guest_notice(struct guest *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The last of these, for which there is always room: how the guest has ended. */
void console_guest_verdict(struct guest *g, const char *how, int verdict);

/* Up to CONSOLE_PART bytes of the guest's own output, from any vCPU, and fewer with ends of lines
 * among them: how many were taken; 0: there is no room, and REQUEST_ROOM will say when there is. */
uint64_t console_guest_write(struct guest *g, const char *text, uint64_t bytes);

/* One byte of it, with the guest's console lock held. False: there is no room for another. */
bool console_guest_put(struct guest *g, char c);

/* Sends finished lines, within a bound; with none of the guest's locks held. */
void console_guest_send(struct guest *g);

void console_guest_prompt(struct guest *g); /* it waits: what it has of a line may be a prompt */
void console_guest_flush(struct guest *g);  /* it has ended: a line it did not finish is printed */
bool console_guest_room(struct guest *g);

/* On CPU 0: what the port did not take of the hypervisor's own lines. */
void console_attend(void);

/* Bytes have arrived at the port. */
void console_interrupt(void);

/* monitor.c: one of them. */
void monitor_input(uint8_t byte);

#endif
