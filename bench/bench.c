// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bochs.h"
#include "compare.h"
#include "linux.h"
#include "machine.h"
#include "qemu.h"
#include "results.h"

static const char help[] =
	"usage: veneer bench [--linux] [--peers] [--no-bochs] [--compare OLD] [--output DIR] "
	"[--quiet]\n"
	"\n"
	"Measures the RTOS in QEMU, where one instruction is one nanosecond: on the bare machine "
	"(native),\n"
	"under the ring engine untouched (stock), rewritten and paravirtual, and under svm "
	"untouched and\n"
	"paravirtual; then in Bochs, in its ticks: native, ring and vmx. A repeat gives the same "
	"numbers.\n"
	"Prints a table for each machine; writes results.json and results.svg.\n"
	"\n"
	"      --linux        Linux too, native and under Veneer (make -C pvops-linux builds it)\n"
	"      --peers        and under Xen PV, as a dom0 (make bench PEERS=1 installs it)\n"
	"      --no-bochs     QEMU alone\n"
	"      --compare OLD  show what changed against an older results.json, and fail when a row "
	"is\n"
	"                     worse by more than\n"
	"      --worse P      percent (default 5)\n"
	"      --output DIR   where to write (default build/bench)\n"
	"      --quiet        no progress\n";

#define TIMEOUT_MS 600000

/* Stock under ring takes long for each operation. */
static const char *cmdline_of(enum way w)
{
	return w == QEMU_STOCK ? "bench-short" : "bench";
}

static const char *image_of(enum way w)
{
	const char *prep = way_info[w].prep;

	return !strcmp(prep, "pv")	    ? "rtos-pv.elf"
	       : !strcmp(prep, "rewritten") ? "rtos-rewritten.elf"
					    : "rtos-pc.elf";
}

static bool is_native(enum way w)
{
	return !strcmp(way_info[w].engine, "none");
}

static int write_bundle(enum way w, const char *path)
{
	char conf[512], directory[4096];
	struct bundle_source s = { .conf_path = "veneer.conf",
				   .directory = directory,
				   .conf = conf };

	s.conf_bytes = (size_t)snprintf(conf, sizeof(conf),
					"[guest rtos]\nimage = %s\ncmdline = %s\nmemory = 16M\n"
					"engine = %s\ncount-at = BENCH\n",
					image_of(w), cmdline_of(w), way_info[w].engine);
	snprintf(directory, sizeof(directory), "%s", library_path(image_of(w)));
	*strrchr(directory, '/') = 0;
	return bundle_write(&s, path);
}

static int start_qemu(enum way w, const char *bundle, struct machine *m)
{
	struct qemu q = { .accel = "tcg", .memory = "64", .cpus = "1", .icount = true };
	const char *argv[QEMU_ARGUMENTS];
	bool native = is_native(w);

	q.kernel = library_path(native ? image_of(w) : "veneer.elf");
	q.append = native ? cmdline_of(w) : NULL;
	q.initrd = native ? NULL : bundle;
	qemu_arguments(&q, argv);
	return machine_start(m, (char *const *)argv, NULL);
}

static int start_bochs(enum way w, const char *bundle, struct machine *m)
{
	const struct bochs b = { .memory = "64",
				 .cpus = "1",
				 .kernel = library_path(is_native(w) ? image_of(w) : "veneer.elf"),
				 .bundle = is_native(w) ? NULL : bundle,
				 .cmdline = cmdline_of(w) };

	return bochs_start(&b, m, NULL);
}

/* Takes what the console says until the machine ends. Bochs has no port that ends it for a program
 * on the bare machine. */
static bool take_lines(enum way w, struct results *r, struct machine *m)
{
	bool ended = false;
	const char *line;

	while ((line = machine_line(m, TIMEOUT_MS, &ended))) {
		results_take(r, w, line);
		if (is_native(w) && results_complete(r, w))
			break;
	}
	if (!ended)
		machine_kill(m);
	machine_finish(m);
	return ended;
}

static int run_way(enum way w, struct results *r, bool quiet)
{
	char bundle[] = "/tmp/veneer-bench-XXXXXX";
	const char *machine = way_info[w].bochs ? "Bochs" : "QEMU";
	struct machine m;

	int fd = mkstemp(bundle);
	if (fd < 0 || close(fd) || (!is_native(w) && write_bundle(w, bundle)))
		return -1;
	if (!quiet)
		fprintf(stderr, "veneer: measuring %s in %s ...\n", way_info[w].title, machine);
	long start = now_ms();
	if (way_info[w].bochs ? start_bochs(w, bundle, &m) : start_qemu(w, bundle, &m))
		return -1;
	bool ended = take_lines(w, r, &m);
	bochs_clean();
	unlink(bundle);
	r->wall_ms[w] = now_ms() - start;
	if (results_complete(r, w))
		return 0;
	fprintf(stderr, "veneer: %s in %s: the measurement did not come to its end (%s)\n",
		way_info[w].title, machine, ended ? "the guest ended early" : "out of time");
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

static int compare_with(const char *old, const char *output, double percent)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/results.json", output);
	return compare_results(old, path, percent) ? 1 : 0;
}

int command_bench(int argc, char **argv)
{
	static const struct option options[] = {
		{ "linux", no_argument, NULL, 'l' },
		{ "peers", no_argument, NULL, 'p' },
		{ "output", required_argument, NULL, 'o' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "no-bochs", no_argument, NULL, 'n' },
		{ "compare", required_argument, NULL, 'c' },
		{ "worse", required_argument, NULL, 'w' },
		{ 0 },
	};
	static struct results r;
	const char *output = "build/bench", *compare = NULL;
	double worse = 5;
	static struct linux_results linux_rows;
	bool quiet = false, with_linux = false, peers = false, bochs = true;
	int c;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 'l': with_linux = true; break;
		case 'p': with_linux = peers = true; break;
		case 'o': output = optarg; break;
		case 'q': quiet = true; break;
		case 'n': bochs = false; break;
		case 'c': compare = optarg; break;
		case 'w': worse = atof(optarg); break;
		case 'h': fputs(help, stdout); return 0;
		default: fputs(help, stderr); return 2;
		}
	}
	if (optind != argc) {
		fputs(help, stderr);
		return 2;
	}
	if ((compare && compare_check(compare)) || make_directory(output))
		return 1;
	for (enum way w = 0; w < WAYS; w++)
		if ((bochs || !way_info[w].bochs) && run_way(w, &r, quiet))
			return 1;
	if (with_linux && linux_measure(&linux_rows, peers, quiet))
		return 1;
	results_table(&r);
	if (with_linux)
		linux_table(&linux_rows);
	if (results_json(&r, with_linux ? &linux_rows : NULL, output) || results_draw(&r, output))
		return 1;
	if (with_linux && linux_draw(&linux_rows, output))
		return 1;
	return compare ? compare_with(compare, output, worse) : 0;
}
