/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are written: whole or not at all, beside the name and then moved there. */
#ifndef HOST_FILE_H
#define HOST_FILE_H

/* Moves the file temporary to path; a device or a folder there is never put out of the way. NULL;
 * or why not, in words. */
const char *file_replace(const char *temporary, const char *path);

/* Before anything is done for it: why path will not be written, where and how that is mended; or
 * NULL. A later call overwrites the words. */
const char *file_why_not(const char *path);

#endif
