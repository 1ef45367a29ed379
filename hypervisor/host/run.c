// SPDX-License-Identifier: GPL-2.0-or-later
/* `veneer run CONF` and `veneer check CONF`: command lines, and the order of the steps. */
#include "run.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bochs.h"
#include "file.h"
#include "iso.h"
#include "options.h"
#include "temporary.h"

static const char help[] =
	"usage: veneer run CONF [options]\n"
	"\n"
	"Starts the hypervisor in an emulator with the guests that CONF lists, shows the console, "
	"and\n"
	"exits when the guests have ended. On a terminal, input goes to the guest selected with "
	"Ctrl-A\n"
	"and its number. Ctrl-A q ends the run, Ctrl-A h lists the monitor's commands; Ctrl-C goes "
	"to\n"
	"the guest.\n"
	"\n"
	"      --engine E          for all guests: ring, svm, vmx or auto\n"
	"      --cpus N            processors of the machine (default: those in CONF, at least 2)\n"
	"      --memory M          memory of the machine in MiB (default: what the guests need)\n"
	"      --timeout S         stop after S seconds; 0: never (default: 0 on a terminal, else "
	"900)\n"
	"      --send GUEST=KEYS   type KEYS once the guests run; \\r \\n \\e \\t \\\\, \\a is "
	"Ctrl-A\n"
	"      --expect GUEST=RE   wait for a line or prompt of the guest (or \"veneer\") that "
	"matches RE,\n"
	"                          an extended regular expression\n"
	"      --expect-screen GUEST=RE\n"
	"                          wait until the guest's text screen matches RE, and print it\n"
	"      --screen GUEST=FILE write the guest's text screen as a PNG picture, then stop the "
	"guest\n"
	"                          These four may be repeated, and are executed in order. The run "
	"ends\n"
	"                          when one cannot be done.\n"
	"      --log FILE          copy the console to FILE\n"
	"      --accel A           tcg, kvm, bochs or auto (default: kvm if it works and is fast "
	"enough,\n"
	"                          else tcg; Bochs for vmx if the processor has no VT-x)\n"
	"      --icount            repeatable runs: one instruction takes one nanosecond\n"
	"      --stay FILE         with tcg: print the most instructions that the hypervisor "
	"executed\n"
	"                          with interrupts masked, and write them as JSON\n"
	"      --gdb GUEST=PORT    let gdb debug the guest, by a TCP port of this host; may be "
	"repeated:\n"
	"                          gdb FILE -ex 'target remote :PORT'\n"
	"      --symbols GUEST=FILE  name the addresses of a guest's crashes by this ELF file or "
	"map, "
	"not by\n"
	"                          the symbols of its image; may be repeated\n"
	"      --print             show the emulator's command and exit; add --bundle to get a "
	"command\n"
	"                          that can be run\n"
	"      --bundle FILE       write the bundle (a cpio archive) and exit\n"
	"      --iso FILE          write a GRUB ISO for BIOS and UEFI machines and exit\n"
	"                          --bundle, --iso and --print can be combined. Options that would "
	"then\n"
	"                          have no effect are refused.\n"
	"      --quiet             no console output, no input\n"
	"\n"
	"Exit status: 0 all guests succeeded and all steps were done; 1 otherwise; 2 nothing was "
	"started,\n"
	"because the command line or CONF is wrong or a file cannot be read or written; 3 "
	"timeout.\n";

static const char keys[] =
	"veneer: Ctrl-A q ends the run, Ctrl-A h lists commands; Ctrl-C goes to the guest\n";

static const char check_help[] = "usage: veneer check CONF\n"
				 "\n"
				 "Checks a configuration and the files named in it, as run "
				 "does before it starts.\n"
				 "Starts nothing, and prints nothing if there is no error, but "
				 "warns of shares of a\n"
				 "core that cannot be guaranteed.\n"
				 "\n"
				 "Exit status: 0 no error; 2 errors.\n";

int run_fail(const char *what, const char *why)
{
	fprintf(stderr, "veneer: %s: %s\n", what, why);
	return RUN_USAGE;
}

static int write_iso(const struct run *o, const char *bundle)
{
	const struct iso_entry entry = { .title = "Veneer",
					 .kernel = library_path("veneer.elf"),
					 .bundle = bundle };

	return iso_write(&entry, 1, o->iso) ? RUN_USAGE : RUN_WELL;
}

/* Chooses the emulator, and runs the machine in it. */
static int run_there(struct run *o, const char *bundle, struct output *output)
{
	const char *accel = emulator_choose(o);
	bool typing = isatty(0) && !o->script.steps && !o->quiet;
	int status = RUN_NOT_WELL;
	const char *why;
	struct machine m;

	if (!emulator_fits(o, accel))
		return RUN_USAGE;
	if (o->log && !(output->log = file_create(o->log, &why)))
		return run_fail(o->log, why);
	if (o->stay && !(o->stay_counts = temporary_file("stay")))
		return RUN_USAGE;
	if (!emulator_start(o, accel, bundle, &m)) {
		lives_begin(&o->lives, &o->source.config);
		m.lives = &o->lives;
		m.explain = &o->explain;
		if (typing)
			fputs(keys, stderr);
		status = typing ? watch_person(&m, o, output) : watch(&m, o, output);
		if (o->stay && status != RUN_TIMEOUT && outcome_stay(o->stay_counts, o->stay))
			status = RUN_NOT_WELL;
	}
	bochs_clean();
	return status;
}

