// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bochs.h"
#include "compare.h"
#include "file.h"
#include "html.h"
#include "machine.h"
#include "metal.h"
#include "options.h"
#include "program.h"
#include "qemu.h"
#include "table.h"
#include "configuration.h"

static const char help[] =
	"usage: veneer bench [--linux] [--peers] [--no-bochs] [--kvm | --log FILE]\n"
	"                    [--compare OLD [--worse P]] [--costs FILE] [--output DIR] [--quiet]\n"
	"       veneer bench --iso FILE [--linux]\n"
	"\n"
	"Measures the RTOS in QEMU, in instructions: native; under ring as stock, rewritten and\n"
	"paravirtual image; under svm as stock and paravirtual image. Then in Bochs: native, ring "
	"and\n"
	"vmx. A repeated run gives the same numbers. If KVM works, also measures there, in "
	"cycles.\n"
	"Prints a table for each machine; writes results.json and report.html. The column \"pv, "
	"measures\"\n"
	"is the paravirtual RTOS under ring with measures against speculative execution "
	"(retpoline, "
	"rsb,\n"
	"ibpb, verw); in the emulators the other columns are without.\n"
	"\n"
	"      --linux        also measure Linux, native and under Veneer (make linux builds it)\n"
	"      --peers        also measure Linux under Xen PV and the RTOS under KVM (make bench "
	"PEERS=1)\n"
	"      --no-bochs     do not use Bochs\n"
	"      --kvm          use KVM even if a probe finds it too slow\n"
	"      --iso FILE     write a GRUB ISO that measures on a real machine: boot each of its "
	"entries\n"
	"                     and log the first serial port (115200 8N1) to a file\n"
	"      --log FILE     that log: its cycles are shown next to the model, instead of KVM's\n"
	"      --compare OLD  show what changed since OLD, a results.json, and fail if a row is "
	"worse by\n"
	"                     more than --worse\n"
	"      --worse P      percent (default 5)\n"
	"      --costs FILE   cycle costs for the report's model (default costs.csv beside "
	"veneer)\n"
	"      --output DIR   where to write (default build/bench)\n"
	"      --quiet        no progress messages\n"
	"\n"
	"Exit status: 0 success; 1 a file is wrong, a measurement failed, or a row is worse; 2 "
	"wrong\n"
	"command line.\n";

struct options {
	const char *output, *compare, *costs, *iso, *log;
	double worse;
	bool linux_too, peers, bochs, kvm, quiet;
};

static int cannot_write(const char *path)
{
	fprintf(stderr, "veneer: %s: %s: want a folder where you may write\n", path,
		strerror(errno));
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
	if (mkdir(copy, 0777) && errno != EEXIST)
		return cannot_write(path);
	snprintf(copy, sizeof(copy), "%s/.", path); /* fails for a file of that name */
	return access(copy, W_OK | X_OK) ? cannot_write(path) : 0;
}

static bool take_name(const char **to, const char *option)
{
	*to = optarg;
	return option_file(option, optarg);
}

static void results_path(const struct options *o, char path[4096])
{
	snprintf(path, 4096, "%s/results.json", o->output);
}

static bool is_own_result(const struct options *o)
{
	char path[4096];

	results_path(o, path);
	if (!file_is_same(o->compare, path))
		return false;
	fprintf(stderr,
		"veneer: --compare %s: is written by this run: want a copy of it, or another "
		"--output\n",
		o->compare);
	return true;
}

/* An option that has no effect on an ISO, or NULL. */
static const char *idle_option(const struct options *o)
{
	return o->log	    ? "log"
	       : o->kvm	    ? "kvm"
	       : o->peers   ? "peers"
	       : !o->bochs  ? "no-bochs"
	       : o->compare ? "compare"
	       : o->costs   ? "costs"
	       : o->output  ? "output"
	       : o->quiet   ? "quiet"
			    : NULL;
}

static int usage_idle(const char *option)
{
	char why[96];

	snprintf(why, sizeof(why),
		 "--%s has no effect: --iso writes the image and measures nothing", option);
	return option_usage("bench", why);
}

