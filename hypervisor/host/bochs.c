// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "bochs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define DIRECTORY "/tmp/veneer-bochs-XXXXXX"
static char directory[sizeof(DIRECTORY)];
static bool made;

static const struct {
	const char *path, *package;
} needs[] = {
	{ "/usr/bin/bochs", "bochs" },
	{ "/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so", "bochs-term" },
	{ "/usr/share/bochs/BIOS-bochs-latest", "bochsbios" },
	{ "/usr/share/vgabios/vgabios.bin", "vgabios" },
	{ "/usr/bin/grub-mkrescue", "grub-common" },
	{ "/usr/lib/grub/i386-pc/multiboot2.mod", "grub-pc-bin" },
	{ "/usr/bin/xorriso", "xorriso" },
	{ "/usr/bin/mformat", "mtools" },
};

#define NEEDS (sizeof(needs) / sizeof(needs[0]))

/* Runs a command with its output in the directory's log; its exit status. */
static int run_quietly(const char *const argv[])
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		char path[64];

		snprintf(path, sizeof(path), "%s/command.log", directory);
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		if (fd >= 0) {
			dup2(fd, 1);
			dup2(fd, 2);
		}
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : -1;
}

static int install_what_is_missing(void)
{
	const char *argv[NEEDS + 6] = { "apt-get", "install", "-y", "--no-install-recommends" };
	unsigned n = 4;

	for (unsigned i = 0; i < NEEDS; i++)
		if (access(needs[i].path, F_OK))
			argv[n++] = needs[i].package;
	if (n == 4)
		return 0;
	fprintf(stderr, "veneer: %s for Bochs:", geteuid() ? "missing" : "installing");
	for (unsigned i = 4; i < n; i++)
		fprintf(stderr, " %s", argv[i]);
	fprintf(stderr, "%s\n", geteuid() ? ": install these packages" : "");
	if (geteuid())
		return -1;
	setenv("DEBIAN_FRONTEND", "noninteractive", 1);
	if (!run_quietly(argv))
		return 0;
	fprintf(stderr, "veneer: apt-get install failed: run it by hand to see why\n");
	return -1;
}

static int write_text(const char *name, const char *text)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *f = fopen(path, "w");
	bool bad = !f || fputs(text, f) < 0;
	if ((f && fclose(f)) || bad) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return -1;
	}
	return 0;
}

static int write_menu(const struct bochs *b)
{
	char text[256];

	if (b->bundle)
		snprintf(text, sizeof(text),
			 "set timeout=0\nmenuentry Veneer {\n\tmultiboot2 /boot/kernel\n"
			 "\tmodule2 /boot/bundle.cpio bundle\n\tboot\n}\n");
	else if (b->initrd)
		snprintf(text, sizeof(text),
			 "set timeout=0\nmenuentry Linux {\n\tlinux /boot/kernel %s\n"
			 "\tinitrd /boot/initrd\n\tboot\n}\n",
			 b->cmdline ? b->cmdline : "");
	else
		snprintf(text, sizeof(text),
			 "set timeout=0\nmenuentry guest {\n\tmultiboot /boot/kernel "
			 "%s\n\tboot\n}\n",
			 b->cmdline ? b->cmdline : "");
	return write_text("iso/boot/grub/grub.cfg", text);
}

/* Without symbols; a bzImage has none. */
static int copy_kernel(const struct bochs *b, const char *to)
{
	if (b->initrd)
		return run_quietly((const char *const[]){ "cp", b->kernel, to, NULL });
	return run_quietly((const char *const[]){ "strip", "-o", to, b->kernel, NULL });
}

static int make_iso(const struct bochs *b)
{
	char tree[64], kernel[96], bundle[96], initrd[96], iso[64], grub_folder[96];

	snprintf(tree, sizeof(tree), "%s/iso", directory);
	snprintf(kernel, sizeof(kernel), "%s/boot/kernel", tree);
	snprintf(bundle, sizeof(bundle), "%s/boot/bundle.cpio", tree);
	snprintf(initrd, sizeof(initrd), "%s/boot/initrd", tree);
	snprintf(iso, sizeof(iso), "%s/veneer.iso", directory);
	snprintf(grub_folder, sizeof(grub_folder), "%s/boot/grub", tree);
	if (run_quietly((const char *const[]){ "mkdir", "-p", grub_folder, NULL }) ||
	    write_menu(b) || copy_kernel(b, kernel) ||
	    (b->initrd && run_quietly((const char *const[]){ "cp", b->initrd, initrd, NULL })) ||
	    (b->bundle && run_quietly((const char *const[]){ "cp", b->bundle, bundle, NULL })) ||
	    run_quietly((const char *const[]){ "grub-mkrescue", "-o", iso, tree, NULL })) {
		fprintf(stderr, "veneer: no boot image for Bochs: see %s/command.log\n", directory);
		made = false; /* so that it stays */
		return -1;
	}
	return 0;
}

/* Time goes by instructions (sync=none) from a fixed date, so that a run can be repeated. */
static int write_settings(const struct bochs *b, const char *serial)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "display_library: term\n"
		 "megs: %s\n"
		 "cpu: count=%s, ips=50000000, model=corei7_skylake_x, reset_on_triple_fault=0\n"
		 "romimage: file=/usr/share/bochs/BIOS-bochs-latest\n"
		 "vgaromimage: file=/usr/share/vgabios/vgabios.bin\n"
		 "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n"
		 "ata0-master: type=cdrom, path=%s/veneer.iso, status=inserted\n"
		 "boot: cdrom\n"
		 "com1: enabled=1, mode=term, dev=%s\n"
		 "log: %s/bochs.log\n"
		 "clock: sync=none, time0=1767225600\n"
		 "panic: action=fatal\n",
		 b->memory, b->cpus, directory, serial, directory);
	return write_text("bochsrc", text) || write_text("commands", "c\n") ? -1 : 0;
}

/* A pseudo-terminal that passes bytes as they are; its master, or -1. */
static int open_terminal(char *name, size_t bytes)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, bytes)) {
		fprintf(stderr, "veneer: no pseudo-terminal for Bochs: %s\n", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

int bochs_start(const struct bochs *b, struct machine *m, FILE *log)
{
	char serial[64], display[64], settings[64], commands[64];

	strcpy(directory, DIRECTORY);
	if (!mkdtemp(directory)) {
		fprintf(stderr, "veneer: %s: %s\n", directory, strerror(errno));
		return -1;
	}
	made = true;
	if (install_what_is_missing() || make_iso(b))
		return -1;
	int serial_fd = open_terminal(serial, sizeof(serial));
	int display_fd = open_terminal(display, sizeof(display));
	if (serial_fd < 0 || display_fd < 0 || write_settings(b, serial))
		return -1;
	snprintf(settings, sizeof(settings), "%s/bochsrc", directory);
	snprintf(commands, sizeof(commands), "%s/commands", directory);
	const char *const argv[] = { "bochs", "-q", "-f", settings, "-rc", commands, NULL };
	return machine_start_on(m, (char *const *)argv, serial_fd, display_fd, display, log);
}

void bochs_clean(void)
{
	if (!made)
		return;
	made = false;
	run_quietly((const char *const[]){ "rm", "-rf", directory, NULL });
}
