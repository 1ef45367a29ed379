// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a PC has memory, and what of it an image leaves. */
#include "load/image.h"

/* Where the first of the copies that are in that range ends; `at`: none is. */
static uint64_t after_copy(const struct image_plan *p, uint64_t at, uint64_t bytes)
{
	for (unsigned i = 0; i < p->copies; i++) {
		const struct image_copy *c = &p->copy[i];

		if (at < c->to.v + c->room && c->to.v < at + bytes)
			return c->to.v + c->room;
	}
	return at;
}

gpa_t image_room(const struct image_plan *p, uint64_t at, uint64_t end, uint64_t bytes)
{
	for (uint64_t next; at + bytes <= end; at = ALIGN_UP(next, PAGE_SIZE)) {
		next = after_copy(p, at, bytes);
		if (next == at)
			return GPA(at);
	}
	return GPA(~0ull);
}

/* The screen and the BIOS are between the two parts of RAM. */
static bool is_in_hole(uint64_t at, uint64_t bytes)
{
	return at < MIB(1) && at + bytes > PC_LOW_BYTES;
}

const char *pc_place_modules(struct image_plan *p, const struct file *module, unsigned modules)
{
	const char *why = NULL;

	for (unsigned i = 0; i < p->copies; i++)
		if (p->copy[i].room && is_in_hole(p->copy[i].to.v, p->copy[i].room))
			return "a part of it lies between 639 KiB and 1 MiB, where a PC has no RAM";
	for (unsigned i = 0; i < modules && !why; i++) {
		uint64_t at = ALIGN_UP(p->end, PAGE_SIZE);

		if (is_in_hole(at, module[i].bytes))
			at = MIB(1);
		why = image_place_module(p, &module[i], GPA(at));
	}
	return why;
}
