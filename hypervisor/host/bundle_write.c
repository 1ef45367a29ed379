// SPDX-License-Identifier: GPL-2.0-or-later
/* Making a bundle: a cpio archive in newc format with veneer.conf and the files it names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "machine.h"

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

static int put_file(FILE *f, const char *directory, const char *name)
{
	char path[4096];

	if (name[0] == '/')
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *in = fopen(path, "rb");
	long size = -1;
	if (in && !fseek(in, 0, SEEK_END))
		size = ftell(in);
	char *data = size >= 0 ? malloc((size_t)size + 1) : NULL;
	if (data)
		rewind(in);
	if (!data || fread(data, 1, (size_t)size, in) != (size_t)size) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno ? errno : EIO));
		free(data);
		if (in)
			fclose(in);
		return -1;
	}
	fclose(in);
	put_entry(f, name, data, (size_t)size);
	free(data);
	return 0;
}

static void say_error(void *arg, unsigned line, const char *message)
{
	fprintf(stderr, "veneer: %s:%u: %s\n", (const char *)arg, line, message);
}

static int put_images(FILE *f, struct bundle_source *s)
{
	static struct config c;

	config_read(&c, s->conf, s->conf_bytes, say_error, (void *)s->conf_path);
	if (!c.guests) {
		fprintf(stderr, "veneer: %s: no [guest NAME] section\n", s->conf_path);
		return -1;
	}
	for (unsigned i = 0; i < c.guests; i++) {
		const struct guest_config *g = &c.guest[i];

		if (g->broken)
			continue; /* the hypervisor says so again and starts the others */
		s->needs_mib += (g->memory >> 20) + 1;
		s->wants_vmx |= g->engine == ENGINE_VMX;
		s->wants_svm |= g->engine == ENGINE_SVM || g->engine == ENGINE_AUTO;
		while (s->needs_cpus < 32 && g->cpus >> s->needs_cpus)
			s->needs_cpus++;
		if (put_file(f, s->directory, g->image) ||
		    (*g->module && put_file(f, s->directory, g->module)))
			return -1;
	}
	return 0;
}

int bundle_write(struct bundle_source *s, const char *path)
{
	FILE *f = fopen(path, "wb");

	if (!f) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return -1;
	}
	put_entry(f, "veneer.conf", s->conf, s->conf_bytes);
	int err = put_images(f, s);
	put_entry(f, "TRAILER!!!", "", 0);
	s->needs_mib += (unsigned long)ftell(f) >> 20;
	bool bad = ferror(f);
	if (fclose(f) || bad) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return -1;
	}
	return err;
}
