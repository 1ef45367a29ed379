/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Console output of a guest, and messages of the hypervisor about it. A guest whose ring is full
 * waits until there is room.
 */
#pragma once

#include "kernel/console.h"

#define CONSOLE_PART 64 /* the budget of one part: bytes of a guest's output */

/* A message of the hypervisor about a guest. */
void console_guest_notice(struct guest *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The last message, for which room is reserved: how the guest has ended. */
void console_guest_exit_code(struct guest *g, const char *how, int exit_code);

/* Prints bytes of the guest's output until *budget is used up: 1 for each, more for one that ends a
 * line; from any vCPU. Returns how many were taken; 0 with a budget left: no room, and REQUEST_ROOM
 * follows when there is. */
uint64_t console_guest_write(struct guest *g, const char *text, uint64_t bytes, unsigned *budget);

/* One byte of it, with the guest's console lock held. False: there is no room for another. */
bool console_guest_put(struct guest *g, char c);

/* Sends finished lines, within a bound; with none of the guest's locks held. */
void console_guest_send(struct guest *g);

void console_guest_prompt(struct guest *g); /* it waits: an unfinished line may be a prompt */
void console_guest_flush(struct guest *g);  /* it has ended: prints an unfinished line */
bool console_guest_room(struct guest *g);
