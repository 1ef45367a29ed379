/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files named by the user. No open() here waits, as it would for a FIFO. Output files are written
 * completely or not at all: to a temporary file next to the target, which is then renamed. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Whether path can be the name of a file at all: not "", nor "-", which some commands take for
 * standard input or output. Returns NULL, or an error message. */
const char *file_wrong_name(const char *path);

/* Opens a regular file for reading. Returns NULL, and an error message. */
FILE *file_open(const char *path, const char **why);

/* Opens a file for writing, in place: also a device, a terminal, or a FIFO that has a reader.
 * Returns NULL, and an error message. */
FILE *file_create(const char *path, const char **why);

/* Renames the file temporary to path; never replaces a device or a folder. Returns NULL, or an
 * error message. */
const char *file_replace(const char *temporary, const char *path);

/* Whether two names are one regular file, which need not exist yet. */
bool file_is_same(const char *a, const char *b);

/* Checks in advance that path can be written. Returns NULL, or an error message with the remedy,
 * which a later call overwrites. */
const char *file_why_not(const char *path);
