/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Distinguishable roots, for guests that start vCPUs. Each belongs to the guest, and maps a page
 * with its number at ROOT_NAME.
 */
#pragma once

#include "guest.h"

#define ROOTS	  61 /* more than the pool of a small guest has pages for */
#define ROOT_NAME 0x8000000000ull

static uint64_t root[ROOTS][512] __attribute__((aligned(4096)));
static uint64_t root_tables[ROOTS][3][512] __attribute__((aligned(4096)));
static uint64_t root_name[ROOTS][512] __attribute__((aligned(4096)));

static void make_roots(void)
{
	const uint64_t *own = veneer_root();
	const uint64_t present = 0x67; /* and writable, user, accessed, dirty */

	for (unsigned r = 0; r < ROOTS; r++) {
		for (unsigned i = 0; i < 512; i++)
			root[r][i] = own[i];
		root[r][1] = (uint64_t)root_tables[r][0] | present;
		root_tables[r][0][0] = (uint64_t)root_tables[r][1] | present;
		root_tables[r][1][0] = (uint64_t)root_tables[r][2] | present;
		root_tables[r][2][0] = (uint64_t)root_name[r] | present;
		root_name[r][0] = r;
	}
}

static bool runs_on_root(uint64_t which)
{
	return *(volatile uint64_t *)ROOT_NAME == which;
}

/* Returns what the hypercall returns. */
static int64_t start_on_root(uint64_t id, unsigned which, void *entry, char *stack_top,
			     struct veneer_vcpu_page *page)
{
	struct veneer_vcpu_start s = {
		.rip = (uint64_t)entry,
		.rsp = (uint64_t)stack_top - 8,
		.rdi = which,
		.root = (uint64_t)root[which],
		.vcpu_page = (uint64_t)page,
	};

	return veneer_hypercall(VENEER_HC_VCPU_START, id, (uint64_t)&s, 0);
}
