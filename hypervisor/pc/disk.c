// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/disk.h"

#include "lib/string.h"

/* Beside its disk. */
static bool reads(const struct guest *g, const uint8_t *data)
{
	bool does = g->image.file.data == data;

	for (unsigned i = 0; i < MODULES_MAX; i++)
		does |= g->module[i].data == data;
	return does;
}

/* What one guest writes must be no file of another, or the kernel that it starts from again. */
static bool are_apart(const struct guest *g, const struct guest *other)
{
	const uint8_t *disk = g->disk.data, *its = other->disk.data;

	return !(disk && (reads(other, disk) || (g != other && disk == its))) &&
	       !(its && reads(g, its));
}

const char *disk_refused(const struct guest *g)
{
	static char shared[80];
	const char *why = g->disk.data ? image_no_disk(&g->disk) : NULL;

	for (const struct guest *other = guests; other <= g && !why; other++) {
		if (are_apart(g, other))
			continue;
		format(shared, sizeof(shared), "a disk is a file of %s too: give it one of its own",
		       other == g ? "its guest" : other->config->name);
		why = shared;
	}
	return why;
}
