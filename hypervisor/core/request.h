/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VENEER_REQUEST_H
#define VENEER_REQUEST_H

struct vcpu;

/* Sees to what other CPUs and the monitor have asked of a vCPU (REQUEST_*), on its own CPU. */
void request_handle(struct vcpu *v);

#endif
