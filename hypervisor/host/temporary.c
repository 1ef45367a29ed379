// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The signal handler only calls async-signal-safe functions: kill, unlink, fork, execl, waitpid,
 * tcsetattr. The list of names is changed with the signals blocked.
 */
#include "temporary.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct temporary {
	struct temporary *next;
	bool there, folder;
	char name[];
};

static struct temporary *all;
static pid_t child;
static void (*at_signal)(void);

static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static void remove_tree(const char *name)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/rm", "rm", "-rf", "--", name, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void remove_one(struct temporary *t)
{
	if (!t->there)
		return;
	t->there = false;
	if (t->folder)
		remove_tree(t->name);
	else
		unlink(t->name);
}

static void remove_all(void)
{
	for (struct temporary *t = all; t; t = t->next)
		remove_one(t);
}

/* The command ends by that signal, so that its parent sees it. */
static void end(int number)
{
	if (child) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	remove_all();
	if (at_signal)
		at_signal();
	signal(number, SIG_DFL);
	raise(number);
}

static void block(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, before);
}

static void unblock(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}

/* A signal that was ignored, as by nohup, stays ignored. */
static void catch_signals(void)
{
	static bool caught;
	struct sigaction action = { .sa_handler = end }, before;

	if (caught)
		return;
	caught = true;
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&action.sa_mask, signals[i]);
	for (size_t i = 0; i < SIGNALS; i++)
		if (!sigaction(signals[i], NULL, &before) && before.sa_handler == SIG_DFL)
			sigaction(signals[i], &action, NULL);
	atexit(remove_all);
}

/* before, then middle, then six characters. */
static const char *make(const char *before, const char *middle, bool folder)
{
	size_t bytes = strlen(before) + strlen(middle) + sizeof("XXXXXX");
	struct temporary *t = malloc(sizeof(*t) + bytes);
	sigset_t mask;
	int fd = -1;

	if (!t)
		return NULL;
	*t = (struct temporary){ .folder = folder };
	snprintf(t->name, bytes, "%s%sXXXXXX", before, middle);
	catch_signals();
	block(&mask);
	t->there = folder ? mkdtemp(t->name) != NULL : (fd = mkstemp(t->name)) >= 0;
	if (t->there) {
		t->next = all;
		all = t;
	}
	unblock(&mask);
	if (fd >= 0)
		close(fd);
	if (t->there)
		return t->name;
	free(t);
	return NULL;
}

static const char *make_temporary(const char *what, bool folder)
{
	const char *directory = getenv("TMPDIR");
	char middle[64];

	bool is_set = directory && *directory;
	if (!is_set)
		directory = "/tmp";
	snprintf(middle, sizeof(middle), "/veneer-%s-", what);
	const char *name = make(directory, middle, folder);
	if (!name)
		fprintf(stderr, "veneer: no temporary file in %s%s: %s\n", is_set ? "TMPDIR " : "",
			directory, strerror(errno));
	return name;
}

const char *temporary_file(const char *what)
{
	return make_temporary(what, false);
}

const char *temporary_folder(const char *what)
{
	return make_temporary(what, true);
}

const char *temporary_file_beside(const char *path)
{
	return make(path, ".", false);
}

const char *temporary_folder_beside(const char *path)
{
	return make(path, ".", true);
}

void temporary_remove(const char *name)
{
	sigset_t mask;

	block(&mask);
	for (struct temporary *t = all; t; t = t->next)
		if (t->name == name)
			remove_one(t);
	unblock(&mask);
}

void temporary_child(pid_t pid)
{
	catch_signals();
	child = pid;
}

void temporary_at_signal(void (*fn)(void))
{
	at_signal = fn;
}

/* No signal can arrive between fork() and setting child. */
pid_t temporary_fork(void)
{
	struct sigaction action;
	sigset_t mask;

	catch_signals();
	block(&mask);
	pid_t pid = fork();
	for (size_t i = 0; !pid && i < SIGNALS; i++)
		if (!sigaction(signals[i], NULL, &action) && action.sa_handler == end)
			signal(signals[i], SIG_DFL);
	if (pid > 0)
		child = pid;
	unblock(&mask);
	return pid;
}
