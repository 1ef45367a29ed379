/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The longest stay of the hypervisor in a run under QEMU: the most instructions in ring 0 with
 * interrupts masked, counted by bench/plugin/stay.c; addresses become names by veneer.elf's
 * symbols.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#define STAY_FUNCTIONS 5
#define STAY_NAME      48

struct stay {
	unsigned long instructions; /* 0: no guest was entered */
	char began[STAY_NAME];
	struct {
		char name[STAY_NAME];
		unsigned long instructions;
	} in[STAY_FUNCTIONS]; /* where most of them ran, sorted; name "" after the last */
};

/* The argument of QEMU's -plugin; the plugin writes to path. 0, or -1 with a line on stderr. */
int stay_plugin(const char *path, char *argument, size_t size);

/* What it wrote, after the machine's end. 0, or -1 with a line on stderr. */
int stay_read(const char *path, struct stay *s);

/* Prints a line for people; returns a JSON object. */
void stay_print(const struct stay *s, FILE *to);
json_t *stay_json(const struct stay *s);
