/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest prints, and what the hypervisor says about it, on the console that all share. A
 * guest whose ring is full waits until there is room.
 */
#ifndef VENEER_GUEST_CONSOLE_H
#define VENEER_GUEST_CONSOLE_H

#include "kernel/console.h"

#define CONSOLE_PART 64 /* bytes of a guest's output that are looked at in one go */

/* Something the hypervisor says about a guest. */
void console_guest_notice(struct guest *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The last of these, for which there is always room: how the guest has ended. */
void console_guest_exit_code(struct guest *g, const char *how, int exit_code);

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

#endif
