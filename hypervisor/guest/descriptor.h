/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adjusts the guest's descriptors for the ring that its kernel runs in. Under the ring engine code
 * and data segments of DPL 0 get DPL 1, a legacy guest gets no 64-bit code, and everything is
 * marked accessed (the processor must not write to the gate area). System descriptors, which could
 * lead into ring 0, are removed. In a virtual machine, where the kernel could load any segment
 * itself, it keeps the same ones.
 */
#pragma once

#include "lib/types.h"

struct regs;

#define DESCRIPTORS 128	 /* read in one go */
#define PV_LDT_MAX  8192 /* entries of an LDT */

/* As they may be used by a kernel in that ring. */
void descriptors_fit(uint64_t *to, const uint64_t *from, unsigned count, unsigned ring,
		     bool allow64);

/* Descriptors [from, from + count) of a PV guest's table at, made fit. 0 or -EFAULT. */
int descriptors_read(struct vcpu *v, gva_t at, unsigned from, unsigned count, uint64_t *to);

/* A PV guest's page of the GDT, SEL_GUEST_MAX bytes: what it starts with, and
 * VENEER_HC_SET_DESCRIPTOR. */
void pv_gdt_start(uint64_t *gdt);
int64_t descriptor_hypercall(struct vcpu *v, struct regs *r);
