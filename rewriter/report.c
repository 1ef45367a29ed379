// SPDX-License-Identifier: GPL-2.0-or-later
/* The report on an image: as JSON, and as a table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rewrite.h"

const char *const treatment_names[TREATMENTS] = { "native", "inline", "trap", "refused" };
const char *const tactic_names[TACTICS] = {
	"none", "fused", "forward", "padding", "backward", "hop"
};

static void put_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < ' ')
			fprintf(f, "\\u%04x", *s);
		else
			fputc(*s, f);
	fputc('"', f);
}

/* Sites of one operation by treatment. */
static void count(const struct rewrite *r, unsigned op, unsigned n[TREATMENTS])
{
	memset(n, 0, TREATMENTS * sizeof(*n));
	for (unsigned i = 0; i < r->sites; i++)
		if (!strcmp(op_name(r->site[i].insn.op), op_name(op)))
			n[r->site[i].treatment]++;
}

/* The first operation of each name, so that mov to and from CR are one row. */
static bool first_of_name(unsigned op)
{
	for (unsigned i = 1; i < op; i++)
		if (!strcmp(op_name(i), op_name(op)))
			return false;
	return true;
}

/* Bytes of code ranges that were reached, or were not. */
static unsigned code_bytes(const struct rewrite *r, bool reached)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < r->map.bytes; i++)
		n += !(r->map.at[i] & (AT_START | AT_INSIDE)) == !reached &&
		     image_is_code(r->image, r->map.base + i);
	return n;
}

static unsigned unreached(const struct rewrite *r)
{
	return code_bytes(r, false);
}

void report_warning(const struct rewrite *r)
{
	unsigned yes = code_bytes(r, true), no = unreached(r);

	if (no > 4 * yes)
		fprintf(stderr,
			"veneer: %s: %u of %u bytes of code were not reached, and what is "
			"sensitive "
			"there stays: run it, keep the console with --log, and rewrite it again "
			"with "
			"--profile\n",
			r->image->path, no, yes + no);
}

void report_json(const struct rewrite *r, void *file)
{
	FILE *f = file;
	unsigned n[TREATMENTS];
	const char *comma = "";

	fprintf(f, "{\"image\": ");
	put_string(f, r->image->path);
	fprintf(f,
		", \"symbols\": %s, \"multiboot\": %s,\n \"stub_bytes\": %u, \"displaced\": %u, "
		"\"unreached_bytes\": %u, \"undecodable\": %u, \"conflicts\": %u, \"refused\": "
		"%u,\n",
		r->image->has_symbols ? "true" : "false", r->image->multiboot ? "true" : "false",
		r->stub_bytes, r->displaced, unreached(r), r->map.undecodable, r->map.conflicts,
		r->refused);
	fprintf(f, " \"tactics\": {");
	for (unsigned t = TACTIC_FUSED; t < TACTICS; t++)
		fprintf(f, "%s\"%s\": %u", t == TACTIC_FUSED ? "" : ", ", tactic_names[t],
			r->tactic_count[t]);
	fprintf(f, "},\n \"instructions\": {");
	for (unsigned op = 1; op < INSN_OPS; op++) {
		count(r, op, n);
		if (!first_of_name(op) || !(n[0] + n[1] + n[2] + n[3]))
			continue;
		fprintf(f,
			"%s\n  \"%s\": {\"native\": %u, \"inline\": %u, \"trap\": %u, \"refused\": "
			"%u}",
			comma, op_name(op), n[0], n[1], n[2], n[3]);
		comma = ",";
	}
	fprintf(f, "},\n \"sites\": [");
	for (unsigned i = 0; i < r->sites; i++) {
		const struct site *s = &r->site[i];

		fprintf(f,
			"%s\n  {\"address\": \"%#x\", \"instruction\": \"%s\", \"treatment\": "
			"\"%s\", "
			"\"tactic\": \"%s\", \"planted\": %s, \"found\": \"%s\", \"stub\": "
			"\"%#x\", "
			"\"why\": ",
			i ? "," : "", s->address, op_name(s->insn.op),
			treatment_names[s->treatment], tactic_names[s->tactic],
			s->planted ? "true" : "false", s->guessed ? "reference" : "descent",
			s->stub);
		put_string(f, s->why ? s->why : "");
		fputc('}', f);
	}
	fprintf(f, "\n ]}\n");
}

int report_write(const struct rewrite *r, const char *path, char *why, size_t n)
{
	FILE *f = fopen(path, "w");

	if (f) {
		report_json(r, f);
		bool bad = ferror(f);

		if (!fclose(f) && !bad)
			return 0;
	}
	snprintf(why, n, "cannot be written: %s", strerror(errno));
	return -1;
}

void report_summary(const struct rewrite *r)
{
	unsigned n[TREATMENTS];

	printf("%-18s %8s %8s %8s %8s\n", "instruction", "inline", "trap", "native", "refused");
	for (unsigned op = 1; op < INSN_OPS; op++) {
		count(r, op, n);
		if (first_of_name(op) && n[0] + n[1] + n[2] + n[3])
			printf("%-18s %8u %8u %8u %8u\n", op_name(op), n[TREAT_INLINE],
			       n[TREAT_TRAP], n[TREAT_NATIVE], n[TREAT_REFUSED]);
	}
	printf("%u sites, %u bytes of stubs, %u neighbours displaced, %u bytes of code ranges not "
	       "reached\n",
	       r->sites, r->stub_bytes, r->displaced, unreached(r));
}
