// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
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

#include "temporary.h"

/* QEMU's exit status if the hypervisor has written "well" to isa-debug-exit; any other means
 * failure. */
#define EXIT_STATUS_WELL 1

/* Bochs's 16550 drops input beyond its FIFO of 16 bytes: room for this and a question of the
 * script. */
#define BOCHS_PORTION 8

long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Pipes from the emulator's process. */
struct links {
	int report[2]; /* errno if there is no such program */
	int life[2];   /* nothing: open for as long as the emulator runs */
};

static int open_links(struct links *l)
{
	return pipe2(l->report, O_CLOEXEC) || pipe2(l->life, 0) ? -1 : 0;
}

static void give_up(const struct links *l)
{
	if (write(l->report[1], &errno, sizeof(errno)) < 0)
		_exit(126);
	_exit(127);
}

/* A terminal sends these to the emulator too, and QEMU reports them. This command kills it. */
static void leave_signals_to_parent(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void child(char *const argv[], int in, int out, const struct links *l)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	leave_signals_to_parent();
	dup2(in, 0);
	dup2(out, 1);
	for (int fd = 3; fd < 64; fd++)
		if (fd != l->report[1] && fd != l->life[1])
			close(fd);
	execvp(argv[0], argv);
	give_up(l);
}

static int cannot_start(const char *name, int error)
{
	fprintf(stderr, "veneer: cannot start %s: %s\n", name, strerror(error));
	return -1;
}

/* Whether execvp has succeeded in the child; that closes report. */
static int wait_for_program(struct machine *m, const char *name, const struct links *l)
{
	int error = 0;

	close(l->report[1]);
	close(l->life[1]);
	m->life = l->life[0];
	bool failed = read(l->report[0], &error, sizeof(error)) == sizeof(error);
	close(l->report[0]);
	if (!failed)
		return 0;
	waitpid(m->pid, NULL, 0);
	temporary_child(0);
	return cannot_start(name, error);
}

int machine_start(struct machine *m, char *const argv[])
{
	int in[2], out[2];
	struct links links;

	*m = (struct machine){ .display = -1, .has_exit_port = true, .portion = 64 };
	signal(SIGPIPE, SIG_IGN);
	if (pipe(in) || pipe(out) || open_links(&links) || (m->pid = temporary_fork()) < 0)
		return cannot_start(argv[0], errno);
	if (!m->pid)
		child(argv, in[0], out[1], &links);
	close(in[0]);
	close(out[1]);
	m->to = in[1];
	m->from = out[0];
	return wait_for_program(m, argv[0], &links);
}

int machine_start_on(struct machine *m, char *const argv[], const char *directory, int serial,
		     int display, const char *display_name)
{
	*m = (struct machine){
		.to = serial, .from = serial, .display = display, .portion = BOCHS_PORTION
	};
	struct links links;

	signal(SIGPIPE, SIG_IGN);
	if (open_links(&links) || (m->pid = temporary_fork()) < 0)
		return cannot_start(argv[0], errno);
	if (!m->pid) {
		setsid();
		setenv("TERM", "linux", 1);
		int fd = open(display_name, O_RDWR);

		dup2(fd, 2);
		if (chdir(directory))
			give_up(&links);
		child(argv, fd, fd, &links);
	}
	return wait_for_program(m, argv[0], &links);
}

/* Whether the emulator, whose life has closed, has no output left: its files close one by one as it
 * ends. A pseudo-terminal that it never opened is never closed either. */
static bool is_over(const struct machine *m)
{
	struct pollfd serial = { m->from, POLLIN, 0 };
	siginfo_t ended;

	waitid(P_PID, (id_t)m->pid, &ended, WEXITED | WNOWAIT);
	return !poll(&serial, 1, 0);
}

/* Drops what the display shows. */
static void drop_display(struct machine *m)
{
	char dropped[512];

	if (read(m->display, dropped, sizeof(dropped)) > 0)
		return;
	close(m->display);
	m->display = -1;
}

/* Waits for output. False: timeout. */
static bool wait_for_output(struct machine *m, long end)
{
	for (;;) {
		long left = end < 0 ? -1 : end - now_ms();
		struct pollfd p[3] = { { m->from, POLLIN, 0 },
				       { m->display, POLLIN, 0 },
				       { m->life, POLLIN, 0 } };

		if ((end >= 0 && left < 0) || poll(p, 3, (int)left) == 0)
			return false;
		if (p[1].revents)
			drop_display(m);
		m->eof = p[2].revents && is_over(m);
		if (p[0].revents || m->eof)
			return true;
	}
}

/* No output of the machine may move the cursor or change the terminal. */
static char harmless(char c)
{
	return c == '\t' || (c >= ' ' && c < 0x7f) ? c : '?';
}

const char *hypervisor_says(const char *line)
{
	static const char name[] = "veneer: ";

	return strncmp(line, name, sizeof(name) - 1) ? NULL : line + sizeof(name) - 1;
}

#define ALL_WELL "all done, all well" /* behind it: what became of optional guests */

static void hear(struct machine *m, const char *line)
{
	const char *said = hypervisor_says(line);

	if (m->lives)
		lives_take(m->lives, line, m->started);
	if (!said)
		return;
	m->refused |= !strncmp(said, "cannot start: ", 14);
	m->started |= !strncmp(said, "boot entry_ticks=", 17);
	m->done |= !strncmp(said, "all done, ", 10);
	m->well |= !strcmp(said, ALL_WELL) || !strncmp(said, ALL_WELL ", ", sizeof(ALL_WELL) + 1);
	m->panicked |= !strncmp(said, "PANIC at ", 9);
}

