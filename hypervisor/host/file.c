// SPDX-License-Identifier: GPL-2.0-or-later
#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *file_replace(const char *temporary, const char *path)
{
	const char *why = NULL;
	struct stat s;

	if (!stat(path, &s) && !S_ISREG(s.st_mode))
		why = "not a file that can be replaced: want another name";
	else if (rename(temporary, path))
		why = strerror(errno);
	if (why)
		unlink(temporary);
	return why;
}
