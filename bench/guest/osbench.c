// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What basic kernel services cost, as a program sees it: TSC ticks of one operation, the median of
 * many. Under QEMU's -icount a tick is an instruction, a hypervisor's included. Runs as /init of an
 * initramfs (and then powers the machine off) or from a shell. Prints lines
 *
 *	start NAME
 *	osbench NAME median MEDIAN lowest LOWEST operations ALL
 */
#define BENCH_MARKS
#include "../events.h"

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define SAMPLES_MAX 1001
#define PAGES	    64
#define PAGE	    4096

static uint64_t sample[SAMPLES_MAX];

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Waits until the output is sent, so that its interrupts are not measured. */
static void begin(const char *name)
{
	printf("start %s", name);
	fflush(stdout);
	usleep(50000);
	printf("\n");
	fflush(stdout);
}

static void report(const char *name, int samples, int operations)
{
	MARK(MARK_REPORT);
	qsort(sample, samples, sizeof(*sample), compare);
	printf("osbench %s median %.1f lowest %.1f operations %d\n", name,
	       (double)sample[samples / 2] / operations, (double)sample[0] / operations,
	       samples * operations);
	fflush(stdout);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void *map(int protection, int flags)
{
	void *at = mmap(NULL, PAGES * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (at == MAP_FAILED)
		fail("mmap");
	madvise(at, PAGES * PAGE, MADV_NOHUGEPAGE);
	return at;
}

/* --- the operations: each does one sample of that many operations --- */

static int zero_fd, to_child[2], from_child[2];
static char *read_only, *one_page;
static sigjmp_buf after_fault;
static const char *self;

static void do_syscall(void)
{
	for (int i = 0; i < 10; i++)
		syscall(SYS_getppid);
}

static void do_read(void)
{
	char byte;

	for (int i = 0; i < 10; i++)
		if (read(zero_fd, &byte, 1) != 1)
			fail("read");
}

static void do_yield(void)
{
	for (int i = 0; i < 10; i++)
		sched_yield();
}

static void do_mmap(void)
{
	munmap(map(PROT_READ | PROT_WRITE, MAP_POPULATE), PAGES * PAGE);
}

static void do_mprotect(void)
{
	mprotect(one_page, PAGE, PROT_READ);
	mprotect(one_page, PAGE, PROT_READ | PROT_WRITE);
}

static void on_fault(int number)
{
	(void)number;
	siglongjmp(after_fault, 1);
}

static void do_sigsegv(void)
{
	if (!sigsetjmp(after_fault, 1))
		*(volatile char *)read_only = 1;
}

static void do_pipe(void)
{
	char byte = 0;

	if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1)
		fail("pipe");
}

static void do_fork(void)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

static void do_exec(void)
{
	pid_t child = fork();

	if (!child) {
		execl(self, self, "exit", (char *)NULL);
		_exit(1);
	}
	waitpid(child, NULL, 0);
}

static void do_create(void)
{
	close(open("/tmp/x", O_CREAT | O_RDWR, 0600));
	unlink("/tmp/x");
}

static void do_nothing(void)
{
}

static void measure(const char *name, void (*operation)(void), int samples, int operations)
{
	begin(name);
	for (int i = 0; i < samples; i++) {
		MARK(MARK_BEGIN);
		uint64_t start = ticks();

		operation();
		sample[i] = ticks() - start;
		MARK(MARK_END);
	}
	report(name, samples, operations);
}

/* Does not measure the mapping and unmapping. */
static void measure_page_fault(void)
{
	begin("page_fault");
	for (int i = 0; i < 101; i++) {
		volatile char *at = map(PROT_READ | PROT_WRITE, 0);

		MARK(MARK_BEGIN);
		uint64_t start = ticks();

		for (int page = 0; page < PAGES; page++)
			at[page * PAGE] = 1;
		sample[i] = ticks() - start;
		MARK(MARK_END);
		munmap((void *)at, PAGES * PAGE);
	}
	report("page_fault", 101, PAGES);
}

static void measure_pipe(void)
{
	if (pipe(to_child) || pipe(from_child))
		fail("pipe");
	pid_t child = fork();
	if (!child) {
		char byte;

		while (read(to_child[0], &byte, 1) == 1 && write(from_child[1], &byte, 1) == 1)
			;
		_exit(0);
	}
	measure("pipe", do_pipe, 301, 2); /* there and back */
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void measure_all(void)
{
	zero_fd = open("/dev/zero", O_RDONLY);
	one_page = map(PROT_READ | PROT_WRITE, 0);
	one_page[0] = 1;
	read_only = map(PROT_READ, 0);
	if (zero_fd < 0 || *(volatile char *)read_only)
		fail("/dev/zero");
	signal(SIGSEGV, on_fault);

	measure("empty", do_nothing, 1001, 1);
	measure("syscall", do_syscall, 1001, 10);
	measure("read", do_read, 501, 10);
	measure("yield", do_yield, 501, 10);
	measure_page_fault();
	measure("mmap", do_mmap, 101, 1);
	measure("mprotect", do_mprotect, 201, 2);
	measure("sigsegv", do_sigsegv, 201, 1);
	measure_pipe();
	measure("fork", do_fork, 101, 1);
	measure("exec", do_exec, 51, 1);
	measure("file_create", do_create, 101, 1);
}

static void mount_all(void)
{
	static const char *const mounts[][2] = { { "/proc", "proc" },
						 { "/dev", "devtmpfs" },
						 { "/tmp", "tmpfs" } };

	for (unsigned i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		mkdir(mounts[i][0], 0755);
		mount(mounts[i][1], mounts[i][0], mounts[i][1], 0, NULL);
	}
	int console = open("/dev/console", O_RDWR);
	for (int fd = 0; console >= 0 && fd < 3; fd++)
		dup2(console, fd);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	self = "/proc/self/exe";
	if (getpid() != 1) {
		measure_all();
		return 0;
	}
	mount_all();
	printf("osbench started at tick %llu\n", (unsigned long long)ticks());
	pid_t child = fork(); /* the kernel would report a fault of process 1 */
	if (!child) {
		measure_all();
		exit(0);
	}
	waitpid(child, NULL, 0);
	printf("osbench ended\n");
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	return 1;
}