bool machine_is_well(const struct machine *m, int status)
{
	return m->well && !m->panicked && (!m->has_exit_port || status == EXIT_STATUS_WELL);
}

/* The first n bytes, without the line's end. */
static const char *show(const struct machine *m, size_t n)
{
	static char text[MACHINE_LINE + 1];

	while (n && (m->line[n - 1] == '\n' || m->line[n - 1] == '\r'))
		n--;
	for (size_t i = 0; i < n; i++)
		text[i] = harmless(m->line[i]);
	text[n] = 0;
	return text;
}

static void drop(struct machine *m, size_t n)
{
	m->used -= n;
	memmove(m->line, m->line + n, m->used);
}

/* The next complete line, or NULL. The beginning of a line distinguishes the hypervisor's from a
 * guest's. So a line that does not fit is truncated; its rest never becomes the beginning of
 * another line. */
static const char *take_line(struct machine *m)
{
	char *newline = memchr(m->line, '\n', m->used);
	size_t n = newline ? (size_t)(newline - m->line) + 1 : m->used;
	bool rest = m->cut;

	if (!newline && !rest && m->used < sizeof(m->line) && !(m->eof && m->used))
		return NULL;
	const char *text = show(m, n);
	drop(m, n);
	m->cut = !newline;
	if (rest)
		return newline ? take_line(m) : NULL;
	hear(m, text);
	return text;
}

/* What there is of the next line. A step of the script may already be over by it, and the next one
 * asks what has become of its guest. */
static const char *hear_unfinished(const struct machine *m)
{
	const char *text = show(m, m->used);

	if (m->lives && !m->cut)
		lives_take(m->lives, text, m->started);
	return text;
}

/* Reads what there is. */
static void take_bytes(struct machine *m)
{
	ssize_t n = read(m->from, m->line + m->used, sizeof(m->line) - m->used);

	m->eof = n <= 0;
	m->fresh = n > 0;
	m->used += n > 0 ? (size_t)n : 0;
}

enum machine_event machine_read(struct machine *m, int timeout_ms, const char **text)
{
	long end = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;

	for (;;) {
		if ((*text = take_line(m)))
			return MACHINE_SAYS;
		if (m->eof)
			return MACHINE_ENDED;
		if (m->fresh && m->used) {
			m->fresh = false;
			*text = hear_unfinished(m);
			return MACHINE_BEGINS;
		}
		if (!wait_for_output(m, end))
			return MACHINE_SILENT;
		if (!m->eof)
			take_bytes(m);
	}
}

static struct termios cooked;

static void restore_terminal(void)
{
	tcsetattr(0, TCSANOW, &cooked);
}

/* Shows new output and processes its lines. False: the machine has ended. */
static bool show_output(struct machine *m, struct output *o)
{
	char text[MACHINE_LINE];
	size_t before = m->used, n = 0;

	take_bytes(m);
	for (size_t i = before; i < m->used; i++)
		if (m->line[i] != '\r')
			text[n++] = m->line[i] == '\n' ? '\n' : harmless(m->line[i]);
	output_bytes(o, text, n);
	for (const char *line; (line = take_line(m));)
		explain_line(m->explain, o, line);
	hear_unfinished(m);
	return !m->eof;
}

static bool forward(struct machine *m, struct output *o, long end)
{
	char buffer[512];
	bool typing = true;

	for (;;) {
		struct pollfd p[4] = { { m->from, POLLIN, 0 },
				       { typing ? 0 : -1, POLLIN, 0 },
				       { m->display, POLLIN, 0 },
				       { m->life, POLLIN, 0 } };
		long left = end < 0 ? -1 : end - now_ms();

		if ((end >= 0 && left <= 0) || poll(p, 4, (int)left) == 0)
			return false;
		if (p[3].revents && is_over(m))
			return true;
		if (p[2].revents)
			drop_display(m);
		if (p[0].revents && (!show_output(m, o) || o->failed))
			return true;
		if (p[1].revents) {
			ssize_t n = read(0, buffer, sizeof(buffer));

			typing = n > 0;
			machine_type(m, buffer, n > 0 ? (size_t)n : 0);
		}
	}
}

bool machine_interact(struct machine *m, struct output *o, long timeout_ms)
{
	struct termios raw;

	tcgetattr(0, &cooked);
	temporary_at_signal(restore_terminal);
	raw = cooked;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;
	tcsetattr(0, TCSANOW, &raw);
	bool ended = forward(m, o, timeout_ms < 0 ? -1 : now_ms() + timeout_ms);
	restore_terminal();
	temporary_at_signal(NULL);
	return ended;
}

void machine_type(struct machine *m, const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = write(m->to, bytes, n);

		if (done <= 0)
			return;
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

	close(m->life);
	close(m->to);
	if (m->from != m->to)
		close(m->from);
	if (m->display >= 0)
		close(m->display);
	pid_t pid = waitpid(m->pid, &status, 0);
	temporary_child(0);
	return pid == m->pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
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
	if (directory && *directory) {
		snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
		return path;
	}
	/* installed: PREFIX/bin/veneer, PREFIX/lib/veneer/ */
	snprintf(path, sizeof(paths[0]), "%s/../lib/veneer/%s", program, name);
	if (access(path, R_OK))
		snprintf(path, sizeof(paths[0]), "%s/%s", program, name);
	return path;
}
