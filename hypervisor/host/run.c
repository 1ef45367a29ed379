// SPDX-License-Identifier: GPL-2.0-or-later
/* `veneer run CONF`: bundle, emulator, console, scripted input, pictures, verdict. */
#include "run.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bochs.h"
#include "file.h"
#include "iso.h"
#include "json_out.h"
#include "options.h"
#include "qemu.h"
#include "script.h"
#include "stay.h"
#include "temporary.h"

static const char help[] =
	"usage: veneer run CONF [options]\n"
	"\n"
	"Bundles the guests that CONF names, starts the hypervisor with them in an emulator,\n"
	"shows the console, and exits with the guests' verdict. On a terminal, what is typed goes "
	"to the\n"
	"guest chosen with Ctrl-A and its number; Ctrl-A h lists the monitor's commands.\n"
	"\n"
	"      --engine E          for all guests: ring, svm, vmx or auto\n"
	"      --cpus N            processors of the machine (default: those named in CONF, at "
	"least 2)\n"
	"      --memory M          its memory, in MiB (default: what the guests want)\n"
	"      --timeout S         stop after so many seconds; 0: never (default: 0 on a terminal, "
	"else 900)\n"
	"      --send GUEST=KEYS   type KEYS once the guests run; \\r \\n \\e \\t \\\\, \\a is "
	"Ctrl-A\n"
	"      --expect GUEST=RE   wait until the guest (or \"veneer\") prints what matches RE, an "
	"extended\n"
	"                          regular expression, in a line or a prompt\n"
	"      --expect-screen GUEST=RE\n"
	"                          wait until its text screen matches RE, and print it\n"
	"      --screen GUEST=FILE write its text screen as a PNG picture, then stop that guest\n"
	"                          These may be repeated, and are done in order. One that cannot "
	"be done\n"
	"                          ends the run.\n"
	"      --log FILE          a copy of the console\n"
	"      --accel A           tcg, kvm, bochs or auto (default: kvm if it works and keeps up, "
	"else\n"
	"                          tcg; Bochs for vmx where the processor has none)\n"
	"      --icount            one instruction is one nanosecond: repeatable\n"
	"      --stay FILE         with tcg: the most instructions that the hypervisor ran with "
	"interrupts\n"
	"                          masked, in a line and as JSON\n"
	"      --print             show the emulator's command and exit; with --bundle, one that "
	"can be run\n"
	"      --bundle FILE       write the bundle (a cpio archive) and exit\n"
	"      --iso FILE          write a GRUB ISO for machines with BIOS and with UEFI, and "
	"exit\n"
	"                          --bundle, --iso and --print may stand together\n"
	"      --quiet             do not show the console, nor type to it\n"
	"\n"
	"Exit status: 0 all guests well and all steps done; 1 not; 2 nothing was started: the "
	"command line or\n"
	"CONF is wrong, or a file that one of them names cannot be read or written; 3 out of "
	"time.\n";

struct options {
	const char *conf, *engine, *log, *accel, *bundle, *iso, *stay;
	const char *stay_counts; /* the plugin's file */
	const char *cpus, *memory;
	long timeout;
	bool icount, print, quiet;
	bool kept;	       /* something is written or printed, and nothing started */
	bool memory_by_guests; /* is what they want */
	struct script script;
	struct bundle_source source;
};

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "veneer: %s: %s\n", what, why);
	return RUN_USAGE;
}

