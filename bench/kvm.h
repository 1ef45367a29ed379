/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM as a peer: on Debian's kernel, guest/kvmrun.c runs the RTOS with kvm_amd, on QEMU's AMD-V. */
#pragma once

#include "results.h"

int kvm_measure(struct results *r, unsigned config, bool quiet);
