/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bundle: a cpio archive in the "newc" format (cpio(5)), which holds veneer.conf and the
 * images. */
#pragma once

#include "lib/types.h"

struct file {
	const uint8_t *data;
	uint64_t bytes;
};

/* Returns 0, -ENOENT if there is no such member, or -EINVAL if the archive is broken. */
int bundle_find(const void *bundle, uint64_t bytes, const char *name, struct file *file);
