/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Seeing to what others have asked of a vCPU (REQUEST_* in guest.h), on its own CPU. */
#ifndef VENEER_REQUEST_H
#define VENEER_REQUEST_H

struct vcpu;

/* What the operator wants, and parking: whoever has the CPU, and however much the vCPU has run. */
void request_at_once(struct vcpu *v);

/* Short requests of guests, paid for by the vCPU. */
void request_in_share(struct vcpu *v);

/* A part of the work that was put off, when it is the vCPU's turn to run. */
void request_in_turn(struct vcpu *v);

#endif
