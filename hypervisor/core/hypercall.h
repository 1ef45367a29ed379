/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercalls of PV guests; their meaning is in abi/veneer.h. */
#ifndef VENEER_HYPERCALL_H
#define VENEER_HYPERCALL_H

struct vcpu;

void hypercall(struct vcpu *v);

#endif