static int read_file(const char *path, char **data, size_t *bytes)
{
	FILE *f = fopen(path, "rb");
	long size;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || size > 1 << 20) {
		fail(path, f ? "not a configuration" : strerror(errno));
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
static void set_defaults(struct options *o)
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
static int read_configuration(struct options *o)
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

static int make_bundle(struct options *o, const char *path)
{
	int status = bundle_write(&o->source, path);

	set_defaults(o);
	return status;
}

/* Whole or not at all. */
static int keep_bundle(struct options *o)
{
	const char *temporary = temporary_file_beside(o->bundle);

	if (!temporary)
		return fail(o->bundle, strerror(errno));
	int status = make_bundle(o, temporary);
	const char *why =
		status || chmod(temporary, 0644) ? NULL : file_replace(temporary, o->bundle);
	temporary_remove(temporary);
	return why ? fail(o->bundle, why) : status;
}

/* What was asked for, or works: kvm or tcg in QEMU, or Bochs. QEMU's tcg has no VT-x. */
static const char *choose_accelerator(const struct options *o)
{
	const char *why = "", *accel = o->accel;

	if (!accel || !strcmp(accel, "auto"))
		accel = o->icount ? "tcg" : accelerator_choose(&why);
	if (o->source.wants_vmx && (strcmp(accel, "kvm") || !processor_has_vmx())) {
		accel = "bochs";
		why = "for VT-x, which this processor has not";
	}
	if (isatty(2) && *why)
		fprintf(stderr, "veneer: accelerator %s (%s)\n", accel, why);
	return accel;
}

static int command_of(const struct options *o, const char *accel, const char *bundle,
		      const char **argv)
{
	static char stay[8192];
	struct qemu q = { .accel = accel,
			  .one_thread = o->source.wants_svm,
			  .memory = o->memory,
			  .cpus = o->cpus,
			  .kernel = library_path("veneer.elf"),
			  .initrd = bundle,
			  .icount = o->icount };

	if (o->stay) {
		if (stay_plugin(o->stay_counts ? o->stay_counts : o->stay, stay, sizeof(stay)))
			return -1;
		q.stay = stay;
	}
	qemu_arguments(&q, argv);
	return 0;
}

/* The exit status, and why it is not 0. */
static int judge(struct machine *m, struct script *s, int status)
{
	bool done = script_is_done(s, "not done when the machine went down");

	if (!m->started && !m->refused)
		fprintf(stderr, "veneer: the hypervisor did not start\n");
	else if (m->started && !m->done && !m->panicked)
		fprintf(stderr,
			"veneer: the machine went down in the middle (the emulator's exit status "
			"is %d)\n",
			status);
	else if (m->well && !machine_is_well(m, status))
		fprintf(stderr,
			"veneer: the console says \"all well\", but the emulator's exit status is "
			"%d\n",
			status);
	return done && machine_is_well(m, status) ? RUN_WELL : RUN_NOT_WELL;
}

static int stop(struct machine *m, int status)
{
	machine_kill(m);
	machine_finish(m);
	return status;
}

static int stop_late(struct machine *m, struct options *o)
{
	fprintf(stderr, "veneer: stopped after %ld s, see --timeout\n", o->timeout);
	script_is_done(&o->script, "not done in time");
	return stop(m, RUN_TIMEOUT);
}

static int watch(struct machine *m, struct options *o, struct output *output)
{
	struct script *s = &o->script;
	long end = now_ms() + o->timeout * 1000;
	const char *text;

	s->output = output;
	while (!s->failed && !output->failed) {
		long left = o->timeout ? end - now_ms() : -1;
		int wait = script_wait_ms(s);

		if (o->timeout && left <= 0)
			return stop_late(m, o);
		if (wait < 0 || (o->timeout && wait > left))
			wait = (int)left;
		switch (machine_read(m, wait, &text)) {
		case MACHINE_SAYS:
			if (!script_take(s, m, text))
				output_line(output, text);
			break;
		case MACHINE_BEGINS: script_peek(s, m, text); break;
		case MACHINE_SILENT: break;
		case MACHINE_ENDED: return judge(m, s, machine_finish(m));
		}
		script_continue(s, m);
	}
	return stop(m, RUN_NOT_WELL);
}

static int interact(struct machine *m, struct options *o, struct output *output)
{
	if (!machine_interact(m, output, o->timeout ? o->timeout * 1000 : -1))
		return stop_late(m, o);
	if (output->failed)
		return stop(m, RUN_NOT_WELL);
	return judge(m, &o->script, machine_finish(m));
}

/* As the emulator gets it, so that it is refused for the same reasons. */
static bool host_has_memory(const struct options *o)
{
	const struct config *c = &o->source.config;
	const struct guest_config *most = &c->guest[0];
	size_t bytes = (size_t)atol(o->memory) << 20;
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED)
		return !munmap(memory, bytes);
	for (unsigned i = 1; i < c->guests; i++)
		if (c->guest[i].memory > most->memory)
			most = &c->guest[i];
	if (o->memory_by_guests)
		fprintf(stderr,
			"veneer: %s:%u: guest \"%s\" has memory = %luM, the most: ", o->conf,
			most->line, most->name, (unsigned long)(most->memory >> 20));
	else
		fprintf(stderr, "veneer: --memory %s: ", o->memory);
	fprintf(stderr, "this host has no %s MiB for a machine: want less\n", o->memory);
	return false;
}

static int fail_accelerator(const struct options *o, const char *option, const char *why)
{
	char text[160];

	snprintf(text, sizeof(text), "%s: %s", why,
		 o->source.wants_vmx ? "and a guest wants vmx, which runs in Bochs here"
				     : "want --accel tcg");
	return fail(option, text);
}

static bool accelerator_fits(const struct options *o, const char *accel)
{
	if (o->stay && strcmp(accel, "tcg"))
		fail_accelerator(o, "--stay", "QEMU's plugins count, and only in tcg");
	else if (o->icount && !strcmp(accel, "kvm"))
		fail("--icount", "KVM does not count instructions: want --accel tcg");
	else
		return strcmp(accel, "bochs") ? o->kept || host_has_memory(o)
					      : bochs_has(o->cpus, o->memory);
	return false;
}

static int print_command(const struct options *o, const char *bundle)
{
	const char *accel = choose_accelerator(o), *argv[QEMU_ARGUMENTS];

	if (!strcmp(accel, "bochs"))
		return fail_accelerator(o, "--print", "Bochs is started with a file of settings");
	if (!accelerator_fits(o, accel))
		return RUN_USAGE;
	if (command_of(o, accel, bundle, argv))
		return RUN_USAGE;
	for (unsigned i = 0; argv[i]; i++)
		printf("%s%s", i ? " " : "", argv[i]);
	putchar('\n');
	return RUN_WELL;
}

