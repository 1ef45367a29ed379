// SPDX-License-Identifier: GPL-2.0-or-later
/* Making a bundle: a cpio archive in newc format with veneer.conf and the files it names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "load/config.h"
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

/* That a guest wants. */
static int put_file(FILE *f, const struct bundle_source *s, const struct guest_config *g,
		    const char *name)
{
	char path[4096];

	if (name[0] == '/')
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s/%s", s->directory, name);
	FILE *in = fopen(path, "rb");
	struct stat st;
	long size = -1;
	if (in && !fstat(fileno(in), &st) && S_ISDIR(st.st_mode))
		errno = EISDIR;
	else if (in && !fseek(in, 0, SEEK_END) && (size = ftell(in)) > UINT32_MAX)
		errno = EFBIG, size = -1;
	char *data = size >= 0 ? malloc((size_t)size + 1) : NULL;
	if (data)
		rewind(in);
	if (!data || fread(data, 1, (size_t)size, in) != (size_t)size) {
		fprintf(stderr, "veneer: %s:%u: guest \"%s\": %s: %s\n", s->conf_path, g->line,
			g->name, path, strerror(errno ? errno : EIO));
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

static void pass_over(void *arg, unsigned line, const char *message)
{
	(void)arg;
	(void)line;
	(void)message;
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

static bool can_start_one(const struct config *c)
{
	for (unsigned i = 0; i < c->guests; i++)
		if (!c->guest[i].broken)
			return true;
	return false;
}

int bundle_read_config(struct bundle_source *s, bool aloud)
{
	struct complaints to = { .path = s->conf_path };

	config_read(&s->config, s->conf, s->conf_bytes, pass_over, NULL);
	bool can = can_start_one(&s->config);
	if (aloud || !can)
		config_read(&s->config, s->conf, s->conf_bytes, complain, &to);
	if (to.number > COMPLAINTS_MAX)
		fprintf(stderr, "veneer: %s: and %u more such lines\n", s->conf_path,
			to.number - COMPLAINTS_MAX);
	if (!s->config.guests && !s->config.errors)
		fprintf(stderr, "veneer: %s: no [guest NAME] section\n", s->conf_path);
	return can ? 0 : -1;
}

static int put_images(FILE *f, struct bundle_source *s)
{
	for (unsigned i = 0; i < s->config.guests; i++) {
		const struct guest_config *g = &s->config.guest[i];

		if (g->broken)
			continue;
		s->needs_mib += (g->memory >> 20) + 1;
		s->wants_vmx |= g->engine == ENGINE_VMX;
		s->wants_svm |= g->engine == ENGINE_SVM || g->engine == ENGINE_AUTO;
		while (s->needs_cpus < 32 && g->cpus >> s->needs_cpus)
			s->needs_cpus++;
		if (put_file(f, s, g, g->image) || (*g->module && put_file(f, s, g, g->module)))
			return RUN_USAGE;
	}
	return RUN_WELL;
}

int bundle_write(struct bundle_source *s, const char *path)
{
	FILE *f = fopen(path, "wb");

	if (!f) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return RUN_NOT_WELL;
	}
	put_entry(f, "veneer.conf", s->conf, s->conf_bytes);
	int status = put_images(f, s);
	put_entry(f, "TRAILER!!!", "", 0);
	s->needs_mib += (unsigned long)ftell(f) >> 20;
	bool bad = ferror(f);
	if (fclose(f) || bad) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return RUN_NOT_WELL;
	}
	return status;
}
