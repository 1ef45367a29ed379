/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A gdb stub for each guest that has `gdb = com2` (com3, com4) in its section: gdb talks to that
 * serial port of the machine, and sees the guest's vCPUs as threads.
 *
 * gdb.c is the port, and the timer that looks at it; packet.c takes packets apart, and commands.c
 * answers them. What commands ask for is in registers.c and description.c, memory.c, breakpoints.c,
 * watchpoints.c and run.c (stopping, continuing, stepping); rewritten.c shows a rewritten guest as
 * it was before.
 *
 * The operator's debugger is trusted, the guest is not: all memory is reached through the guest's
 * own tables and guest_frame, as its vCPUs reach it. While gdb works on a guest its vCPUs are
 * paused as by the monitor; everything is done by a timer of vCPU 0's CPU, charged to that vCPU, a
 * bounded part at a time.
 */
#pragma once

#include "guest/guest.h"

extern const struct debugger gdb_debugger;

/* Once all guests have been created, before others run: opens the ports. */
void gdb_start(void);
