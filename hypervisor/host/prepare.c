// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads the configuration, applies --engine, sets the machine's size, and writes the bundle. */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "run.h"
#include "temporary.h"

#define CONF_MAX (1 << 20)

/* Why that cannot be a configuration, or NULL. */
static const char *why_no_text(const char *data, size_t bytes)
{
	if (bytes >= 3 && !memcmp(data, "\xef\xbb\xbf", 3))
		return "begins with a byte order mark: save it without one";
	if (bytes > CONF_MAX)
		return "not a configuration file: larger than 1 MiB";
	if (memchr(data, 0, bytes))
		return "not a configuration file: it has NUL bytes (binary, or UTF-16)";
	return NULL;
}

static int read_file(const char *path, char **data, size_t *bytes)
{
	const char *why;
	FILE *f = file_open(path, &why);

	*data = f ? malloc(CONF_MAX + 1) : NULL;
	*bytes = *data ? fread(*data, 1, CONF_MAX + 1, f) : 0;
	if (f && (!*data || ferror(f)))
		why = strerror(errno);
	else if (f)
		why = why_no_text(*data, *bytes);
	if (f)
		fclose(f);
	return why ? run_fail(path, why), -1 : 0;
}

static bool has_engine(const char *word, size_t n)
{
	char line[64], key[16];

	snprintf(line, sizeof(line), "%.*s", (int)n, word);
	return sscanf(line, "%15[^= \t] %1[=]", key, line) == 2 && !strcmp(key, "engine");
}

/* Puts engine = E in every guest's section, in place of its engine line or at the end. All lines of
 * text are valid. */
static char *override_engine(char *text, size_t *bytes, const char *engine)
{
	char *out = malloc(*bytes * 16 + 64), *to = out;
	bool wants = false, last = false;

	text[*bytes] = 0; /* read_file has left room */
	for (char *line = text; out && !last; line += strcspn(line, "\n") + 1) {
		size_t n = strcspn(line, "\n");
		const char *word = line + strspn(line, " \t");
		bool has = wants && has_engine(word, n);

		last = line + n >= text + *bytes;
		if (*word == '[' && wants)
			to += sprintf(to, "engine = %s\n", engine);
		wants = *word == '[' ? !strncmp(word, "[guest ", 7) : wants && !has;
		if (has)
			to += sprintf(to, "engine = %s\n", engine);
		else
			to += sprintf(to, "%.*s\n", (int)n, line);
		if (last && wants)
			to += sprintf(to, "engine = %s\n", engine);
	}
	*bytes = (size_t)(to - out);
	free(text);
	return out;
}

#define MIB_LEAST    256
#define MIB_OVERHEAD 64 /* firmware, hypervisor, and shadows of the guests */

/* Without --memory or --cpus: as much as the guests need. */
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

