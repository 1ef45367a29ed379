/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The results of a comparison: its configurations, and for each operation its cost and events.
 * Filled from consoles and events files; read by table.c, json.c, model.c and html.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "events.h"
#include "stay.h"

enum machine_kind { QEMU, BOCHS, HARDWARE, MACHINES };
extern const struct machine_info {
	const char *name, *title;
	const char *metric; /* what a value counts: "instructions" or "cycles" */
} machine_info[MACHINES];

/* A configuration in which a guest runs. The first of each machine is native. */
struct configuration {
	const char *title;
	const char *engine, *prep; /* "none", "native" on the bare machine */
	enum machine_kind machine;
};

#define CONFIGURATIONS_MAX 24
#define OPS_MAX		   40
#define COUNTERS_MAX	   16

/* One operation, in one configuration. */
struct cell {
	bool measured;
	double value;		    /* of the machine's metric, for one operation */
	double count[COUNTERS_MAX]; /* the hypervisor's counters, for one operation */
	double event[SIDES][EVENT_COUNT];
};

struct row {
	char op[32];
	struct cell at[CONFIGURATIONS_MAX];
};

/* One run of all operations. */
struct run {
	bool ended, counted; /* counted: events are known */
	long wall_ms;
	double boot;			 /* Linux: ticks to process 1 */
	unsigned long first_instruction; /* ticks from the hypervisor's entry */
	unsigned long hypervisor_kib, image_kib, overhead_kib;
	struct stay stay; /* the hypervisor's longest stay; 0 instructions: not counted */
	char engine[8];	  /* as the hypervisor reports it */
	char stats[400];  /* counters of the whole run */
	/* reports in order: the row, or -1, and the number of operations */
	struct report {
		int row;
		double operations;
	} report[OPS_MAX + 4];
	unsigned reports;
	bool counts_due; /* of the last report */
};

struct results {
	const char *guest; /* "rtos", "linux" */
	const struct configuration *configuration;
	unsigned configurations;
	struct row row[OPS_MAX];
	unsigned rows;
	char counter[COUNTERS_MAX][16]; /* names, from the hypervisor */
	unsigned counters;
	struct run run[CONFIGURATIONS_MAX];
	bool bare; /* HARDWARE is the bare machine, from a record (metal.h), and not KVM */
};

const char *machine_title(const struct results *r, enum machine_kind machine);

/* A line of the console of that configuration. */
void results_take(struct results *r, unsigned config, const char *line);
/* Discards the results of that configuration. */
void results_forget(struct results *r, unsigned config);

/* The events file of that configuration's run, after its end. 0, or -1 with a line on stderr. */
int results_take_events(struct results *r, unsigned config, const char *path);

unsigned native_of(const struct results *r, unsigned config);
bool is_native(const struct results *r, unsigned config);
int configuration_find(const struct results *r, enum machine_kind machine, const char *engine,
		       const char *prep); /* or -1 */
bool machine_measured(const struct results *r, enum machine_kind machine);
const struct row *row_find(const struct results *r, const char *op); /* or NULL */

double count_of(const struct results *r, const struct row *row, unsigned config, const char *name);
/* Exits other than hypercalls and physical interrupts. */
double traps_of(const struct results *r, const struct row *row, unsigned config);
/* The configuration whose run counted events for this one, or -1. It is the same one, or for Bochs,
 * which cannot count, the same guest in QEMU, with svm in place of vmx. */
int counted_twin(const struct results *r, unsigned config);
/* The same configuration on hardware, or -1; auto there stands for the engine that was chosen. */
int hardware_twin(const struct results *r, unsigned config);
/* Loads of CR3 by the hypervisor, and all TLB flushes; negative: not known. */
double table_switches_of(const struct results *r, const struct row *row, unsigned config);
double tlb_flushes_of(const struct results *r, const struct row *row, unsigned config);

/* First line of a command's output, for the record. */
void command_line(const char *command, char *out, size_t size);
/* Lines of C and assembly in the hypervisor; -1 if the source is not available. */
long count_lines(void);
