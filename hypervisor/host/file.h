/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output files are written completely or not at all: to a temporary file next to the target, which
 * is then renamed. */
#ifndef HOST_FILE_H
#define HOST_FILE_H

#include <stdbool.h>

/* Renames the file temporary to path; never replaces a device or a folder. Returns NULL, or an
 * error message. */
const char *file_replace(const char *temporary, const char *path);

/* Whether two names are one regular file, which need not exist yet. */
bool file_is_same(const char *a, const char *b);

/* Checks in advance that path can be written. Returns NULL, or an error message with the remedy,
 * which a later call overwrites. */
const char *file_why_not(const char *path);

#endif
