// SPDX-License-Identifier: GPL-2.0-or-later
#include "iso.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "program.h"
#include "temporary.h"

static const struct need needs[] = {
	{ "grub-mkrescue", "grub-common" },
	{ "/usr/lib/grub/i386-pc/multiboot2.mod", "grub-pc-bin" },
	{ "/usr/lib/grub/x86_64-efi/multiboot2.mod", "grub-efi-amd64-bin" },
	{ "xorriso", "xorriso" },
	{ "mformat", "mtools" },
	{ "strip", "binutils" },
	{ "cp", "coreutils" },
};

#define PATH 4352 /* length of a temporary folder's path, and a name in it */

/* Where it is put together. */
struct tree {
	const char *directory;
	char log[PATH];
};

static int fail(const char *path)
{
	fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
	return -1;
}

static int make_tree(struct tree *t)
{
	static const char *const folders[] = { "iso", "iso/boot", "iso/boot/grub" };
	char path[PATH];

	if (!(t->directory = temporary_folder("iso")))
		return -1;
	snprintf(t->log, sizeof(t->log), "%s/command.log", t->directory);
	for (unsigned i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", t->directory, folders[i]);
		if (mkdir(path, 0755))
			return fail(path);
	}
	return 0;
}

/* iso/boot/NAME-I */
static const char *inside(const struct tree *t, const char *name, unsigned i)
{
	static char path[PATH];

	snprintf(path, sizeof(path), "%s/iso/boot/%s-%u", t->directory, name, i);
	return path;
}

static void write_entry(FILE *f, const struct iso_entry *e, unsigned i, bool menu)
{
	const char *arguments = e->cmdline ? e->cmdline : "";

	fprintf(f, "menuentry \"%s\" --hotkey=%c {\n", e->title, i < 9 ? '1' + i : 'a' + i - 9);
	if (menu)
		fprintf(f, "\techo \"\"\n\techo \"" ISO_BOOTING "%s\"\n", e->title);
	if (e->bundle)
		fprintf(f, "\tmultiboot2 /boot/kernel-%u\n\tmodule2 /boot/bundle-%u bundle\n", i,
			i);
	else if (e->initrd)
		fprintf(f, "\tlinux /boot/kernel-%u %s\n\tinitrd /boot/initrd-%u\n", i, arguments,
			i);
	else
		fprintf(f, "\tmultiboot /boot/kernel-%u %s\n", i, arguments);
	fprintf(f, "}\n");
}

static int write_menu(const struct tree *t, const struct iso_entry *e, unsigned n)
{
	char path[PATH];

	snprintf(path, sizeof(path), "%s/iso/boot/grub/grub.cfg", t->directory);
	FILE *f = fopen(path, "w");
	if (!f)
		return fail(path);
	if (n > 1)
		fprintf(f, "serial --unit=0 --speed=115200\n"
			   "terminal_input console serial\nterminal_output console serial\n");
	fprintf(f, "set timeout=%d\n", n > 1 ? -1 : 0);
	for (unsigned i = 0; i < n; i++)
		write_entry(f, &e[i], i, n > 1);
	bool bad = ferror(f);
	return fclose(f) || bad ? fail(path) : 0;
}

/* The reason of a failure, from what a command has printed: the last line that gives one. xorriso
 * and grub-mkrescue print others behind it. */
static const char *last_reason(const struct tree *t)
{
	static const char *const others[] = { "invocation failed", " : NOTE : ", "MISHAP : " };
	static char reason[512];
	char line[sizeof(reason)];
	FILE *f = fopen(t->log, "r");

	snprintf(reason, sizeof(reason), "no reason was printed: is the disk of %.400s full?",
		 t->directory);
	while (f && fgets(line, sizeof(line), f)) {
		bool other = strlen(line) < 4;

		line[strcspn(line, "\n")] = 0;
		for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			other |= strstr(line, others[i]) != NULL;
		if (!other)
			strcpy(reason, line);
	}
	if (f)
		fclose(f);
	return reason;
}

static int copy(const struct tree *t, const char *from, const char *name, unsigned i)
{
	const char *to = inside(t, name, i);

	if (!from || !run_quietly((const char *const[]){ "cp", from, to, NULL }, t->log))
		return 0;
	fprintf(stderr, "veneer: %s: cannot copy it: %s\n", from, last_reason(t));
	return -1;
}

/* Strips the kernels; a bzImage has no symbols. */
static int copy_entry(const struct tree *t, const struct iso_entry *e, unsigned i)
{
	if (copy(t, e->bundle, "bundle", i) || copy(t, e->initrd, "initrd", i))
		return -1;
	if (e->initrd)
		return copy(t, e->kernel, "kernel", i);
	const char *const strip[] = { "strip", "-o", inside(t, "kernel", i), e->kernel, NULL };
	if (!run_quietly(strip, t->log))
		return 0;
	fprintf(stderr, "veneer: %s: cannot strip it: %s\n", e->kernel, last_reason(t));
	return -1;
}

/* mformat takes a $ in TMPDIR for a variable: grub-mkrescue runs in the tree's directory, where a
 * relative TMPDIR will do. Returns NULL, or an error message. */
static const char *run_mkrescue(const struct tree *t, const char *directory)
{
	char *output = realpath(directory, NULL), image[PATH];
	const char *const argv[] = { "env", "-C",  t->directory, "TMPDIR=.", "grub-mkrescue",
				     "-o",  image, "iso",	 NULL };

	if (!output)
		return strerror(errno);
	snprintf(image, sizeof(image), "%s/new", output);
	free(output);
	return run_quietly(argv, t->log) ? last_reason(t) : NULL;
}

/* grub-mkrescue opens its output by name, so the output is in a private folder next to the ISO: at
 * a predictable name someone else could have placed a link. */
static int make_image(const struct tree *t, const char *path)
{
	const char *directory = temporary_folder_beside(path);
	char image[PATH];

	if (!directory)
		return fail(path);
	snprintf(image, sizeof(image), "%s/new", directory);
	const char *why = run_mkrescue(t, directory);
	if (!why)
		why = file_replace(image, path);
	temporary_remove(directory);
	if (why)
		fprintf(stderr, "veneer: %s: %s\n", path, why);
	return why ? -1 : 0;
}

int iso_write(const struct iso_entry *e, unsigned n, const char *path)
{
	struct tree t;

	if (name_missing(needs, sizeof(needs) / sizeof(needs[0]), "a boot image") || make_tree(&t))
		return -1;
	int err = write_menu(&t, e, n);

	for (unsigned i = 0; i < n && !err; i++)
		err = copy_entry(&t, &e[i], i);
	if (!err)
		err = make_image(&t, path);
	temporary_remove(t.directory);
	return err ? -1 : 0;
}
