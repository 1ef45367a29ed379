// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "bochs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iso.h"
#include "program.h"
#include "temporary.h"

#define PATH 4352 /* length of a temporary folder's path, and a name in it */

static const char *directory; /* of the machine, or NULL */

static const struct need needs[] = {
	{ "bochs", "bochs" },
	{ "/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so", "bochs-term" },
	{ "/usr/share/bochs/BIOS-bochs-latest", "bochsbios" },
	{ "/usr/share/vgabios/vgabios.bin", "vgabios" },
};

static int write_text(const char *name, const char *text)
{
	char path[PATH];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *f = fopen(path, "w");
	bool bad = !f || fputs(text, f) < 0;
	if ((f && fclose(f)) || bad) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return -1;
	}
	return 0;
}

static int make_iso(const struct bochs *b)
{
	char iso[PATH];
	const struct iso_entry entry = { .title = "Veneer",
					 .kernel = b->kernel,
					 .bundle = b->bundle,
					 .initrd = b->initrd,
					 .cmdline = b->cmdline };

	snprintf(iso, sizeof(iso), "%s/veneer.iso", directory);
	return iso_write(&entry, 1, iso);
}

/* Bochs waits there for gdb before it starts. */
static void add_serial(const struct bochs *b, char *text, size_t size)
{
	for (unsigned i = 0; i < 3; i++)
		if (b->gdb[i]) {
			size_t used = strlen(text);
			snprintf(text + used, size - used,
				 "com%u: enabled=1, mode=socket-server, dev=localhost:%s\n", i + 2,
				 b->gdb[i]);
		}
}

/* Time goes by instructions (sync=none) from a fixed date, so that a run can be repeated. Bochs
 * runs in the directory, since its settings have no way to quote a blank or comma in a path. */
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
		 "ata0-master: type=cdrom, path=veneer.iso, status=inserted\n"
		 "boot: cdrom\n"
		 "com1: enabled=1, mode=term, dev=%s\n"
		 "log: bochs.log\n"
		 "clock: sync=none, time0=1767225600\n"
		 "panic: action=fatal\n",
		 b->memory, b->cpus, serial);
	add_serial(b, text, sizeof(text));
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

#define CPUS_MAX_BOCHS 12   /* Bochs 2.7 has too few timers for more */
#define MIB_MAX_BOCHS  2048 /* its "megs" takes no more */

bool bochs_has(const char *cpus, const char *memory)
{
	if (atol(cpus) <= CPUS_MAX_BOCHS && atol(memory) <= MIB_MAX_BOCHS)
		return true;
	fprintf(stderr,
		"veneer: %s processors and %s MiB are wanted, Bochs has at most %d and %d\n", cpus,
		memory, CPUS_MAX_BOCHS, MIB_MAX_BOCHS);
	return false;
}

int bochs_missing(void)
{
	return name_missing(needs, sizeof(needs) / sizeof(needs[0]), "Bochs");
}

int bochs_start(const struct bochs *b, struct machine *m)
{
	static const char *const argv[] = {
		"bochs", "-q", "-f", "bochsrc", "-rc", "commands", NULL
	};
	char serial[64], display[64];

	if (!bochs_has(b->cpus, b->memory) || bochs_missing() ||
	    !(directory = temporary_folder("bochs")) || make_iso(b))
		return -1;
	int serial_fd = open_terminal(serial, sizeof(serial));
	int display_fd = open_terminal(display, sizeof(display));
	if (serial_fd < 0 || display_fd < 0 || write_settings(b, serial))
		return -1;
	return machine_start_on(m, (char *const *)argv, directory, serial_fd, display_fd, display);
}

void bochs_clean(void)
{
	temporary_remove(directory);
	directory = NULL;
}
