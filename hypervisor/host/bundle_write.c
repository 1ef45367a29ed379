// SPDX-License-Identifier: GPL-2.0-or-later
/* Making a bundle: a cpio archive in newc format with veneer.conf and the files it names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "load/config.h"
#include "load/image.h"
#include "run.h"

static void put_entry(FILE *f, const char *name, const void *data, size_t bytes)
{
	static const char zero[4];
	static unsigned inode;
	size_t name_bytes = strlen(name) + 1;

	fprintf(f, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode++, 0100644,
		0, 0, 1, 0, (unsigned)bytes, 0, 0, 0, 0, (unsigned)name_bytes, 0);
	fwrite(name, 1, name_bytes, f);
	fwrite(zero, 1, (4 - (110 + name_bytes) % 4) % 4, f);
	fwrite(data, 1, bytes, f);
	fwrite(zero, 1, (4 - bytes % 4) % 4, f);
}

#define CONFIGURATION "veneer.conf"
#define TRAILER	      "TRAILER!!!"
#define IMAGE_MAX     (256u << 20) /* with its symbols it can be larger than its guest's memory */

/* A file that the configuration names. */
struct named {
	const char *name;
	unsigned line; /* 0: not a name that can be used */
	enum { IMAGE, MODULE, DISK } kind;
};

static struct named image_of(const struct guest_config *g)
{
	return (struct named){ g->image, g->image_line, IMAGE };
}

static struct named module_of(const struct guest_config *g, unsigned i)
{
	return (struct named){ g->module[i].file, g->module[i].line, MODULE };
}

static struct named disk_of(const struct guest_config *g, unsigned i)
{
	return (struct named){ g->disk[i].file, g->disk[i].line, DISK };
}

/* Why a file of that size cannot be a guest's image or module, or NULL. Called before reading it.
 */
static const char *why_too_large(FILE *in, const struct guest_config *g, struct named n,
				 size_t *bytes)
{
	struct stat st;

	if (fstat(fileno(in), &st))
		return strerror(errno);
	*bytes = (size_t)st.st_size;
	if (*bytes > UINT32_MAX)
		return strerror(EFBIG);
	if (*bytes > g->memory && (n.kind == MODULE || (n.kind == IMAGE && *bytes > IMAGE_MAX)))
		return "larger than the guest's memory";
	return NULL;
}

#define PATH_BYTES 4096

static char *path_of(const struct bundle_source *s, const char *name, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%s%s%s", name[0] == '/' ? "" : s->directory,
		 name[0] == '/' ? "" : "/", name);
	return path;
}

static int fail(const struct bundle_source *s, const struct guest_config *g, struct named n,
		const char *why)
{
	char path[PATH_BYTES];

	fprintf(stderr, "veneer: %s:%u: guest \"%s\": %s: %s\n", s->conf_path, n.line, g->name,
		path_of(s, n.name, path), why);
	return -1;
}

bool bundle_reads(const struct bundle_source *s, const char *path)
{
	char of[PATH_BYTES];
	bool same = file_is_same(path, s->conf_path);

	for (unsigned i = 0; i < s->config.guests && !same; i++) {
		const struct guest_config *g = &s->config.guest[i];

		same = file_is_same(path, path_of(s, g->image, of));
		for (unsigned d = 0; d < g->disks && !same; d++)
			same = file_is_same(path, path_of(s, g->disk[d].file, of));
		for (unsigned m = 0; m < g->modules && !same; m++)
			same = file_is_same(path, path_of(s, g->module[m].file, of));
	}
	return same;
}

static bool is_reserved(const char *name)
{
	if (!strncmp(name, "./", 2))
		name += 2;
	return !strcmp(name, CONFIGURATION) || !strcmp(name, TRAILER);
}

/* Returns NULL, or an error message. */
static const char *read_file(const struct bundle_source *s, const struct guest_config *g,
			     struct named n, struct file *to)
{
	char path[PATH_BYTES];
	const char *why;
	FILE *in = file_open(path_of(s, n.name, path), &why);
	size_t bytes = 0;

	if (in && is_reserved(n.name)) {
		fclose(in);
		return "a bundle has another file of that name: want another name";
	}
	if (!in)
		return why;
	why = why_too_large(in, g, n, &bytes);
	uint8_t *data = why ? NULL : malloc(bytes + 1);
	if (!why && (!data || fread(data, 1, bytes, in) != bytes))
		why = strerror(errno ? errno : EIO);
	fclose(in);
	*to = (struct file){ data, bytes };
	return why;
}

/* A guest's files. */
struct files {
	struct image image;
	struct file module[MODULES_MAX], disk[DISKS_MAX];
};

/* Reads and checks a guest's image. Returns NULL, or an error message. */
static const char *read_image(const struct bundle_source *s, const struct guest_config *g,
			      struct image *im)
{
	const char *why = read_file(s, g, image_of(g), &im->file);

	if (!why)
		why = image_identify(im, g);
	if (!why && g->engine == ENGINE_RING)
		why = image_not_in_ring1(im, g->vcpus);
	return why ? why : image_place(im, NULL, 0, g->memory, &(struct image_plan){ 0 });
}