static int run_machine(struct run *o)
{
	struct output output = { .log_name = o->log, .quiet = o->quiet };
	const char *bundle = temporary_file("bundle");
	int status;

	if (!bundle)
		return RUN_USAGE;
	status = prepare_bundle(o, bundle);
	if (status)
		return status;
	status = run_there(o, bundle, &output);
	o->script.output = NULL;
	if (outcome_log(&output) && status == RUN_WELL)
		status = RUN_NOT_WELL;
	return status;
}

/* Writes and prints what the options request, without starting anything. */
static int keep(struct run *o)
{
	const char *bundle = o->bundle ? o->bundle : temporary_file("bundle");
	int status = bundle ? RUN_WELL : RUN_USAGE;

	if (!status)
		status = o->bundle ? prepare_kept_bundle(o) : prepare_bundle(o, bundle);
	if (!status && o->iso)
		status = write_iso(o, bundle);
	if (!status && o->print)
		status = emulator_print(o, o->bundle ? o->bundle : "BUNDLE");
	return status;
}

static int act(struct run *o)
{
	if (prepare(o))
		return RUN_USAGE;
	return o->kept ? keep(o) : run_machine(o);
}

#define DEFAULT_TIMEOUT 900
#define TIMEOUT_MAX	2000000 /* in milliseconds still an int */
#define CPUS_WANTED_MAX 255	/* of QEMU's pc */
#define MEMORY_MIN	16
#define MEMORY_MAX	(1 << 20)

static const char *const accelerators[] = { "tcg", "kvm", "bochs", "auto", NULL };

#define OF_A_RUN     "tsSxXlqn" /* options that only matter while a machine runs */
#define OF_A_MACHINE "cmaiy"	/* and those that its command, which --print shows, contains */

static bool take_option(struct run *o, int c)
{
	switch (c) {
	case 'e': o->engine = optarg; return option_choice("--engine", optarg, engine_names);
	case 'c': o->cpus = optarg; return option_number("--cpus", optarg, 1, CPUS_WANTED_MAX);
	case 'm':
		o->memory = optarg;
		return option_number("--memory", optarg, MEMORY_MIN, MEMORY_MAX);
	case 't':
		o->timeout = atol(optarg);
		return option_number("--timeout", optarg, 0, TIMEOUT_MAX);
	case 's': return !script_add(&o->script, STEP_SEND, optarg);
	case 'S': return !script_add(&o->script, STEP_SCREEN, optarg);
	case 'x': return !script_add(&o->script, STEP_EXPECT, optarg);
	case 'X': return !script_add(&o->script, STEP_EXPECT_SCREEN, optarg);
	case 'l': o->log = optarg; return option_file("--log", optarg);
	case 'a': o->accel = optarg; return option_choice("--accel", optarg, accelerators);
	case 'i': o->icount = true; break;
	case 'y': o->stay = optarg; return option_file("--stay", optarg);
	case 'g': return !gdb_add(&o->gdb, optarg);
	case 'n': return !explain_add(&o->explain, optarg);
	case 'p': o->print = true; break;
	case 'b': o->bundle = optarg; return option_file("--bundle", optarg);
	case 'I': o->iso = optarg; return option_file("--iso", optarg);
	case 'q': o->quiet = true; break;
	}
	return true;
}

/* An option that was given and has no effect, since nothing is started; or NULL. */
static const char *idle_option(const struct run *o, const struct option *options,
			       const bool given[])
{
	const char *idle = o->print ? OF_A_RUN : OF_A_RUN OF_A_MACHINE;

	for (; o->kept && options->name; options++)
		if (given[options->val] && strchr(idle, options->val))
			return options->name;
	return NULL;
}

static int usage_idle(const char *option)
{
	char why[96];

	snprintf(why, sizeof(why), "--%s has no effect: --bundle, --iso and --print start nothing",
		 option);
	return option_usage("run", why);
}

int command_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "engine", required_argument, NULL, 'e' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "memory", required_argument, NULL, 'm' },
		{ "timeout", required_argument, NULL, 't' },
		{ "send", required_argument, NULL, 's' },
		{ "screen", required_argument, NULL, 'S' },
		{ "expect", required_argument, NULL, 'x' },
		{ "expect-screen", required_argument, NULL, 'X' },
		{ "log", required_argument, NULL, 'l' },
		{ "accel", required_argument, NULL, 'a' },
		{ "icount", no_argument, NULL, 'i' },
		{ "stay", required_argument, NULL, 'y' },
		{ "gdb", required_argument, NULL, 'g' },
		{ "symbols", required_argument, NULL, 'n' },
		{ "print", no_argument, NULL, 'p' },
		{ "bundle", required_argument, NULL, 'b' },
		{ "iso", required_argument, NULL, 'I' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct run o;
	bool good = true, given['z' + 1] = { false };
	int c;

	o.timeout = isatty(0) ? 0 : DEFAULT_TIMEOUT;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (c == '?')
			return option_usage("run", NULL);
		given[c] = true;
		good &= take_option(&o, c);
	}
	o.kept = o.bundle || o.iso || o.print;
	const char *idle = idle_option(&o, options, given);
	if (!good)
		return RUN_USAGE;
	if (idle)
		return usage_idle(idle);
	if (optind + 1 != argc)
		return option_usage("run", optind == argc ? "want a configuration"
							  : "want one configuration");
	o.conf = argv[optind];
	return option_file("CONF", o.conf) ? act(&o) : RUN_USAGE;
}

int command_check(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	static struct run o;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == '?')
			return option_usage("check", NULL);
		fputs(check_help, stdout);
		return 0;
	}
	if (optind + 1 != argc)
		return option_usage("check", optind == argc ? "want a configuration"
							    : "want one configuration");
	o.conf = argv[optind];
	return !option_file("CONF", o.conf) || prepare_check(&o) ? RUN_USAGE : RUN_WELL;
}
