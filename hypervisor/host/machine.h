/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An emulated machine as a child process, with its serial line on pipes. */
#ifndef HOST_MACHINE_H
#define HOST_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct machine {
	pid_t pid;
	int to, from; /* the serial line */
	int display;  /* a terminal whose output nobody reads, or -1 */
	bool well;    /* the hypervisor has said that all guests are */
	FILE *log;    /* a copy of the console, or NULL */
	char line[1024];
	size_t used;
	unsigned matched; /* of the line that says so */
};

/* Starts argv (execvp) with its stdin and stdout as the serial line. 0, or -1 with a line on
 * stderr. */
int machine_start(struct machine *m, char *const argv[], FILE *log);

/* The same with the serial line and the display on pseudo-terminals, whose masters these are. */
int machine_start_on(struct machine *m, char *const argv[], int serial, int display,
		     const char *display_name, FILE *log);

/* The next line of the console without its end, or NULL: at the end of output (*ended true), or
 * when the time is up (timeout in milliseconds, -1 for none). */
const char *machine_line(struct machine *m, int timeout_ms, bool *ended);

/* Forwards everything between the terminal and the machine until it ends. */
void machine_interact(struct machine *m);

void machine_type(struct machine *m, const char *bytes, size_t n);
void machine_kill(struct machine *m);
int machine_finish(struct machine *m); /* waits; its exit status, or -1 */

/* Milliseconds on a clock that only goes forward. */
long now_ms(void);

/* The accelerator to use: "kvm" where /dev/kvm is there and keeps up, else "tcg"; why in words. */
const char *accelerator_choose(const char **why);
bool processor_has_vmx(void);

/* A bundle in a temporary file: veneer.conf's text and the files it names, relative to directory.
 * 0, or -1 with a line on stderr. */
struct bundle_source {
	const char *conf_path, *directory;
	char *conf;
	size_t conf_bytes;
	/* filled by bundle_write: what a machine must have for all that is in it */
	unsigned long needs_mib;
	unsigned needs_cpus;
	bool wants_vmx, wants_svm; /* a guest's engine is, or may be */
};
int bundle_write(struct bundle_source *s, const char *path);

/* Where build products or installed files are: dir of the running program, or VENEER_LIB. */
const char *library_path(const char *name);

#endif
