// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/memory.h"

#include "arch/layout.h"

void *guest_pointer(const struct guest_memory *m, gpa_t gpa, uint64_t bytes)
{
	const struct region *ram = &m->region[REGION_RAM];

	if (gpa.v > ram->bytes || bytes > ram->bytes - gpa.v)
		return NULL;
	return (char *)direct(frame_mpa(ram->frame)) + index_nospec(gpa.v, ram->bytes);
}
