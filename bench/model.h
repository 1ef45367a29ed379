/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model: event counts of an emulator times published cycle costs. It is not a prediction: it
 * excludes caches, TLB misses, and instruction costs other than one cycle.
 */
#pragma once

#include "results.h"

enum cost {
	COST_INSTRUCTION,
	COST_TRAP,
	COST_IRET,
	COST_SYSCALL,
	COST_SYSRET,
	COST_CR3,
	COST_VMEXIT,
	COST_PORT,
	COSTS
};
extern const char *const cost_names[COSTS];

#define PROCESSORS_MAX 8

struct costs {
	struct processor {
		char name[40];
		double cycles[COSTS];
		char source[COSTS][160];
	} processor[PROCESSORS_MAX];
	unsigned processors;
};

/* Reads costs.csv. Returns 0, or -1 with a line that says what is wrong and where. */
int costs_read(struct costs *c, const char *path);

/* The number of each event in one operation; false if it is not known. */
bool model_counts(const struct results *r, const struct row *row, unsigned config, double n[COSTS]);
/* Cycles for one operation, or negative. */
double model_cycles(const struct processor *p, const struct results *r, const struct row *row,
		    unsigned config);