/* As an image, a module, or another disk. */
static bool is_named_elsewhere(const struct bundle_source *s, const struct file_config *disk)
{
	const struct guest_config *end = s->config.guest + s->config.guests;
	bool is = false;

	for (const struct guest_config *g = s->config.guest; g < end; g++) {
		is |= !strcmp(g->image, disk->file);
		for (unsigned i = 0; i < g->modules; i++)
			is |= !strcmp(g->module[i].file, disk->file);
		for (unsigned i = 0; i < g->disks; i++)
			is |= g->disk[i].line != disk->line && !strcmp(g->disk[i].file, disk->file);
	}
	return is;
}

/* 0, or -1 with a line on stderr. */
static int read_disk(const struct bundle_source *s, const struct guest_config *g, unsigned i,
		     struct file *disk)
{
	const char *why = read_file(s, g, disk_of(g, i), disk);

	if (!why && is_named_elsewhere(s, &g->disk[i]))
		why = "is another file too, and a guest writes to its disk: make a copy";
	if (!why)
		why = image_no_disk(disk);
	return why ? fail(s, g, disk_of(g, i), why) : 0;
}

/* Reads a guest's files, and checks them: fails if the hypervisor would refuse them,
 * whatever the machine has. Returns 0, or -1 with lines on stderr; the data is to be freed in
 * either case. */
static int read_files(const struct bundle_source *s, const struct guest_config *g, struct files *f)
{
	const char *why = g->image_line ? read_image(s, g, &f->image) : NULL;
	bool placeable = g->image_line && !why;
	int err = why ? fail(s, g, image_of(g), why) : 0;

	for (unsigned i = 0; i < g->modules; i++) {
		why = read_file(s, g, module_of(g, i), &f->module[i]);
		if (!why && placeable)
			why = image_place(&f->image, f->module, i + 1, g->memory,
					  &(struct image_plan){ 0 });
		if (why)
			err = fail(s, g, module_of(g, i), why);
		placeable &= !why;
	}
	for (unsigned i = 0; i < g->disks; i++)
		err |= read_disk(s, g, i, &f->disk[i]);
	return err;
}

static int put_files(FILE *out, const struct bundle_source *s, const struct guest_config *g)
{
	struct files f = { 0 };
	int err = read_files(s, g, &f);

	if (out && !err)
		put_entry(out, g->image, f.image.file.data, f.image.file.bytes);
	for (unsigned i = 0; i < g->modules; i++) {
		if (out && !err)
			put_entry(out, g->module[i].file, f.module[i].data, f.module[i].bytes);
		free((void *)f.module[i].data);
	}
	for (unsigned i = 0; i < g->disks; i++) {
		if (out && !err)
			put_entry(out, g->disk[i].file, f.disk[i].data, f.disk[i].bytes);
		free((void *)f.disk[i].data);
	}
	free((void *)f.image.file.data);
	return err;
}

int bundle_check_files(const struct bundle_source *s)
{
	int err = 0;

	for (unsigned i = 0; i < s->config.guests; i++) {
		struct guest_config g = s->config.guest[i];

		if (g.broken) { /* what was meant is unknown, and may suit the files */
			g.memory = PC_DEVICES_AT;
			g.engine = ENGINE_AUTO;
			g.prepare = PREPARE_DETECT;
			if (g.load == LOAD_INVALID && !g.load_line)
				g.image_line = 0;
		}
		err |= put_files(NULL, s, &g);
	}
	return err;
}

#define COMPLAINTS_MAX 10 /* more say that it is no configuration at all */

struct complaints {
	const char *path;
	unsigned number;
};

static void complain(void *arg, unsigned line, const char *message)
{
	struct complaints *c = arg;

	if (c->number++ < COMPLAINTS_MAX)
		fprintf(stderr, "veneer: %s:%u: %s\n", c->path, line, message);
}

int bundle_read_config(struct bundle_source *s)
{
	struct complaints to = { .path = s->conf_path };

	config_read(&s->config, s->conf, s->conf_bytes, complain, &to);
	if (to.number > COMPLAINTS_MAX)
		fprintf(stderr, "veneer: %s: and %u more such lines\n", s->conf_path,
			to.number - COMPLAINTS_MAX);
	if (!s->config.guests && !s->config.errors)
		fprintf(stderr, "veneer: %s: no [guest NAME] section\n", s->conf_path);
	return s->config.guests && !s->config.errors ? 0 : -1;
}

static int put_images(FILE *f, struct bundle_source *s)
{
	int status = RUN_WELL;

	for (unsigned i = 0; i < s->config.guests; i++) {
		const struct guest_config *g = &s->config.guest[i];

		s->needs_mib += (g->memory >> 20) + 1;
		s->wants_vmx |= g->engine == ENGINE_VMX;
		s->wants_svm |= g->engine == ENGINE_SVM || g->engine == ENGINE_AUTO;
		while (s->needs_cpus < 32 && g->cpus >> s->needs_cpus)
			s->needs_cpus++;
		if (put_files(f, s, g))
			status = RUN_USAGE;
	}
	return status;
}

int bundle_write(struct bundle_source *s, const char *path)
{
	FILE *f = fopen(path, "wb");

	if (!f) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return RUN_NOT_WELL;
	}
	put_entry(f, CONFIGURATION, s->conf, s->conf_bytes);
	int status = put_images(f, s);
	put_entry(f, TRAILER, "", 0);
	s->needs_mib += (unsigned long)ftell(f) >> 20;
	bool bad = ferror(f);
	if (fclose(f) || bad) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return RUN_NOT_WELL;
	}
	return status;
}
