/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine memory. Everything is allocated at boot, in whole pages, and never freed or moved:
 * partitions do not grow, so nothing can fragment.
 */
#pragma once

#include "arch/layout.h"

struct boot_info;

/* Takes the loader's map, less the image, the bundle and the first MiB. */
void memory_init(const struct boot_info *info);

/* Allocates frames, aligned (a power of two, at least a page). memory_alloc zeroes them and returns
 * v == 0 if there are not enough; memory_need zeroes them too, and panics with `what` instead. */
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
/* Makes text and constants read-only, also in the direct map. Called before a guest or another CPU
 * runs. */
void hv_tables_seal(void);
/* A stack for the hypervisor, with a guard page below: its top. */
uint64_t hv_stack_create(uint64_t bytes);
bool hv_is_guard(uint64_t va);
void hv_map_device(mpa_t pa); /* one uncached page, at its direct-map address */
uint64_t *hv_root_create(mpa_t gate_pdpt);
uint64_t *hv_table(uint64_t *entry); /* the table an entry points to; allocated if it is empty */

/* Whether any of [va, va + bytes) may be mapped in the hypervisor's address space. */
bool hv_maps(uint64_t va, uint64_t bytes);
