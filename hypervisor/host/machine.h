/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An emulated machine as a child process, with its serial port on pipes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "lives.h"
#include "load/config.h"
#include "output.h"
#include "explain.h"

#define MACHINE_LINE 4096

struct machine {
	pid_t pid;
	int life;	    /* a pipe that closes when it ends */
	int to, from;	    /* the serial line */
	int display;	    /* a terminal whose output nobody reads, or -1 */
	bool has_exit_port; /* the hypervisor chooses the emulator's exit status */
	size_t portion;	    /* bytes of input that can be sent at once: more could be lost */
	char line[MACHINE_LINE];
	size_t used;
	bool fresh; /* an unfinished line has grown since it was shown */
	bool cut;   /* the rest of a line that was too long is dropped */
	bool eof;
	struct lives *lives; /* of its guests, or NULL */
	struct explain *explain;
	/* what the hypervisor has reported */
	bool refused, started, done, well, panicked;
};

/* Starts argv (execvp) with its stdin and stdout as the serial port. Returns 0, or -1 with a line
 * on stderr. */
int machine_start(struct machine *m, char *const argv[]);

/* The same in that directory, with serial port and display on pseudo-terminals, whose masters are
 * passed. */
int machine_start_on(struct machine *m, char *const argv[], const char *directory, int serial,
		     int display, const char *display_name);

/* Waits for output, for at most timeout_ms milliseconds (-1: as long as it takes). A whole line, or
 * what there is of an unfinished one each time it has grown; control characters are shown as '?'.
 */
enum machine_event { MACHINE_SAYS, MACHINE_BEGINS, MACHINE_SILENT, MACHINE_ENDED };
enum machine_event machine_read(struct machine *m, int timeout_ms, const char **text);

/* Forwards everything between the terminal and the machine until it ends (true), for at most
 * timeout_ms milliseconds (-1: as long as it takes). */
bool machine_interact(struct machine *m, struct output *o, long timeout_ms);

void machine_type(struct machine *m, const char *bytes, size_t n);
void machine_kill(struct machine *m);
int machine_finish(struct machine *m); /* waits; its exit status, or -1 */

/* The text after "veneer: " in a line of the hypervisor, or NULL. No guest's line begins so. */
const char *hypervisor_says(const char *line);

/* Whether all guests succeeded: the hypervisor has reported it, and in QEMU the exit status (of
 * machine_finish), which no guest can choose, agrees. */
bool machine_is_well(const struct machine *m, int status);

/* Milliseconds on a clock that only goes forward. */
long now_ms(void);

/* The accelerator to use: "kvm" if /dev/kvm exists and is fast enough, else "tcg"; *why is the
 * reason. */
const char *accelerator_choose(const char **why);
bool processor_has_vmx(void);

/* What a bundle is made of: the configuration's text and the files it names, relative to
 * directory. */
struct bundle_source {
	const char *conf_path, *directory;
	char *conf;
	size_t conf_bytes;
	/* filled by bundle_read_config */
	struct config config;
	/* filled by bundle_write: what a machine must have for all that is in it */
	unsigned long needs_mib;
	unsigned needs_cpus;
	bool wants_vmx, wants_svm; /* a guest's engine is, or may be */
};

/* Reads the configuration. Returns 0, or -1 if a line is invalid, which is reported on stderr. */
int bundle_read_config(struct bundle_source *s);

/* Checks its files: of a guest with an invalid line, only what no value of a key could change.
 * Returns 0, or -1 with lines on stderr. */
int bundle_check_files(const struct bundle_source *s);

/* Whether path is the configuration, or a file that it names. */
bool bundle_reads(const struct bundle_source *s, const char *path);

/* Writes the bundle, after bundle_read_config. Returns an exit status of `veneer run`, with a line
 * on stderr if it is not 0: RUN_USAGE if an input file cannot be read. */
int bundle_write(struct bundle_source *s, const char *path);

/* Where build products or installed files are: dir of the running program, or VENEER_LIB. */
const char *library_path(const char *name);
