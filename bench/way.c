// SPDX-License-Identifier: GPL-2.0-or-later
#include "way.h"

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

/* An emulator gains nothing by them, and Bochs looks like a processor that wants them. */
const char *way_mitigations(const struct way *w)
{
	if (!strcmp(w->prep, WAY_MEASURES))
		return "retpoline rsb ibpb verw";
	return w->machine == HARDWARE ? "auto" : "off";
}

int way_bundle(const char *conf, const char *path)
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

/* Of our hypervisor, where QEMU's plugins count. */
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

	snprintf(plugin, sizeof(plugin), "%s,out=%s", library_path("events.so"), files->events);
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

/* Takes what the console says until the machine ends. Bochs has no port that ends it for a program
 * on the bare machine. */
static bool take_lines(struct results *r, unsigned way, struct machine *m)
{
	enum machine_event event;
	const char *text;

	while ((event = machine_read(m, TIMEOUT_MS, &text)) < MACHINE_SILENT) {
		if (event == MACHINE_SAYS)
			results_take(r, way, text);
		if (is_native(r, way) && r->run[way].ended)
			break;
	}
	if (event != MACHINE_ENDED)
		machine_kill(m);
	machine_finish(m);
	return event == MACHINE_ENDED;
}

static int run_with(struct results *r, unsigned way, const struct setup *s,
		    const struct files *files)
{
	const struct way *w = &r->way[way];
	struct machine m;
	long start = now_ms();

	if (*s->conf && way_bundle(s->conf, files->bundle))
		return -1;
	if (w->machine == BOCHS ? start_bochs(s, files, &m) : start_qemu(s, w->machine, files, &m))
		return -1;
	bool ended = take_lines(r, way, &m);
	bochs_clean();
	r->run[way].wall_ms = now_ms() - start;
	if (!r->run[way].ended) {
		fprintf(stderr,
			"veneer: %s, %s in %s: the measurement did not come to its end (%s)\n",
			r->guest, w->title, machine_title(r, w->machine),
			ended ? "the machine ended early" : "out of time");
		return -1;
	}
	if (has_stays(s, w->machine) && stay_read(files->stay, &r->run[way].stay))
		return -1;
	return w->machine == QEMU && !s->uncounted ? results_take_events(r, way, files->events) : 0;
}

static void remove_files(const struct files *files)
{
	temporary_remove(files->bundle);
	temporary_remove(files->events);
	temporary_remove(files->stay);
}

int run_way(struct results *r, unsigned way, const struct setup *s, bool quiet)
{
	const struct files files = { temporary_file("bundle"), temporary_file("events"),
				     temporary_file("stay") };
	int err = -1;

	if (!quiet)
		fprintf(stderr, "veneer: measuring %s, %s, in %s ...\n", r->guest,
			r->way[way].title, machine_title(r, r->way[way].machine));
	if (files.bundle && files.events && files.stay)
		err = run_with(r, way, s, &files);
	remove_files(&files);
	return err;
}
