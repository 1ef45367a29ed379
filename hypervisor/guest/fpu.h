/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point and vector state of a vCPU. It is in the processor while the vCPU is loaded, since
 * the hypervisor uses none itself. Nothing of it remains visible to the next guest. */
#pragma once

#include "lib/types.h"

void fpu_reset(struct vcpu *v); /* as after FNINIT, SDM 1 sections 8.1.4 and 13.6 */
void fpu_save(const struct vcpu *v);
void fpu_load(const struct vcpu *v);

/* While it is loaded: saves what the guest has set without an exit. */
void fpu_take_xcr0(struct vcpu *v);

/* A guest's XSETBV, of ECX and EDX:EAX: false for what the processor would refuse, SDM 1 section
 * 13.3. */
bool fpu_xsetbv(struct vcpu *v);
