// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void child(char *const argv[], int in, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in, 0);
	dup2(out, 1);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execvp(argv[0], argv);
	fprintf(stderr,
		"veneer: %s: %s: install it, or run `make run` in the source tree, which does\n",
		argv[0], strerror(errno));
	_exit(127);
}

int machine_start(struct machine *m, char *const argv[], FILE *log)
{
	int in[2], out[2];

	*m = (struct machine){ .log = log, .display = -1 };
	signal(SIGPIPE, SIG_IGN);
	if (pipe(in) || pipe(out) || (m->pid = fork()) < 0) {
		fprintf(stderr, "veneer: cannot start %s: %s\n", argv[0], strerror(errno));
		return -1;
	}
	if (!m->pid)
		child(argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	m->to = in[1];
	m->from = out[0];
	return 0;
}

int machine_start_on(struct machine *m, char *const argv[], int serial, int display,
		     const char *display_name, FILE *log)
{
	*m = (struct machine){ .log = log, .to = serial, .from = serial, .display = display };
	signal(SIGPIPE, SIG_IGN);
	if ((m->pid = fork()) < 0) {
		fprintf(stderr, "veneer: cannot start %s: %s\n", argv[0], strerror(errno));
		return -1;
	}
	if (!m->pid) {
		setsid();
		setenv("TERM", "linux", 1);
		int fd = open(display_name, O_RDWR);

		dup2(fd, 2);
		child(argv, fd, fd);
	}
	return 0;
}

/* Waits for output, and drops what the display shows. False: out of time. */
static bool wait_for_output(struct machine *m, long end)
{
	char dropped[512];

	for (;;) {
		long left = end < 0 ? -1 : end - now_ms();
		struct pollfd p[2] = { { m->from, POLLIN, 0 }, { m->display, POLLIN, 0 } };

		if ((end >= 0 && left < 0) || poll(p, 2, (int)left) == 0)
			return false;
		if (p[1].revents && read(m->display, dropped, sizeof(dropped)) <= 0) {
			close(m->display); /* the emulator has ended */
			m->display = -1;
		}
		if (p[0].revents)
			return true;
	}
}

static const char *take_line(struct machine *m, size_t length)
{
	static char line[sizeof(m->line) + 1];
	size_t n = length;

	memcpy(line, m->line, length);
	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	line[n] = 0;
	m->used -= length;
	memmove(m->line, m->line + length, m->used);
	return line;
}

const char *machine_line(struct machine *m, int timeout_ms, bool *ended)
{
	long end = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;

	*ended = false;
	for (;;) {
		char *newline = memchr(m->line, '\n', m->used);

		if (newline || m->used == sizeof(m->line))
			return take_line(m, newline ? (size_t)(newline - m->line) + 1 : m->used);
		if (!wait_for_output(m, end))
			return NULL;
		ssize_t n = read(m->from, m->line + m->used, sizeof(m->line) - m->used);
		if (n <= 0) {
			*ended = true;
			return m->used ? take_line(m, m->used) : NULL;
		}
		if (m->log)
			fwrite(m->line + m->used, 1, (size_t)n, m->log);
		m->used += (size_t)n;
	}
}

/* Looks for the line that says how it ended, in what comes in any pieces. */
static void look_for_end(struct machine *m, const char *bytes, ssize_t n)
{
	static const char phrase[] = "veneer: all done, all well";

	for (ssize_t i = 0; i < n && !m->well; i++) {
		m->matched = bytes[i] == phrase[m->matched] ? m->matched + 1
			     : bytes[i] == phrase[0]	    ? 1
							    : 0;
		m->well = !phrase[m->matched];
	}
}

static struct termios cooked;

static void restore_terminal(void)
{
	tcsetattr(0, TCSANOW, &cooked);
}

void machine_interact(struct machine *m)
{
	struct termios raw;
	char buffer[512];
	bool typing = true;

	tcgetattr(0, &cooked);
	atexit(restore_terminal);
	raw = cooked;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;
	tcsetattr(0, TCSANOW, &raw);
	for (;;) {
		struct pollfd p[3] = { { m->from, POLLIN, 0 },
				       { typing ? 0 : -1, POLLIN, 0 },
				       { m->display, POLLIN, 0 } };
		ssize_t n;

		if (poll(p, 3, -1) < 0)
			break;
		if (p[2].revents && read(m->display, buffer, sizeof(buffer)) <= 0)
			m->display = -1;
		if (p[0].revents) {
			n = read(m->from, buffer, sizeof(buffer));
			if (n <= 0)
				break;
			if (write(1, buffer, (size_t)n) != n)
				break;
			look_for_end(m, buffer, n);
			if (m->log)
				fwrite(buffer, 1, (size_t)n, m->log);
		}
		if (p[1].revents) {
			n = read(0, buffer, sizeof(buffer));
			if (n > 0)
				machine_type(m, buffer, (size_t)n);
			else
				typing = false;
		}
	}
	restore_terminal();
}

/* Bochs's 16550 drops what overruns its FIFO: there, one byte at a time. */
void machine_type(struct machine *m, const char *bytes, size_t n)
{
	bool slowly = m->display >= 0;

	while (n) {
		ssize_t done = write(m->to, bytes, slowly ? 1 : n);

		if (done <= 0)
			return;
		if (slowly)
			usleep(2000);
		bytes += done;
		n -= (size_t)done;
	}
}

void machine_kill(struct machine *m)
{
	kill(m->pid, SIGKILL);
}

int machine_finish(struct machine *m)
{
	int status;

	close(m->to);
	if (m->from != m->to)
		close(m->from);
	if (m->display >= 0)
		close(m->display);
	if (waitpid(m->pid, &status, 0) != m->pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

const char *library_path(const char *name)
{
	static char paths[4][4096];
	static unsigned next;
	char *path = paths[next++ % 4], program[4000];
	const char *directory = getenv("VENEER_LIB");
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[n > 0 ? n : 0] = 0;
	char *slash = strrchr(program, '/');
	if (slash)
		*slash = 0;
	if (directory) {
		snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
		return path;
	}
	/* installed: PREFIX/bin/veneer, PREFIX/lib/veneer/ */
	snprintf(path, sizeof(paths[0]), "%s/../lib/veneer/%s", program, name);
	if (access(path, R_OK))
		snprintf(path, sizeof(paths[0]), "%s/%s", program, name);
	return path;
}
