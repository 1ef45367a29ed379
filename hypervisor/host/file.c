// SPDX-License-Identifier: GPL-2.0-or-later
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const is_folder = "is a folder: want the name of a file";
static const char *const not_replaceable = "not a file that can be replaced: want another name";

const char *file_wrong_name(const char *path)
{
	if (!*path)
		return "an empty name: want the name of a file";
	if (!strcmp(path, "-"))
		return "not standard input or output: want the name of a file, ./- for one named -";
	return NULL;
}

FILE *file_open(const char *path, const char **why)
{
	struct stat s;

	*why = NULL;
	if (stat(path, &s))
		*why = strerror(errno);
	else if (S_ISDIR(s.st_mode))
		*why = is_folder;
	else if (!S_ISREG(s.st_mode))
		*why = "not a regular file";
	if (*why)
		return NULL;
	/* it may have been replaced by a FIFO since */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");
	if (!f) {
		*why = strerror(errno);
		if (fd >= 0)
			close(fd);
	}
	return f;
}

FILE *file_create(const char *path, const char **why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0666);
	FILE *f = fd < 0 || fcntl(fd, F_SETFL, 0) ? NULL : fdopen(fd, "wb");

	*why = f		 ? NULL
	       : errno == EISDIR ? is_folder
	       : errno == ENXIO	 ? "nothing reads this FIFO or socket: want another name"
				 : strerror(errno);
	if (!f && fd >= 0)
		close(fd);
	return f;
}

static bool is_one(const struct stat *x, const struct stat *y)
{
	return x->st_dev == y->st_dev && x->st_ino == y->st_ino;
}

static int is_same(const struct stat *s, int fd)
{
	struct stat other;

	return !fstat(fd, &other) && is_one(&other, s);
}

/* Of files that do not exist: the same name in the same folder. */
static bool will_be_one(const char *a, const char *b)
{
	char in_a[4096], in_b[4096], name_a[4096], name_b[4096];
	struct stat x, y;

	snprintf(in_a, sizeof(in_a), "%s", a);
	snprintf(in_b, sizeof(in_b), "%s", b);
	snprintf(name_a, sizeof(name_a), "%s", a);
	snprintf(name_b, sizeof(name_b), "%s", b);
	return !strcmp(basename(name_a), basename(name_b)) && !stat(dirname(in_a), &x) &&
	       !stat(dirname(in_b), &y) && is_one(&x, &y);
}

bool file_is_same(const char *a, const char *b)
{
	struct stat x, y;

	if (stat(a, &x) || stat(b, &y))
		return will_be_one(a, b);
	return S_ISREG(x.st_mode) && is_one(&x, &y);
}

const char *file_why_not(const char *path)
{
	static char why[4200];
	char copy[4096];
	struct stat s;
	int there = !stat(path, &s);

	if (there && S_ISDIR(s.st_mode))
		return is_folder;
	if (there && !S_ISREG(s.st_mode))
		return not_replaceable;
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
		return S_ISDIR(s.st_mode) ? is_folder : not_replaceable;
	return rename(temporary, path) ? strerror(errno) : NULL;
}
