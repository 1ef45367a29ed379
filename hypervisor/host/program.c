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

/* In its own process group: a signal that ends this command ends all of it. */
int run_quietly(const char *const argv[], const char *log)
{
	int status = -1;
	pid_t pid = temporary_fork();

	if (!pid) {
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		int said = fcntl(2, F_DUPFD_CLOEXEC, 3);

		setpgid(0, 0);
		if (fd >= 0) {
			dup2(fd, 1);
			dup2(fd, 2);
		}
		execvp(argv[0], (char *const *)argv);
		dprintf(said, "veneer: cannot start %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	if (pid > 0) {
		setpgid(pid, pid);
		temporary_child(-pid);
	}
	bool ended = pid > 0 && waitpid(pid, &status, 0) == pid;
	temporary_child(0);
	return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_there(const char *file)
{
	const char *path = getenv("PATH");
	char name[4096];

	if (*file == '/')
		return !access(file, F_OK);
	for (size_t n; path && *path; path += n + (path[n] == ':')) {
		n = strcspn(path, ":");
		snprintf(name, sizeof(name), "%.*s/%s", (int)n, path, file);
		if (!access(name, X_OK))
			return true;
	}
	return false;
}

int name_missing(const struct need *needs, unsigned n, const char *what)
{
	unsigned missing = 0;

	for (unsigned i = 0; i < n; i++) {
		if (is_there(needs[i].file))
			continue;
		if (!missing++)
			fprintf(stderr, "veneer: missing for %s:", what);
		fprintf(stderr, " %s (%s)", needs[i].package, needs[i].file);
	}
	if (missing)
		fprintf(stderr, ": install %s\n", missing > 1 ? "these packages" : "this package");
	return missing ? -1 : 0;
}
