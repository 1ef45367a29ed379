/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM as a peer: guest/kvmrun.c in Debian's kernel runs the RTOS by kvm_amd, in QEMU's AMD-V. */
#ifndef BENCH_KVM_H
#define BENCH_KVM_H

#include "results.h"

int kvm_measure(struct results *r, unsigned config, bool quiet);

#endif
