// SPDX-License-Identifier: GPL-2.0-or-later
#include "configuration.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bochs.h"
#include "machine.h"
#include "qemu.h"
#include "stay.h"
#include "temporary.h"

#define TIMEOUT_MS 600000

struct files {
	const char *bundle, *events, *stay;
};

/* They are useless in an emulator, and Bochs reports a processor that needs them. */
const char *configuration_mitigations(const struct configuration *w)
{
	if (!strcmp(w->prep, WAY_MEASURES))
		return "retpoline rsb ibpb verw";
	return w->machine == HARDWARE ? "auto" : "off";
}

int configuration_bundle(const char *conf, const char *path)
{
	char directory[4096];
	struct bundle_source b = { .conf_path = "veneer.conf",
				   .directory = directory,
				   .conf = strdup(conf),
				   .conf_bytes = strlen(conf) };

	snprintf(directory, sizeof(directory), "%s", library_path("veneer.elf"));
	*strrchr(directory, '/') = 0;
	int err = bundle_read_config(&b) || bundle_write(&b, path) ? -1 : 0;
	free(b.conf);
	return err;
}

/* Only with Veneer, in QEMU, where plugins can count. */
static bool has_stays(const struct setup *s, enum machine_kind kind)
{
	return kind == QEMU && *s->conf;
}

static int start_qemu(const struct setup *s, enum machine_kind kind, const struct files *files,
		      struct machine *m)
{
	const char *argv[QEMU_ARGUMENTS];
	char plugin[8192], stay[8192];
	struct qemu q = { .accel = kind == HARDWARE ? "kvm" : "tcg",
			  .cpu = kind == HARDWARE ? NULL : s->cpu,
			  .memory = s->memory,
			  .cpus = "1",
			  .kernel = *s->conf ? library_path("veneer.elf") : s->kernel,
			  .initrd = *s->conf ? files->bundle : s->initrd,
			  .append = *s->conf ? NULL : s->append,
			  .icount = kind == QEMU };

	qemu_plugin(plugin, sizeof(plugin), library_path("events.so"), files->events);
	if (kind == QEMU && !s->uncounted)
		q.plugin = plugin;
	if (has_stays(s, kind)) {
		if (stay_plugin(files->stay, stay, sizeof(stay)))
			return -1;
		q.stay = stay;
	}
	qemu_arguments(&q, argv);
	return machine_start(m, (char *const *)argv);
}

static int start_bochs(const struct setup *s, const struct files *files, struct machine *m)
{
	const struct bochs b = { .memory = s->memory,
				 .cpus = "1",
				 .kernel = *s->conf ? library_path("veneer.elf") : s->kernel,
				 .bundle = *s->conf ? files->bundle : NULL,
				 .initrd = *s->conf ? NULL : s->initrd,
				 .cmdline = s->append };

	return bochs_start(&b, m);
}

/* Parses console output until the machine ends. In Bochs a program on the bare machine has no port
 * that ends the machine. */
static bool take_lines(struct results *r, unsigned config, struct machine *m)
{
	enum machine_event event;
	const char *text;

	while ((event = machine_read(m, TIMEOUT_MS, &text)) < MACHINE_SILENT) {
		if (event == MACHINE_SAYS)
			results_take(r, config, text);
		if (is_native(r, config) && r->run[config].ended)
			break;
	}
	if (event != MACHINE_ENDED)
		machine_kill(m);
	machine_finish(m);
	return event == MACHINE_ENDED;
}

static int run_with(struct results *r, unsigned config, const struct setup *s,
		    const struct files *files)
{
	const struct configuration *w = &r->configuration[config];
	struct machine m;
	long start = now_ms();

	if (*s->conf && configuration_bundle(s->conf, files->bundle))
		return -1;
	if (w->machine == BOCHS ? start_bochs(s, files, &m) : start_qemu(s, w->machine, files, &m))
		return -1;
	bool ended = take_lines(r, config, &m);
	bochs_clean();
	r->run[config].wall_ms = now_ms() - start;
	if (!r->run[config].ended) {
		fprintf(stderr,
			"veneer: %s, %s in %s: the measurement did not come to its end (%s)\n",
			r->guest, w->title, machine_title(r, w->machine),
			ended ? "the machine ended early" : "out of time");
		return -1;
	}
	if (has_stays(s, w->machine) && stay_read(files->stay, &r->run[config].stay))
		return -1;
	return w->machine == QEMU && !s->uncounted ? results_take_events(r, config, files->events)
						   : 0;
}

static void remove_files(const struct files *files)
{
	temporary_remove(files->bundle);
	temporary_remove(files->events);
	temporary_remove(files->stay);
}

int run_configuration(struct results *r, unsigned config, const struct setup *s, bool quiet)
{
	const struct files files = { temporary_file("bundle"), temporary_file("events"),
				     temporary_file("stay") };
	int err = -1;

	if (!quiet)
		fprintf(stderr, "veneer: measuring %s, %s, in %s ...\n", r->guest,
			r->configuration[config].title,
			machine_title(r, r->configuration[config].machine));
	if (files.bundle && files.events && files.stay)
		err = run_with(r, config, s, &files);
	remove_files(&files);
	return err;
}
