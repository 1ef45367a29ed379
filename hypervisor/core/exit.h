/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens after a guest has left the processor: the same for every engine. */
#ifndef VENEER_EXIT_H
#define VENEER_EXIT_H

struct vcpu;
struct regs;

void exit_handle(struct vcpu *v);
void exit_requests(struct vcpu *v);   /* REQUEST_*, on the vCPU's own CPU */
void exit_interrupt(unsigned vector); /* one of the machine's interrupts */

#endif
