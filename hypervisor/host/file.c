// SPDX-License-Identifier: GPL-2.0-or-later
#include "file.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_same(const struct stat *s, int fd)
{
	struct stat other;

	return !fstat(fd, &other) && other.st_dev == s->st_dev && other.st_ino == s->st_ino;
}

const char *file_why_not(const char *path)
{
	static char why[4200];
	char copy[4096];
	struct stat s;
	int there = !stat(path, &s);

	if (there && S_ISDIR(s.st_mode))
		return "is a folder: want the name of a file";
	if (there && !S_ISREG(s.st_mode))
		return "not a file that can be replaced: want another name";
	if (there && (is_same(&s, 1) || is_same(&s, 2)))
		return "what is printed goes there: want another name";
	if (there && !access(path, W_OK))
		return NULL;
	if (there)
		return "not writable: want another name";
	snprintf(copy, sizeof(copy), "%s", path);
	const char *folder = dirname(copy);
	errno = ENOTDIR;
	if (!access(folder, W_OK | X_OK) && !stat(folder, &s) && S_ISDIR(s.st_mode))
		return NULL;
	snprintf(why, sizeof(why), "%s: %s: want a folder where you may write", folder,
		 strerror(errno));
	return why;
}

const char *file_replace(const char *temporary, const char *path)
{
	struct stat s;

	if (!stat(path, &s) && !S_ISREG(s.st_mode))
		return "not a file that can be replaced: want another name";
	return rename(temporary, path) ? strerror(errno) : NULL;
}
