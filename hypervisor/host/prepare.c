// SPDX-License-Identifier: GPL-2.0-or-later
/* What a machine is to be: the configuration, its engine, its size, and the bundle of its guests.
 */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "run.h"
#include "temporary.h"

static int read_file(const char *path, char **data, size_t *bytes)
{
	FILE *f = fopen(path, "rb");
	long size;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || size > 1 << 20) {
		run_fail(path, f ? "not a configuration" : strerror(errno));
		if (f)
			fclose(f);
		return -1;
	}
	rewind(f);
	*data = malloc((size_t)size + 1);
	*bytes = *data ? fread(*data, 1, (size_t)size, f) : 0;
	fclose(f);
	return *data ? 0 : -1;
}

/* Whether a line has the key engine; *good: and with a value that there is. */
static bool has_engine(const char *word, size_t n, bool *good)
{
	char line[64], key[16], value[8] = "";

	snprintf(line, sizeof(line), "%.*s", (int)n, word);
	*good = false;
	if (sscanf(line, "%15[^= \t] = %7[^ \t\r]", key, value) < 1 || strcmp(key, "engine"))
		return false;
	for (unsigned i = 0; engine_names[i]; i++)
		*good |= !strcmp(value, engine_names[i]);
	return true;
}

/* engine = E in every guest's section: in place of the line that says it, or at the end. A line
 * with a wrong value stays, and is named. */
static char *override_engine(char *text, size_t *bytes, const char *engine)
{
	char *out = malloc(*bytes * 16 + 64), *to = out;
	bool wants = false, good;

	text[*bytes] = 0; /* read_file has left room */
	for (char *line = text; out; line += strcspn(line, "\n") + 1) {
		size_t n = strcspn(line, "\n");
		const char *word = line + strspn(line, " \t");
		bool last = line + n >= text + *bytes;
		bool has = wants && has_engine(word, n, &good);

		if (*word == '[' && wants)
			to += sprintf(to, "engine = %s\n", engine);
		wants = *word == '[' ? !strncmp(word, "[guest ", 7) : wants && !has;
		if (has && good)
			to += sprintf(to, "engine = %s\n", engine);
		else
			to += sprintf(to, "%.*s\n", (int)n, line);
		if (last && wants)
			to += sprintf(to, "engine = %s\n", engine);
		if (last)
			break;
	}
	*bytes = (size_t)(to - out);
	free(text);
	return out;
}

#define MIB_LEAST    256
#define MIB_OVERHEAD 64 /* firmware, hypervisor, and shadows of the guests */

/* What was not asked for is as much as the guests want. */
static void set_defaults(struct run *o)
{
	static char memory[24], cpus[24];
	const struct bundle_source *s = &o->source;
	unsigned long mib = s->needs_mib + s->needs_mib / 64 + MIB_OVERHEAD;

	snprintf(memory, sizeof(memory), "%lu", mib < MIB_LEAST ? MIB_LEAST : mib);
	snprintf(cpus, sizeof(cpus), "%u", s->needs_cpus < 2 ? 2 : s->needs_cpus);
	o->memory_by_guests = !o->memory;
	if (!o->memory)
		o->memory = memory;
	if (!o->cpus)
		o->cpus = cpus;
}

static bool has_hypervisor(void)
{
	const char *path = library_path("veneer.elf");

	if (!access(path, R_OK))
		return true;
	fprintf(stderr, "veneer: %s: %s: build it, or say with VENEER_LIB in which folder it is\n",
		path, strerror(errno));
	return false;
}

/* An option's file, which is only written in the end; for nothing if it cannot be. */
static bool can_write(const char *option, const char *path)
{
	const char *why = path ? file_why_not(path) : NULL;

	if (why)
		fprintf(stderr, "veneer: %s %s: %s\n", option, path, why);
	return !why;
}

/* What is wrong in it is shown by the hypervisor, which starts the guests that it can. Where that
 * would not be seen, it is said here; what is kept or printed must be right. */
static int read_configuration(struct run *o)
{
	bool kept = o->kept;
	struct bundle_source *s = &o->source;
	static char directory[4096];

	s->conf_path = o->conf;
	if (read_file(o->conf, &s->conf, &s->conf_bytes))
		return -1;
	snprintf(directory, sizeof(directory), "%s", o->conf);
	s->directory = dirname(directory);
	if (bundle_read_config(s, kept || o->quiet) || script_check(&o->script, &s->config))
		return -1;
	if (kept && s->config.errors)
		return -1;
	if (!can_write("--iso", o->iso) || !can_write("--stay", kept ? NULL : o->stay))
		return -1;
	if (!o->engine)
		return 0;
	s->conf = override_engine(s->conf, &s->conf_bytes, o->engine);
	return bundle_read_config(s, false);
}

int prepare(struct run *o)
{
	bool bundle_alone = o->bundle && !o->iso && !o->print;

	return read_configuration(o) || (!bundle_alone && !has_hypervisor()) ? -1 : 0;
}

int prepare_bundle(struct run *o, const char *path)
{
	int status = bundle_write(&o->source, path);

	set_defaults(o);
	return status;
}

int prepare_kept_bundle(struct run *o)
{
	const char *temporary = temporary_file_beside(o->bundle);

	if (!temporary)
		return run_fail(o->bundle, strerror(errno));
	int status = prepare_bundle(o, temporary);
	const char *why =
		status || chmod(temporary, 0644) ? NULL : file_replace(temporary, o->bundle);
	temporary_remove(temporary);
	return why ? run_fail(o->bundle, why) : status;
}
