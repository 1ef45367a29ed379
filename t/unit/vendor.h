/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A struct hvm_vendor for tests. The including test defines get, set and get_segment first. */
#pragma once

#include "engine/hvm/hvm.h"

static int fault; /* the vector sent to the guest, or -1 */

static void inject(struct vcpu *vc, enum hvm_event type, unsigned vector, int64_t error)
{
	(void)vc, (void)type, (void)error;
	fault = (int)vector;
}

static void nothing(struct vcpu *vc)
{
	(void)vc;
}

static const struct hvm_vendor vendor = {
	.get = get,
	.set = set,
	.get_segment = get_segment,
	.inject = inject,
	.end_shadow = nothing,
	.flush = nothing,
};
