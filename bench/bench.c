// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "linux.h"
#include "machine.h"
#include "qemu.h"
#include "results.h"

static const char help[] =
	"usage: veneer bench [--linux] [--peers] [--output DIR] [--quiet]\n"
	"\n"
	"Measures the RTOS on a bare PC (native), untouched under the ring "
	"engine (stock), rewritten, and\n"
	"paravirtual, in QEMU with one nanosecond an instruction, so that a "
	"repeat gives the same numbers.\n"
	"Prints a table; writes results.json and results.svg.\n"
	"\n"
	"      --linux        Linux too, native and under Veneer (make -C pvops-linux "
	"builds it)\n"
	"      --peers        and under Xen PV, as a dom0 (make bench PEERS=1 "
	"installs it)\n"
	"      --output DIR   where to write (default build/bench)\n"
	"      --quiet        no progress\n";

/* One column of the table. */
static const struct way {
	enum prep prep;
	const char *image, *cmdline;
} ways[] = {
	{ PREP_NATIVE, "rtos-pc.elf", "bench" },
	{ PREP_STOCK, "rtos-pc.elf", "bench-short" },
	{ PREP_REWRITTEN, "rtos-rewritten.elf", "bench" },
	{ PREP_PV, "rtos-pv.elf", "bench" },
};

#define TIMEOUT_MS 600000

static int write_bundle(const struct way *w, const char *path)
{
	char conf[512], directory[4096];
	struct bundle_source s = { .conf_path = "veneer.conf",
				   .directory = directory,
				   .conf = conf };

	s.conf_bytes = (size_t)snprintf(conf, sizeof(conf),
					"[guest rtos]\nimage = %s\ncmdline = %s\nmemory = 16M\n"
					"engine = ring\ncount-at = BENCH\n",
					w->image, w->cmdline);
	snprintf(directory, sizeof(directory), "%s", library_path(w->image));
	*strrchr(directory, '/') = 0;
	return bundle_write(&s, path);
}

static int run_way(const struct way *w, struct results *r, bool quiet)
{
	char bundle[] = "/tmp/veneer-bench-XXXXXX";
	bool native = w->prep == PREP_NATIVE, ended = false;
	struct qemu q = { .accel = "tcg", .memory = "64", .cpus = "1", .icount = true };
	const char *argv[QEMU_ARGUMENTS];
	struct machine m;

	int fd = mkstemp(bundle);
	if (fd < 0 || close(fd) || (!native && write_bundle(w, bundle)))
		return -1;
	q.kernel = library_path(native ? w->image : "veneer.elf");
	q.append = native ? w->cmdline : NULL;
	q.initrd = native ? NULL : bundle;
	qemu_arguments(&q, argv);
	if (!quiet)
		fprintf(stderr, "veneer: measuring %s ...\n", prep_names[w->prep]);
	long start = now_ms();
	if (machine_start(&m, (char *const *)argv, NULL))
		return -1;
	const char *line;
	while ((line = machine_line(&m, TIMEOUT_MS, &ended)))
		results_take(r, w->prep, line);
	if (!ended)
		machine_kill(&m);
	machine_finish(&m);
	unlink(bundle);
	r->wall_ms[w->prep] = now_ms() - start;
	if (results_complete(r, w->prep))
		return 0;
	fprintf(stderr, "veneer: %s: the measurement did not come to its end (%s)\n",
		prep_names[w->prep], ended ? "the guest ended early" : "out of time");
	return -1;
}

static int make_directory(const char *path)
{
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = copy + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			mkdir(copy, 0777);
			*p = '/';
		}
	if (mkdir(copy, 0777) && errno != EEXIST) {
		fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return -1;
	}
	return 0;
}

int command_bench(int argc, char **argv)
{
	static const struct option options[] = {
		{ "linux", no_argument, NULL, 'l' },	    { "peers", no_argument, NULL, 'p' },
		{ "output", required_argument, NULL, 'o' }, { "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },	    { 0 },
	};
	static struct results r;
	const char *output = "build/bench";
	static struct linux_results linux_rows;
	bool quiet = false, with_linux = false, peers = false;
	int c;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 'l': with_linux = true; break;
		case 'p': with_linux = peers = true; break;
		case 'o': output = optarg; break;
		case 'q': quiet = true; break;
		case 'h': fputs(help, stdout); return 0;
		default: fputs(help, stderr); return 2;
		}
	}
	if (optind != argc) {
		fputs(help, stderr);
		return 2;
	}
	if (make_directory(output))
		return 1;
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (run_way(&ways[i], &r, quiet))
			return 1;
	if (with_linux && linux_measure(&linux_rows, peers, quiet))
		return 1;
	results_table(&r);
	if (with_linux)
		linux_table(&linux_rows);
	if (results_json(&r, with_linux ? &linux_rows : NULL, output) || results_draw(&r, output))
		return 1;
	return with_linux ? linux_draw(&linux_rows, output) : 0;
}
