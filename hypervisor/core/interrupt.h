/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VENEER_INTERRUPT_H
#define VENEER_INTERRUPT_H

/* One of the machine's interrupts: vector 32 and up. */
void interrupt_handle(unsigned vector);

#endif
