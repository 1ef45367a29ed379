/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine memory: who has which frames. Everything is handed out at boot, in whole pages, and stays
 * where it is: partitions do not grow, so there is nothing to free and nothing to fragment.
 */
#ifndef VENEER_MEMORY_H
#define VENEER_MEMORY_H

#include "arch/layout.h"
#include "lib/types.h"

struct boot_info;

/* Takes the loader's map, less the image, the bundle and the first MiB. */
void memory_init(const struct boot_info *info);

/* Frames, aligned (a power of two, at least a page); v == 0 if there are not that many.
 * memory_alloc zeroes them, and so does memory_need, which panics where there are none for what. */
mpa_t memory_take(uint64_t bytes, uint64_t align);
mpa_t memory_alloc(uint64_t bytes);
mpa_t memory_need(uint64_t bytes, const char *what);

uint64_t memory_free_bytes(void);

/* Bytes of the machine; of that, by memory_alloc and the image; by the image alone. A page below
 * 1 MiB for starting processors, 0: there is none. */
extern struct machine_memory {
	uint64_t total, used, image, low_page;
} machine_memory;

/* Builds the hypervisor's own tables: one root for each CPU, with the CPU's gate area. */
void hv_tables_init(void);
/* Before a guest or another CPU runs: from now on nothing can write to text and constants, by their
 * addresses in the direct map neither. */
void hv_tables_seal(void);
/* A stack for the hypervisor, with a guard page below: its top. */
uint64_t hv_stack_create(uint64_t bytes);
bool hv_is_guard(uint64_t va);
void hv_map_device(mpa_t pa); /* one uncached page, at its direct-map address */
uint64_t *hv_root_create(mpa_t gate_pdpt);
uint64_t *hv_table(uint64_t *entry); /* that it points to; a new one if it is empty */

/* Whether the hypervisor may have mapped some of [va, va + bytes) in its own address space. */
bool hv_maps(uint64_t va, uint64_t bytes);

#endif
