/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Linux kernel as it lies in /boot, and what else uses its boot protocol (memtest86+): the 32-bit
 * entry, Documentation/arch/x86/boot.rst in the kernel's source. */
#ifndef VENEER_BZIMAGE_H
#define VENEER_BZIMAGE_H

#include "core/types.h"

struct guest;

bool bzimage_is(const void *data, uint64_t bytes);

/* The parts of load_begin and load_finish for such an image: kernel and module (as initrd); then
 * command line, memory map, and the first vCPU at the entry. */
const char *bzimage_begin(struct guest *g);
void bzimage_finish(struct guest *g);

#endif
