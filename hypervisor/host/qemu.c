// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu.h"

#include <stdio.h>
#include <string.h>

#include "program.h"

static unsigned add(const char **argv, unsigned n, const char *const *more)
{
	while (*more)
		argv[n++] = *more++;
	return n;
}

/* QEMU numbers serial ports in the order of its options. */
static unsigned add_serial(const struct qemu *q, const char **argv, unsigned n)
{
	static char text[3][64];
	unsigned last = 3;

	while (last && !q->gdb[last - 1])
		last--;
	for (unsigned i = 0; i < last; i++) {
		/* nodelay: QEMU writes each byte by itself, which would wait for the host to
		 * acknowledge the last */
		snprintf(text[i], sizeof(text[i]), "tcp:127.0.0.1:%s,server=on,wait=off,nodelay=on",
			 q->gdb[i] ? q->gdb[i] : "");
		argv[n++] = "-serial";
		argv[n++] = q->gdb[i] ? text[i] : "null";
	}
	return n;
}

void qemu_arguments(const struct qemu *q, const char *argv[QEMU_ARGUMENTS])
{
	const char *cpu = q->cpu ? q->cpu : strcmp(q->accel, "kvm") ? "max" : "host";
	/* With a thread for each processor, QEMU 7.2's AMD-V sometimes loses TLB entries of the
	 * hypervisor or a guest: in 3 of 16 runs of t/guests/flood.c, and in none of 60 with one
	 * thread. */
	const char *accel =
		q->one_thread && !strcmp(q->accel, "tcg") ? "tcg,thread=single" : q->accel;
	/* clang-format off */
	const char *const machine[] = { "qemu-system-x86_64", "-machine", "pc", "-accel", accel,
		"-cpu", cpu, "-m", q->memory, "-smp", q->cpus, "-display", "none", "-monitor", "none",
		"-nodefaults", "-serial", "stdio", "-no-reboot",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-kernel", q->kernel, NULL };
	/* repeatable runs need the seed and the fixed clock */
	const char *const icount[] = { "-icount", "shift=0,sleep=off", "-seed", "1",
		"-rtc", "base=2026-01-01,clock=vm", NULL };
	/* clang-format on */
	unsigned n = add(argv, 0, machine);

	n = add_serial(q, argv, n);
	if (q->icount)
		n = add(argv, n, icount);
	if (q->plugin)
		n = add(argv, n, (const char *const[]){ "-plugin", q->plugin, NULL });
	if (q->stay)
		n = add(argv, n, (const char *const[]){ "-plugin", q->stay, NULL });
	if (q->initrd)
		n = add(argv, n, (const char *const[]){ "-initrd", q->initrd, NULL });
	if (q->append)
		n = add(argv, n, (const char *const[]){ "-append", q->append, NULL });
	argv[n] = NULL;
}

static size_t append(char *to, size_t size, size_t used, const char *text, bool is_name)
{
	for (; *text; text++)
		for (unsigned n = is_name && *text == ',' ? 2 : 1; n; n--, used++)
			if (used + 1 < size)
				to[used] = *text;
	to[used < size ? used : size - 1] = 0;
	return used;
}

size_t qemu_plugin(char *option, size_t size, const char *file, const char *out)
{
	size_t used = append(option, size, 0, "file=", false);

	used = append(option, size, used, file, true);
	used = append(option, size, used, ",out=", false);
	return append(option, size, used, out, true);
}

int qemu_missing(void)
{
	static const struct need need = { "qemu-system-x86_64", "qemu-system-x86" };

	return name_missing(&need, 1, "QEMU");
}
