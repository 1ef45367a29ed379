/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Linux kernel as it lies in /boot, and what else uses its boot protocol (memtest86+): the 32-bit
 * entry, Documentation/arch/x86/boot.rst in the kernel's source. */
#ifndef VENEER_BZIMAGE_H
#define VENEER_BZIMAGE_H

#include "core/types.h"

struct guest;

bool bzimage_is(const void *data, uint64_t bytes);

/* Puts kernel, module (as initrd), command line and memory map into the guest's memory, and its
 * first vCPU at the entry. NULL, or what is wrong. */
const char *bzimage_load(struct guest *g);

#endif
