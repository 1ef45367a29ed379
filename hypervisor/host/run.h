/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the parts of `veneer run`. run.c has the command line and the order of the steps;
 * prepare.c reads the configuration, emulator.c starts the emulator, watch.c reads the console
 * while the machine runs, and outcome.c determines the exit status. */
#pragma once

#include "gdb.h"
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
	bool kept;	       /* write or print something, start nothing */
	bool memory_by_guests; /* memory is what the guests need */
	struct script script;
	struct gdb_options gdb;
	struct lives lives;
	struct explain explain;
	struct bundle_source source;
};

/* Prints "veneer: what: why". Returns RUN_USAGE. */
int run_fail(const char *what, const char *why);

/* prepare.c: reads the configuration and makes all checks that are possible before the start.
 * Returns 0, or -1 with lines on stderr. */
int prepare(struct run *o);
/* Checks only the configuration and the files that it names. */
int prepare_check(struct run *o);
/* Writes the bundle to an existing file, or completely or not at all to o->bundle; then sets the
 * defaults of the machine, and warns of guests that have no core of it. Returns 0, or an exit
 * status. */
int prepare_bundle(struct run *o, const char *path);
int prepare_kept_bundle(struct run *o);

/* emulator.c: the requested accelerator, or one that works: kvm or tcg in QEMU, or Bochs */
const char *emulator_choose(const struct run *o);
/* Whether it supports the options; if not, prints a line on stderr. */
bool emulator_fits(const struct run *o, const char *accel);
int emulator_start(const struct run *o, const char *accel, const char *bundle, struct machine *m);
/* Prints its command, quoted for the shell. Returns an exit status. */
int emulator_print(const struct run *o, const char *bundle);

/* watch.c: until the machine ends, the script fails, or time is up. Returns an exit status. */
int watch(struct machine *m, struct run *o, struct output *output);
/* The same with input from a terminal. */
int watch_person(struct machine *m, struct run *o, struct output *output);

/* outcome.c: the exit status of a machine that ended with status; prints the reason if not 0 */
int outcome(struct machine *m, struct script *s, int status);
/* Prints the plugin's counts, and writes them as JSON. Returns 0, or an exit status. */
int outcome_stay(const char *written, const char *path);
/* Closes the log. Returns 0, or an exit status if it could not be written. */
int outcome_log(struct output *o);
