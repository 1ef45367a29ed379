/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `veneer run`: what its parts share. run.c takes the command line and says what is done in which
 * order; prepare.c reads what the machine is to be, emulator.c knows the emulators, watch.c is
 * there while it runs, and verdict.c when it ends. */
#ifndef HOST_RUN_H
#define HOST_RUN_H

#include "machine.h"
#include "output.h"
#include "script.h"

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);

/* Exit status of `veneer run` and of machine_finish */
enum { RUN_WELL = 0, RUN_NOT_WELL = 1, RUN_USAGE = 2, RUN_TIMEOUT = 3 };

struct run {
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

/* "veneer: what: why"; RUN_USAGE */
int run_fail(const char *what, const char *why);

/* prepare.c: the configuration, and what else must be right before anything is done for it. 0, or
 * -1 with lines on stderr. */
int prepare(struct run *o);
/* The configuration alone, and the files that it names. */
int prepare_check(struct run *o);
/* The bundle in a file that is there, or whole or not at all in o->bundle; and what the machine
 * gets that was not asked for. 0, or an exit status. */
int prepare_bundle(struct run *o, const char *path);
int prepare_kept_bundle(struct run *o);

/* emulator.c: what was asked for, or works: kvm or tcg in QEMU, or Bochs */
const char *emulator_choose(const struct run *o);
/* Whether it can do what the options say, with a line on stderr. */
bool emulator_fits(const struct run *o, const char *accel);
int emulator_start(const struct run *o, const char *accel, const char *bundle, struct machine *m);
/* Its command, to be pasted; an exit status. */
int emulator_print(const struct run *o, const char *bundle);

/* watch.c: until the machine ends, the script fails, or time is over. An exit status. */
int watch(struct machine *m, struct run *o, struct output *output);
/* The same for a person on a terminal. */
int watch_person(struct machine *m, struct run *o, struct output *output);

/* verdict.c: an exit status when the machine has ended with status, and why it is not 0 */
int verdict(struct machine *m, struct script *s, int status);
/* What the plugin counted, in a line and as JSON. 0, or an exit status. */
int verdict_stay(const char *written, const char *path);
/* What goes to the log is not lost either when it is closed. */
int verdict_log(struct output *o);

#endif