static int start(const struct options *o, const char *accel, const char *bundle, struct machine *m)
{
	const char *argv[QEMU_ARGUMENTS];
	const struct bochs b = { .memory = o->memory,
				 .cpus = o->cpus,
				 .kernel = library_path("veneer.elf"),
				 .bundle = bundle };

	if (!strcmp(accel, "bochs"))
		return bochs_start(&b, m);
	if (command_of(o, accel, bundle, argv))
		return -1;
	return machine_start(m, (char *const *)argv);
}

static int write_iso(const struct options *o, const char *bundle)
{
	const struct iso_entry entry = { .title = "Veneer",
					 .kernel = library_path("veneer.elf"),
					 .bundle = bundle };

	return iso_write(&entry, 1, o->iso) ? RUN_NOT_WELL : RUN_WELL;
}

/* What goes to the log is not lost either when it is closed. */
static int close_log(struct output *o)
{
	if (!o->log || !fclose(o->log) || o->failed)
		return 0;
	return fail(o->log_name, strerror(errno));
}

/* From what the plugin wrote. */
static int report_stay(const char *written, const char *path)
{
	struct stay s;

	if (stay_read(written, &s))
		return RUN_NOT_WELL;
	stay_print(&s, stdout);
	return json_write_file(stay_json(&s), path) ? fail(path, strerror(errno)) : 0;
}

/* In the machine that it chooses. */
static int run_there(struct options *o, const char *bundle, struct output *output)
{
	const char *accel = choose_accelerator(o);
	bool typing = isatty(0) && !o->script.steps && !o->quiet;
	int status = RUN_NOT_WELL;
	struct machine m;

	if (!accelerator_fits(o, accel))
		return RUN_USAGE;
	if (o->stay && !(o->stay_counts = temporary_file("stay")))
		return RUN_NOT_WELL;
	if (!start(o, accel, bundle, &m)) {
		status = typing ? interact(&m, o, output) : watch(&m, o, output);
		if (o->stay && status != RUN_TIMEOUT && report_stay(o->stay_counts, o->stay))
			status = RUN_NOT_WELL;
	}
	bochs_clean();
	return status;
}

static int run(struct options *o)
{
	struct output output = { .log_name = o->log, .quiet = o->quiet };
	const char *bundle = temporary_file("bundle");
	int status;

	if (!bundle)
		return RUN_NOT_WELL;
	status = make_bundle(o, bundle);
	if (status)
		return status;
	if (o->log && !(output.log = fopen(o->log, "w")))
		return fail(o->log, strerror(errno));
	status = run_there(o, bundle, &output);
	o->script.output = NULL;
	if (close_log(&output) && status == RUN_WELL)
		status = RUN_NOT_WELL;
	return status;
}

/* All that is asked for, and nothing is started. */
static int keep(struct options *o)
{
	const char *bundle = o->bundle ? o->bundle : temporary_file("bundle");
	int status = bundle ? RUN_WELL : RUN_NOT_WELL;

	if (!status)
		status = o->bundle ? keep_bundle(o) : make_bundle(o, bundle);
	if (!status && o->iso)
		status = write_iso(o, bundle);
	if (!status && o->print)
		status = print_command(o, o->bundle ? o->bundle : "BUNDLE");
	return status;
}

static int act(struct options *o)
{
	bool bundle_alone = o->bundle && !o->iso && !o->print;

	o->kept = o->bundle || o->iso || o->print;
	if (read_configuration(o) || (!bundle_alone && !has_hypervisor()))
		return RUN_USAGE;
	return o->kept ? keep(o) : run(o);
}

#define DEFAULT_TIMEOUT 900
#define TIMEOUT_MAX	2000000 /* in milliseconds still an int */
#define CPUS_WANTED_MAX 255	/* of QEMU's pc */
#define MEMORY_MIN	16
#define MEMORY_MAX	(1 << 20)

static const char *const accelerators[] = { "tcg", "kvm", "bochs", "auto", NULL };

static bool take_option(struct options *o, int c)
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
	case 'l': o->log = optarg; break;
	case 'a': o->accel = optarg; return option_choice("--accel", optarg, accelerators);
	case 'i': o->icount = true; break;
	case 'y': o->stay = optarg; break;
	case 'p': o->print = true; break;
	case 'b': o->bundle = optarg; break;
	case 'I': o->iso = optarg; break;
	case 'q': o->quiet = true; break;
	}
	return true;
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
		{ "print", no_argument, NULL, 'p' },
		{ "bundle", required_argument, NULL, 'b' },
		{ "iso", required_argument, NULL, 'I' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct options o;
	bool good = true;
	int c;

	o.timeout = isatty(0) ? 0 : DEFAULT_TIMEOUT;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (c == '?')
			return option_usage("run", NULL);
		good &= take_option(&o, c);
	}
	if (!good)
		return RUN_USAGE;
	if (optind + 1 != argc)
		return option_usage("run", optind == argc ? "which configuration?"
							  : "want one configuration");
	o.conf = argv[optind];
	return act(&o);
}
