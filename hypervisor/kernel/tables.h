/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking over page tables that the hypervisor itself runs on, or that guests have of it. What must
 * hold everywhere: no page for ring 3; none both writable and executable, nor a frame executable at
 * one address and writable at another.
 */
#ifndef VENEER_TABLES_H
#define VENEER_TABLES_H

#include "lib/types.h"

#define TABLES_RUNS 16

struct tables_check {
	/* frames that are executable somewhere */
	struct {
		uint64_t start, end;
	} run[TABLES_RUNS];
	unsigned runs;
	unsigned leaves;
	const char *why; /* NULL: good */
	uint64_t va;	 /* where it is not */
};

/* Adds what a table of a level (4 is a root), which maps from va on, has executable. */
void tables_find_code(struct tables_check *c, mpa_t table, int level, uint64_t va);
/* Then, with the same tables: true, or what is wrong in c. */
bool tables_check(struct tables_check *c, mpa_t table, int level, uint64_t va);

/* Whether [top - bytes, top) is data that can be written, and the page below is not mapped. */
bool tables_stack_is_guarded(mpa_t root, uint64_t top, uint64_t bytes);

#endif
