/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Choosing a treatment for each sensitive instruction and writing its stub.
 *
 *   inline   a jump to a stub of a few instructions on the vCPU page; neighbours are displaced
 *            into the stub when none of them but the first is a branch target
 *   trap     left alone when it traps by itself, else its first byte becomes HLT; the site table
 *            tells the hypervisor what stood there
 *   native   harmless in ring 1
 */
#pragma once

#include <jansson.h>

#include "scan.h"

enum treatment { TREAT_NATIVE, TREAT_INLINE, TREAT_TRAP, TREAT_REFUSED, TREATMENTS };

/* Tactics to make room for the five-byte jump to a stub, tried in this order. */
enum tactic {
	TACTIC_NONE,
	TACTIC_FUSED,	 /* already inside another site's stub */
	TACTIC_FORWARD,	 /* displace what follows */
	TACTIC_PADDING,	 /* use the padding after the end of the block */
	TACTIC_BACKWARD, /* displace what stands before */
	TACTIC_HOP,	 /* two-byte jump to nearby padding, which holds the five-byte one */
	TACTICS
};

struct site {
	uint32_t address;
	struct insn insn;
	uint8_t bytes[15];
	enum behaviour behaviour;
	enum treatment treatment;
	enum tactic tactic;
	bool planted, guessed;
	uint32_t stub;
	const char *why; /* not inline, or refused */
};

struct rewrite {
	struct image *image;
	struct code_map map;
	struct site *site;
	unsigned sites;
	uint32_t window;
	uint8_t *stub; /* bytes from window + VENEER_WINDOW_STUBS on */
	unsigned stub_bytes, stub_room;
	struct veneer_site *table; /* sites the hypervisor may see trap, stubs included */
	unsigned table_used, table_room;
	struct veneer_iret_window *iret;
	unsigned irets, iret_room;
	unsigned displaced; /* neighbours */
	unsigned refused, tactic_count[TACTICS];
};

/* Analyses and patches in memory. Returns 0, or -1 with why. */
int rewrite_image(struct rewrite *r, struct image *im, const uint32_t *profile, unsigned profiled,
		  char *why, size_t why_bytes);
void rewrite_free(struct rewrite *r);

/* output.c: writes the ELF file, completely or not at all. */
int output_write(struct rewrite *r, const char *path, char *why, size_t why_bytes);

/* report.c */
int report_write(const struct rewrite *r, const char *path, char *why, size_t why_bytes);
/* The same object for every file; of a rewritten one, r needs only image, sites, stub_bytes and
 * refused. */
json_t *report_json(const struct rewrite *r);
void report_summary(const struct rewrite *r);
/* If most code was not reached: a line on stderr with the reason, and what follows from it. */
void report_warning(const struct rewrite *r, const char *consequence);
extern const char *const treatment_names[TREATMENTS], *const tactic_names[TACTICS];
