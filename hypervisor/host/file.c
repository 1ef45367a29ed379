// SPDX-License-Identifier: GPL-2.0-or-later
#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const char *file_replace(const char *temporary, const char *path)
{
	struct stat s;

	if (!stat(path, &s) && !S_ISREG(s.st_mode))
		return "not a file that can be replaced: want another name";
	return rename(temporary, path) ? strerror(errno) : NULL;
}
