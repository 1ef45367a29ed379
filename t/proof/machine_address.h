/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "arch/layout.h"
#include "arch/paging.h"

char *host_memory;

/* A machine address for any_memory or any_file, within what processors can have. */
static inline mpa_t machine_address(const void *at)
{
	mpa_t address = MPA((uint64_t)at - (uint64_t)host_memory);

	assume(!(address.v & ~PTE_ADDR));
	return address;
}
