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
	for (unsigned i = 0; i < DISKS_MAX; i++) {
		const uint8_t *disk = g->disk[i].data, *its = other->disk[i].data;

		if ((disk && reads(other, disk)) || (its && reads(g, its)))
			return false;
		for (unsigned j = 0; disk && j < DISKS_MAX; j++)
			if (disk == other->disk[j].data && (g != other || i != j))
				return false;
	}
	return true;
}

const char *disk_refused(const struct guest *g)
{
	static char shared[80];
	const char *why = NULL;

	for (unsigned i = 0; i < DISKS_MAX && !why; i++)
		why = g->disk[i].data ? image_no_disk(&g->disk[i]) : NULL;
	for (const struct guest *other = guests; other <= g && !why; other++) {
		if (are_apart(g, other))
			continue;
		format(shared, sizeof(shared), "a disk is a file of %s too: give it one of its own",
		       other == g ? "its guest" : other->config->name);
		why = shared;
	}
	return why;
}
