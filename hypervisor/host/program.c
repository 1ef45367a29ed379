// SPDX-License-Identifier: GPL-2.0-or-later
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temporary.h"

/* ends: a signal that ends this command ends it too; it then has its own process group. */
static int run(const char *const argv[], const char *log, bool ends)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		int said = fcntl(2, F_DUPFD_CLOEXEC, 3);

		if (ends)
			setpgid(0, 0);

		if (fd >= 0) {
			dup2(fd, 1);
			dup2(fd, 2);
		}
		execvp(argv[0], (char *const *)argv);
		dprintf(said, "veneer: cannot start %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	if (pid > 0 && ends) {
		setpgid(pid, pid);
		temporary_child(-pid);
	}
	bool ended = pid > 0 && waitpid(pid, &status, 0) == pid;
	temporary_child(0);
	return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int run_quietly(const char *const argv[], const char *log)
{
	return run(argv, log, true);
}

#define PACKAGES_MAX 16
#define FIRST	     6 /* argument that is a package */

int install_missing(const struct need *needs, unsigned n, const char *what, const char *log)
{
	/* the same lock as the Makefile's: apt does not wait for another apt */
	const char *argv[PACKAGES_MAX + FIRST + 1] = { "flock",	  "/var/lib/dpkg",
						       "apt-get", "install",
						       "-y",	  "--no-install-recommends" };
	unsigned last = FIRST;

	for (unsigned i = 0; i < n && last < PACKAGES_MAX + FIRST; i++)
		if (access(needs[i].path, F_OK))
			argv[last++] = needs[i].package;
	if (last == FIRST)
		return 0;
	fprintf(stderr, "veneer: %s for %s:", geteuid() ? "missing" : "installing", what);
	for (unsigned i = FIRST; i < last; i++)
		fprintf(stderr, " %s", argv[i]);
	fprintf(stderr, "%s\n", geteuid() ? ": install these packages" : "");
	if (geteuid())
		return -1;
	setenv("DEBIAN_FRONTEND", "noninteractive", 1);
	if (!run(argv, log, false)) /* dpkg is not to be interrupted */
		return 0;
	fprintf(stderr, "veneer: apt-get install failed: run it by hand to see why\n");
	return -1;
}
