// SPDX-License-Identifier: GPL-2.0-or-later
#include "metal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "iso.h"
#include "machine.h"
#include "temporary.h"
#include "configuration.h"

/* --- the ISO --- */

/* The menu under construction; it owns its strings. */
struct menu {
	struct iso_entry entry[ISO_ENTRIES_MAX];
	unsigned entries;
};

static char *own(const char *text)
{
	return text ? strdup(text) : NULL;
}

static const char *make_bundle(const char *conf)
{
	const char *path = temporary_file("bundle");

	return path && !configuration_bundle(conf, path) ? path : NULL;
}

/* Linux gets the same memory and number of processors as the guests. */
static char *bare_cmdline(const struct setup *s)
{
	char text[256];

	if (!s->initrd)
		return strdup(s->append);
	snprintf(text, sizeof(text), "%s maxcpus=1 mem=%sM", s->append, s->memory);
	return strdup(text);
}

static int add_entry(struct menu *m, const struct results *r, unsigned config,
		     const struct setup *s)
{
	struct iso_entry *e = &m->entry[m->entries];
	char title[64];

	snprintf(title, sizeof(title), "%s, %s", r->guest, r->configuration[config].title);
	e->title = own(title);
	m->entries++;
	if (*s->conf) {
		e->kernel = own(library_path("veneer.elf"));
		e->bundle = make_bundle(s->conf);
		return e->bundle ? 0 : -1;
	}
	e->kernel = own(s->kernel);
	e->initrd = own(s->initrd);
	e->cmdline = bare_cmdline(s);
	return 0;
}

static int add_entries(struct menu *m, const struct results *r,
		       int (*setup)(const struct results *r, unsigned config, bool grub,
				    struct setup *s))
{
	for (unsigned w = 0; w < r->configurations && m->entries < ISO_ENTRIES_MAX; w++) {
		struct setup s;

		if (r->configuration[w].machine == HARDWARE &&
		    (setup(r, w, true, &s) || add_entry(m, r, w, &s)))
			return -1;
	}
	return 0;
}

static void free_menu(struct menu *m)
{
	for (unsigned i = 0; i < m->entries; i++) {
		const struct iso_entry *e = &m->entry[i];

		temporary_remove(e->bundle);
		free((char *)e->title);
		free((char *)e->kernel);
		free((char *)e->initrd);
		free((char *)e->cmdline);
	}
}

int metal_iso(const struct results *rtos, const struct results *linux_rows, const char *path)
{
	struct menu m = { 0 };
	int err = add_entries(&m, rtos, rtos_setup) ||
		  (linux_rows && add_entries(&m, linux_rows, linux_setup)) ||
		  iso_write(m.entry, m.entries, path);

	free_menu(&m);
	return err ? -1 : 0;
}

/* --- its record --- */

/* The results that a line belongs to: those of the last booted entry. */
struct target {
	struct results *results; /* or NULL */
	unsigned config;
};

static bool is_configuration(const struct results *r, unsigned config, const char *title)
{
	char text[64];

	snprintf(text, sizeof(text), "%s, %s", r->guest, r->configuration[config].title);
	return r->configuration[config].machine == HARDWARE && !strcmp(title, text);
}

static struct target find_target(struct results *r, const char *title)
{
	for (unsigned w = 0; r && w < r->configurations; w++)
		if (is_configuration(r, w, title))
			return (struct target){ r, w };
	return (struct target){ 0 };
}

static unsigned leave_out_unended(struct results *r, const char *path)
{
	unsigned ended = 0;

	for (unsigned w = 0; r && w < r->configurations; w++) {
		if (r->configuration[w].machine != HARDWARE || !r->run[w].reports)
			continue;
		if (!r->run[w].ended) {
			fprintf(stderr, "veneer: %s: %s, %s: not measured to the end, ignored\n",
				path, r->guest, r->configuration[w].title);
			results_forget(r, w);
		}
		ended += r->run[w].ended;
	}
	return ended;
}

static void take_line(struct target *t, struct results *rtos, struct results *linux_rows,
		      const char *line)
{
	const char *title = strstr(line, ISO_BOOTING);

	if (!title) {
		if (t->results)
			results_take(t->results, t->config, line);
		return;
	}
	title += strlen(ISO_BOOTING);
	*t = find_target(rtos, title);
	if (!t->results)
		*t = find_target(linux_rows, title);
	if (t->results)
		results_forget(t->results, t->config);
}

/* Discards boot times: counted from power-on, they would include time at GRUB's menu. */
static void forget_boots(struct results *r)
{
	for (unsigned w = 0; r && w < r->configurations; w++)
		if (r->configuration[w].machine == HARDWARE)
			r->run[w].boot = 0;
}

/* Removes the carriage returns that a terminal adds. */
static char *trim(char *line)
{
	char *end = line + strlen(line);

	while (*line == '\r')
		line++;
	while (end > line && strchr("\r\n ", end[-1]))
		*--end = 0;
	return line;
}

static int fail(const char *path, const char *why)
{
	fprintf(stderr, "veneer: %s: %s\n", path, why);
	return -1;
}

int metal_check(const char *path)
{
	const char *why;
	FILE *f = file_open(path, &why);
	char line[1024];
	bool found = false;

	if (!f)
		return fail(path, why);
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, ISO_BOOTING);
	fclose(f);
	return found ? 0
		     : fail(path, "no measurement in it: want the record of the serial line of a "
				  "machine that booted what veneer bench --iso writes");
}

int metal_log(struct results *rtos, struct results *linux_rows, const char *path)
{
	const char *why;
	FILE *f = file_open(path, &why);
	struct target t = { 0 };
	char line[1024];

	if (!f)
		return fail(path, why);
	while (fgets(line, sizeof(line), f))
		take_line(&t, rtos, linux_rows, trim(line));
	fclose(f);
	forget_boots(linux_rows);
	rtos->bare = true;
	if (linux_rows)
		linux_rows->bare = true;
	if (leave_out_unended(rtos, path) + leave_out_unended(linux_rows, path))
		return 0;
	return fail(path, "no measurement in it is complete");
}
