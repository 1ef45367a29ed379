/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hypervisor's own address space. */
#pragma once

#define DIRECT_MAP_SLOT 257
#define DIRECT_MAP	0xffff808000000000 /* all machine memory, root slots 257 to 259 */
#define DIRECT_MAP_MAX	0x18000000000	   /* 1.5 TiB */
#define IMAGE_BASE	0xffffffff80000000 /* machine address 0, for the image alone */
#define IMAGE_BYTES	0x1000000	   /* at most, from there */
#define STACKS_BASE	0xffffffff40000000 /* with an unmapped page between any two */
#define STACKS_BYTES	0x200000

#define CPU_STACK_BYTES 16384

#define BOOT_MAGIC_PVH	0x336ec578 /* the start info's own magic value */
#define BOOT_MAGIC_MB2	0x36d76289

#ifndef __ASSEMBLER__
#include "lib/types.h"

/* All machine memory is mapped at DIRECT_MAP; in tests on the host it is an array. */
#ifdef VENEER_HOST
extern char *host_memory;
#define DIRECT_BASE ((uint64_t)host_memory)
#else
#define DIRECT_BASE DIRECT_MAP
#endif

static inline void *direct(mpa_t pa)
{
	return (void *)(pa.v + DIRECT_BASE);
}

static inline mpa_t direct_mpa(const void *p)
{
	return MPA((uint64_t)p - DIRECT_BASE);
}
#endif
