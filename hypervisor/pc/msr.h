/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Model-specific registers of a guest, but for those that an engine keeps (EFER, and in a virtual
 * machine those that do not exit). False: no such register, or an invalid value. */
#pragma once

#include "lib/types.h"

bool msr_read(const struct vcpu *v, uint32_t msr, uint64_t *value);
bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
