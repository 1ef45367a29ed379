/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that do not outlive the command: what is left of them goes when it exits, and when a signal
 * ends it. */
#ifndef HOST_TEMPORARY_H
#define HOST_TEMPORARY_H

#include <sys/types.h>

/* A new empty file, or folder, in TMPDIR or /tmp. Its name, which holds as long as the command; or
 * NULL with a line on stderr. */
const char *temporary_file(const char *what);
const char *temporary_folder(const char *what);

/* The same beside a file that it is going to replace; NULL without a word, errno says why. */
const char *temporary_file_beside(const char *path);
const char *temporary_folder_beside(const char *path);

/* Removes it before that, with all that is in it. */
void temporary_remove(const char *name);

/* fork(), the child being that of temporary_child, however soon a signal comes. */
pid_t temporary_fork(void);

/* A process that a signal ends with us, or -1 times a group of them; 0: no more. */
void temporary_child(pid_t pid);

/* What a signal does at the end of all that, from its handler; NULL: nothing. */
void temporary_at_signal(void (*fn)(void));

#endif
