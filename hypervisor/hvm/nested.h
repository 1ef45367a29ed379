/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nested page tables: guest-physical to machine-physical, built once. What mmu_frame says is all
 * that they map. */
#ifndef VENEER_NESTED_H
#define VENEER_NESTED_H

#include "core/types.h"

struct guest;
struct mmu_report;

/* How the entries look: AMD APM 2 15.25.5 (as page tables), Intel SDM 3C 29.3.2 (EPT). */
struct nested_format {
	uint64_t table;	    /* bits of an entry that leads on */
	uint64_t leaf;	    /* bits of one that maps */
	uint64_t large;	    /* added where it maps 2 MiB */
	uint64_t read_only; /* bits of leaf to take away */
};

/* A root that maps all of the guest's memory and vCPU pages; v == 0: no memory for it. */
mpa_t nested_create(struct guest *g);

/* Maps one page more, at a guest-physical address outside the guest's memory. False: no memory,
 * which is what page.v == 0 says too. */
bool nested_map(struct guest *g, mpa_t root, gpa_t at, mpa_t page, bool writable);

/* Another root that shares all with the first but the tables on the way to a mapped address. */
mpa_t nested_copy_path(struct guest *g, mpa_t root, gpa_t at);

/* Whether the tables of all vCPUs map what they should; see struct engine. In the report a page is
 * a guest-physical one. */
bool nested_check(struct guest *g, struct mmu_report *r);

#endif