/* The hypervisor says so too, but does not know the name of the configuration. */
static void warn_of_cores(const struct run *o)
{
	long there = atol(o->cpus);

	for (unsigned i = 0; i < o->source.config.guests; i++) {
		const struct guest_config *g = &o->source.config.guest[i];

		if (__builtin_ctz(g->cpus) >= there)
			fprintf(stderr,
				"veneer: %s:%u: guest \"%s\": none of its cores is there, the "
				"machine "
				"has %ld, see --cpus: it will not be started\n",
				o->conf, g->line, g->name, there);
	}
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

/* Checks an option's file before the run, because it is written only at the end. */
static bool can_write(const char *option, const char *path)
{
	const char *why = path ? file_why_not(path) : NULL;

	if (why)
		fprintf(stderr, "veneer: %s %s: %s\n", option, path, why);
	return !why;
}

/* Whether no option's file is one that is read, or another option's. */
static bool outputs_are_apart(const struct run *o)
{
	struct {
		const char *option, *path;
	} out[4 + SCRIPT_STEPS] = { { "--bundle", o->bundle },
				    { "--iso", o->iso },
				    { "--log", o->log },
				    { "--stay", o->stay } };
	unsigned n = 4;
	const char *why = NULL;

	for (unsigned i = 0; i < o->script.steps; i++)
		if (o->script.step[i].kind == STEP_SCREEN) {
			out[n].option = "--screen";
			out[n++].path = o->script.step[i].arg;
		}
	for (unsigned i = 0; i < n && !why; i++) {
		if (out[i].path && (bundle_reads(&o->source, out[i].path) ||
				    explain_reads(&o->explain, out[i].path)))
			why = "is read for this run: want another name";
		for (unsigned j = 0; j < i && !why; j++)
			if (out[i].path && out[j].path && file_is_same(out[i].path, out[j].path))
				why = "is written twice: want another name";
		if (why)
			fprintf(stderr, "veneer: %s %s: %s\n", out[i].option, out[i].path, why);
	}
	return !why;
}

/* What the hypervisor warns of too. Counts the guests that can only use one core: where the vCPUs
 * of others go is decided at boot. */
static void warn_of_shares(const struct bundle_source *s)
{
	unsigned promised[32] = { 0 };

	for (unsigned i = 0; i < s->config.guests; i++) {
		const struct guest_config *g = &s->config.guest[i];
		unsigned core = (unsigned)__builtin_ctz(g->cpus);

		if (g->cpus & (g->cpus - 1))
			continue;
		promised[core] += g->share * g->vcpus;
		if (promised[core] > 100 && g->share)
			fprintf(stderr,
				"veneer: %s:%u: guest \"%s\": with it the shares of core %u add up "
				"to %u %%: none is guaranteed\n",
				s->conf_path, g->line, g->name, core, promised[core]);
	}
}

/* After an invalid line: what is wrong with the files too, so that all is reported at once. */
static void check_files_as_well(struct run *o)
{
	struct config *c = &o->source.config;
	enum engine_choice e = ENGINE_AUTO;

	while (o->engine && strcmp(engine_names[e], o->engine))
		e++;
	for (unsigned i = 0; o->engine && i < c->guests; i++)
		c->guest[i].engine = e;
	bundle_check_files(&o->source);
}

static int read_configuration(struct run *o)
{
	struct bundle_source *s = &o->source;
	static char directory[4096];

	s->conf_path = o->conf;
	if (read_file(o->conf, &s->conf, &s->conf_bytes))
		return -1;
	snprintf(directory, sizeof(directory), "%s", o->conf);
	s->directory = dirname(directory);
	if (bundle_read_config(s)) {
		check_files_as_well(o);
		return -1;
	}
	if (o->engine)
		s->conf = override_engine(s->conf, &s->conf_bytes, o->engine);
	if (!s->conf || (o->engine && bundle_read_config(s)))
		return -1;
	if (!o->gdb.options)
		return 0;
	return gdb_assign(&o->gdb, &s->config, &s->conf, &s->conf_bytes) ? -1
									 : bundle_read_config(s);
}

int prepare_check(struct run *o)
{
	if (read_configuration(o))
		return -1;
	warn_of_shares(&o->source);
	return bundle_check_files(&o->source) ? -1 : 0;
}

int prepare(struct run *o)
{
	bool bundle_alone = o->bundle && !o->iso && !o->print;

	if (read_configuration(o) || script_check(&o->script, &o->source.config) ||
	    !outputs_are_apart(o) || !can_write("--iso", o->iso) ||
	    !can_write("--stay", o->kept ? NULL : o->stay))
		return -1;
	if (!o->kept && explain_read(&o->explain, &o->source.config, o->source.directory))
		return -1;
	if (!o->quiet)
		warn_of_shares(&o->source);
	return bundle_alone || has_hypervisor() ? 0 : -1;
}

int prepare_bundle(struct run *o, const char *path)
{
	int status = bundle_write(&o->source, path);

	set_defaults(o);
	if (!status && !o->kept && !o->quiet)
		warn_of_cores(o);
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
