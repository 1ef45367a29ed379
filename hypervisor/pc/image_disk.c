// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/image.h"

const char *image_no_disk(const struct file *disk)
{
	if (disk->bytes % DISK_SECTOR)
		return "not whole sectors of 512 bytes: fill up the last one (truncate -s %512)";
	return disk->bytes / DISK_SECTOR - 1 < DISK_SECTORS_MAX
		       ? NULL
		       : "a disk has from 512 bytes to 128 GiB";
}
