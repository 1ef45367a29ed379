/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console: the machine's first serial port, shared by the hypervisor ("veneer: ...") and every
 * guest ("name: ..."), a line at a time.
 *
 * No code waits for the port. Each guest has a ring of finished lines (guest/console.h), and so has
 * the hypervisor. Adding a line sends as much as the port accepts at once, within a bound; a timer
 * of the guest sends the rest, charged to the guest. Part of each ring is reserved for messages of
 * the hypervisor about the guest.
 */
#pragma once

#include "kernel/spinlock.h"
#include "kernel/timer.h"

#define CONSOLE_RINGS	  32   /* at most */
#define CONSOLE_RING	  8192 /* bytes, a power of two */
#define CONSOLE_LINE	  480  /* bytes of an entry's text, at most */

#define CONSOLE_RESERVE	  2048 /* of a ring, for notices */
#define CONSOLE_EXIT_CODE 512  /* of that, for the last one */

struct console_ring {
	const char *name; /* in front of its lines */
	uint32_t turn;	  /* a bit of its own */
	SPINLOCK(LOCK_RING) lock;
	uint32_t head, tail; /* count up without an end */
	uint32_t dropped;    /* lines that found no room */
	bool waiting;	     /* somebody waits for room; atomic */
	struct timer timer;  /* sends what the port did not take */
	uint8_t bytes[CONSOLE_RING];
};

/* A ring holds entries: struct console_entry, then the text. */
enum console_kind { ENTRY_LINE, ENTRY_PROMPT, ENTRY_NOTICE, ENTRY_EXIT_CODE, ENTRY_MORE };

struct console_entry {
	uint8_t kind;
	uint8_t kept;  /* bytes of a prompt on the screen that are still valid */
	uint8_t erase; /* and bytes behind them to take back */
	uint16_t bytes;
} __attribute__((packed));

void console_init(void);

/* A line. more: the hypervisor's next line follows it directly, and must come. */
void console_print_list(bool more, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define console_print(...) console_print_list(false, __VA_ARGS__)

/* Until the guests run, and from the machine's end on, every line goes to the port at once. */
extern bool console_buffering;
void console_stop_buffering(void);

/* A last line, whatever state the console is in: from a panic or a machine check. */
void console_print_now(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Makes r the ring of that number, empty. */
void console_ring_init(struct console_ring *r, unsigned number, const char *name);

/* False: there is no room for it, and it is counted as dropped. */
bool console_append(struct console_ring *r, const struct console_entry *e, const char *text);
uint32_t console_room(const struct console_ring *r); /* bytes */

/* Sends the ring's lines, within a bound; false: some are left, or another CPU is at it. */
bool console_send(struct console_ring *r);
bool console_has_sent(const struct console_ring *r); /* nothing is left, of nobody's line */

#define CONSOLE_SEND_AGAIN_NS 1400000 /* the port's FIFO is empty again at 115200 bits a second */

/* On CPU 0: what the port did not take of the hypervisor's own lines. */
void console_attend(void);

/* Enables console input, on CPU 0. */
void console_take_input(void (*input)(uint8_t byte));
