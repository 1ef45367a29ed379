/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine as a whole: summary and power-off. */
#ifndef VENEER_MACHINE_H
#define VENEER_MACHINE_H

struct guest;

void machine_guest_stats(struct guest *g);

/* Prints the summary and powers the machine off; its exit status tells whether all guests were
 * well, where something can read it (QEMU's isa-debug-exit at port 0xf4: 1 well, 3 not). */
void machine_off(void);

#endif
