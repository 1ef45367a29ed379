/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "lib/types.h"

struct vcpu;

/* Executes CPUID, with what the guest may see; cr4 is the guest's, for leaf 1. */
void guest_cpuid(struct vcpu *v, uint64_t cr4);
/* The same of a stock kernel, without what ring 1 does not have. */
void guest_cpuid_in_ring1(struct vcpu *v, uint64_t cr4);
