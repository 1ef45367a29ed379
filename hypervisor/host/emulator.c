// SPDX-License-Identifier: GPL-2.0-or-later
/* Chooses the emulator, checks that it supports the options, and starts it. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bochs.h"
#include "qemu.h"
#include "run.h"
#include "stay.h"

/* QEMU's tcg has no VT-x. */
const char *emulator_choose(const struct run *o)
{
	const char *why = "", *accel = o->accel;

	if (!accel || !strcmp(accel, "auto"))
		accel = o->icount ? "tcg" : accelerator_choose(&why);
	if (o->source.wants_vmx && (strcmp(accel, "kvm") || !processor_has_vmx())) {
		accel = "bochs";
		why = "for VT-x, which this processor does not have";
	}
	if (isatty(2) && *why)
		fprintf(stderr, "veneer: accelerator %s (%s)\n", accel, why);
	return accel;
}

static int command_of(const struct run *o, const char *accel, const char *bundle, const char **argv)
{
	static char stay[8192];
	struct qemu q = { .accel = accel,
			  .one_thread = o->source.wants_svm,
			  .memory = o->memory,
			  .cpus = o->cpus,
			  .kernel = library_path("veneer.elf"),
			  .initrd = bundle,
			  .icount = o->icount };

	for (unsigned i = 0; i < GDB_PORTS; i++)
		q.gdb[i] = gdb_port(&o->gdb, i);
	if (o->stay) {
		if (stay_plugin(o->stay_counts ? o->stay_counts : o->stay, stay, sizeof(stay)))
			return -1;
		q.stay = stay;
	}
	qemu_arguments(&q, argv);
	return 0;
}

/* Allocates it like the emulator does, so that it fails for the same reasons. */
static bool host_has_memory(const struct run *o)
{
	const struct config *c = &o->source.config;
	const struct guest_config *most = &c->guest[0];
	size_t bytes = (size_t)atol(o->memory) << 20;
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED)
		return !munmap(memory, bytes);
	for (unsigned i = 1; i < c->guests; i++)
		if (c->guest[i].memory > most->memory)
			most = &c->guest[i];
	if (o->memory_by_guests)
		fprintf(stderr,
			"veneer: %s:%u: guest \"%s\" has memory = %luM, the most: ", o->conf,
			most->line, most->name, (unsigned long)(most->memory >> 20));
	else
		fprintf(stderr, "veneer: --memory %s: ", o->memory);
	fprintf(stderr, "this host does not have %s MiB for the machine: use less\n", o->memory);
	return false;
}

static int fail_accelerator(const struct run *o, const char *option, const char *why)
{
	char text[160];

	snprintf(text, sizeof(text), "%s: %s", why,
		 o->source.wants_vmx ? "and a guest wants vmx, which runs in Bochs here"
				     : "want --accel tcg");
	return run_fail(option, text);
}

bool emulator_fits(const struct run *o, const char *accel)
{
	if (o->stay && strcmp(accel, "tcg"))
		fail_accelerator(o, "--stay", "QEMU's plugins count, and only in tcg");
	else if (o->icount && !strcmp(accel, "kvm"))
		run_fail("--icount", "KVM does not count instructions: want --accel tcg");
	else
		return strcmp(accel, "bochs") ? o->kept || host_has_memory(o)
					      : bochs_has(o->cpus, o->memory);
	return false;
}

/* Quotes word for the shell if necessary. */
static void print_word(const char *before, const char *word)
{
	fputs(before, stdout);
	if (*word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789%+,-./:=@_")]) {
		fputs(word, stdout);
		return;
	}
	putchar('\'');
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*word);
	putchar('\'');
}

int emulator_print(const struct run *o, const char *bundle)
{
	const char *accel = emulator_choose(o), *argv[QEMU_ARGUMENTS];

	if (!strcmp(accel, "bochs"))
		return fail_accelerator(o, "--print", "Bochs is started with a file of settings");
	if (!emulator_fits(o, accel))
		return RUN_USAGE;
	if (command_of(o, accel, bundle, argv))
		return RUN_USAGE;
	for (unsigned i = 0; argv[i]; i++)
		print_word(i ? " " : "", argv[i]);
	putchar('\n');
	return RUN_WELL;
}

int emulator_start(const struct run *o, const char *accel, const char *bundle, struct machine *m)
{
	const char *argv[QEMU_ARGUMENTS];
	const struct bochs b = { .memory = o->memory,
				 .cpus = o->cpus,
				 .kernel = library_path("veneer.elf"),
				 .bundle = bundle,
				 .gdb = { gdb_port(&o->gdb, 0), gdb_port(&o->gdb, 1),
					  gdb_port(&o->gdb, 2) } };

	if (!strcmp(accel, "bochs"))
		return bochs_start(&b, m);
	if (qemu_missing() || command_of(o, accel, bundle, argv))
		return -1;
	return machine_start(m, (char *const *)argv);
}