/* Returns 0, or the command's exit status. */
static int take_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "linux", no_argument, NULL, 'l' },
		{ "peers", no_argument, NULL, 'p' },
		{ "no-bochs", no_argument, NULL, 'n' },
		{ "kvm", no_argument, NULL, 'k' },
		{ "iso", required_argument, NULL, 'i' },
		{ "log", required_argument, NULL, 'L' },
		{ "compare", required_argument, NULL, 'c' },
		{ "worse", required_argument, NULL, 'w' },
		{ "costs", required_argument, NULL, 'm' },
		{ "output", required_argument, NULL, 'o' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool worse = false, good = true;
	int c;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 'l': o->linux_too = true; break;
		case 'p': o->linux_too = o->peers = true; break;
		case 'n': o->bochs = false; break;
		case 'k': o->kvm = true; break;
		case 'i': good &= take_name(&o->iso, "--iso"); break;
		case 'L': good &= take_name(&o->log, "--log"); break;
		case 'c': good &= take_name(&o->compare, "--compare"); break;
		case 'w':
			if (!option_real("--worse", optarg, &o->worse))
				return 2;
			worse = true;
			break;
		case 'm': good &= take_name(&o->costs, "--costs"); break;
		case 'o':
			o->output = optarg;
			good &= option_folder("--output", optarg);
			break;
		case 'q': o->quiet = true; break;
		case 'h': fputs(help, stdout); return -1;
		default: return option_usage("bench", NULL);
		}
	}
	if (!good)
		return 2;
	if (optind != argc)
		return option_usage("bench", "unexpected argument");
	if (worse && !o->compare)
		return option_usage("bench", "--worse is for --compare");
	if (o->iso && idle_option(o))
		return usage_idle(idle_option(o));
	if (o->log && o->kvm)
		return option_usage("bench", "--log does not go with --kvm");
	if (!o->output)
		o->output = "build/bench";
	return o->compare && is_own_result(o) ? 2 : 0;
}

static int measure(struct results *rtos, struct results *linux_rows, const struct options *o)
{
	const char *why;
	const bool wanted[MACHINES] = {
		[QEMU] = true,
		[BOCHS] = o->bochs,
		[HARDWARE] = !o->log && (o->kvm || !strcmp(accelerator_choose(&why), "kvm")),
	};

	for (enum machine_kind m = 0; m < MACHINES; m++)
		if (wanted[m] &&
		    (rtos_measure(rtos, m, o->peers, o->quiet) ||
		     (o->linux_too && linux_measure(linux_rows, m, o->peers, o->quiet))))
			return -1;
	return 0;
}

static int write_files(const struct results *rtos, const struct results *linux_rows,
		       const struct costs *costs, const char *directory)
{
	char json[4096], html[4096];

	snprintf(json, sizeof(json), "%s/results.json", directory);
	snprintf(html, sizeof(html), "%s/report.html", directory);
	if (results_json(rtos, linux_rows, json) || html_write(rtos, linux_rows, costs, html))
		return -1;
	printf("\nwritten: %s\n         %s\n", json, html);
	return 0;
}

static int compare_with(const struct options *o)
{
	char path[4096];

	results_path(o, path);
	return compare_results(o->compare, path, o->worse) ? 1 : 0;
}

static int tools_missing(const struct options *o)
{
	static const struct need need = { "gnuplot", "gnuplot-nox" };

	return qemu_missing() || (o->bochs && bochs_missing()) ||
	       name_missing(&need, 1, "the report's charts");
}

/* Reports every possible error before measuring. */
static int prepare(const struct options *o, struct costs *costs)
{
	if (access(library_path(HTML_TEMPLATE), R_OK)) {
		fprintf(stderr, "veneer: %s: %s\n", library_path(HTML_TEMPLATE), strerror(errno));
		return -1;
	}
	return tools_missing(o) ||
			       costs_read(costs, o->costs ? o->costs : library_path("costs.csv")) ||
			       (o->compare && compare_check(o->compare)) ||
			       (o->log && metal_check(o->log)) || make_directory(o->output)
		       ? -1
		       : 0;
}

int command_bench(int argc, char **argv)
{
	struct options o = { .worse = 5, .bochs = true };
	static struct results rtos, linux_rows;
	static struct costs costs;
	int err = take_options(argc, argv, &o);
	struct results *with_linux = o.linux_too ? &linux_rows : NULL;

	if (err)
		return err < 0 ? 0 : err;
	rtos_init(&rtos);
	linux_init(&linux_rows);
	if (o.iso)
		return metal_iso(&rtos, with_linux, o.iso) ? 1 : 0;
	if (prepare(&o, &costs) || measure(&rtos, &linux_rows, &o) ||
	    (o.log && metal_log(&rtos, with_linux, o.log)))
		return 1;
	rtos_table(&rtos);
	if (with_linux)
		linux_table(with_linux);
	if (write_files(&rtos, with_linux, &costs, o.output))
		return 1;
	return o.compare ? compare_with(&o) : 0;
}
