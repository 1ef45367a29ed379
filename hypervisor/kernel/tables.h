/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of page tables that the hypervisor runs on, and of the gate area in guests' tables.
 * Everywhere: no page is accessible to ring 3, and no page is both writable and executable, nor a
 * frame executable at one address and writable at another.
 */
#pragma once

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
/* Then checks the same tables: true, or the error is in c. */
bool tables_check(struct tables_check *c, mpa_t table, int level, uint64_t va);

/* Whether [top - bytes, top) is writable data, and the page below is unmapped. */
bool tables_stack_is_guarded(mpa_t root, uint64_t top, uint64_t bytes);
