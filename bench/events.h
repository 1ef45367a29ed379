/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions that silicon charges far more for than one cycle, and where they ran: counted by
 * events.c, a plugin of QEMU's, for each operation that a benchmark marks. Its file has a line for
 * each operation in the order of their reports:
 *
 *	events guest.iret=1000 gate.iret=2000 ...
 */
#pragma once

#define EVENT_KINDS(X) \
	X(iret)        \
	X(int) X(syscall) X(sysret) X(sysenter) X(sysexit) X(cr3) X(invlpg) X(vmrun) X(port) X(msr)

enum event_kind {
#define X(name) EVENT_##name,
	EVENT_KINDS(X)
#undef X
		EVENT_COUNT
};

/* Where it ran, by linear address: the gate area, the hypervisor's image, or anything else. */
enum event_side { SIDE_GUEST, SIDE_GATE, SIDE_HYPERVISOR, SIDES };

/* A benchmark's marks: nopl MARK(%rax), seven bytes without effect in every mode. */
#define MARK_BEGIN  0x56420001 /* count from here */
#define MARK_END    0x56420002 /* to here; may come many times */
#define MARK_REPORT 0x56420003 /* ends an operation; the next count is of another */

#ifdef BENCH_MARKS
#define MARK_TEXT_(m) #m
#define MARK_TEXT(m)  MARK_TEXT_(m)
#define MARK(m)	      __asm__ volatile(".byte 0x0f, 0x1f, 0x80; .long " MARK_TEXT(m)::: "memory")
#endif
