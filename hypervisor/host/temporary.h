/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Temporary files, which are removed when the command exits or a signal ends it. */
#pragma once

#include <sys/types.h>

/* Makes an empty file, or a folder, in TMPDIR or /tmp. Returns its name, which stays valid; or NULL
 * with a line on stderr. */
const char *temporary_file(const char *what);
const char *temporary_folder(const char *what);

/* The same, next to a file that it is going to replace; NULL without a message, with errno set. */
const char *temporary_file_beside(const char *path);
const char *temporary_folder_beside(const char *path);

/* Removes it before that, with all that is in it. */
void temporary_remove(const char *name);

/* fork(), and temporary_child for the child before any signal can arrive. */
pid_t temporary_fork(void);

/* A process to end with this command, or -1 times a process group; 0: none. */
void temporary_child(pid_t pid);

/* Called last by the signal handler; NULL: nothing. */
void temporary_at_signal(void (*fn)(void));
