// SPDX-License-Identifier: GPL-2.0-or-later
/* The report on an image: as JSON, and as a table. */
#include <stdio.h>
#include <string.h>

#include "json_out.h"
#include "rewrite.h"

const char *const treatment_names[TREATMENTS] = { "native", "inline", "trap", "refused" };
const char *const tactic_names[TACTICS] = {
	"none", "fused", "forward", "padding", "backward", "hop"
};

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

static const char *why_unreached(const struct rewrite *r)
{
	if (!(map_at(&r->map, r->image->entry) & AT_START))
		return "there is no valid instruction at its entry point";
	if (!r->image->has_symbols)
		return "the file has no symbols, so only its entry point leads to code";
	return "it may be unpacked, or its addresses computed, when the kernel runs";
}

void report_warning(const struct rewrite *r, const char *consequence)
{
	unsigned yes = code_bytes(r, true), no = unreached(r);
	char found[64] = "no code was found in";

	if (no <= 4 * yes)
		return;
	if (yes)
		snprintf(found, sizeof(found), "only %u of", yes);
	fprintf(stderr, "veneer: %s: %s %u bytes%s: %s; %s\n", r->image->path, found, yes + no,
		yes ? " were recognized as code" : "", why_unreached(r), consequence);
}

/* What a rewritten file does not keep is null. */
static json_t *number_of(const struct rewrite *r, unsigned n)
{
	return r->image->rewritten ? json_null() : json_integer(n);
}

static json_t *text_of(const struct rewrite *r, const char *text)
{
	return r->image->rewritten ? json_null() : json_text(text);
}

static json_t *tactics_of(const struct rewrite *r)
{
	if (r->image->rewritten)
		return json_null();
	json_t *tactics = json_object();
	for (unsigned t = TACTIC_FUSED; t < TACTICS; t++)
		json_object_set_new(tactics, tactic_names[t],
				    json_integer((json_int_t)r->tactic_count[t]));
	return tactics;
}

static json_t *instructions_of(const struct rewrite *r)
{
	json_t *all = json_object();
	unsigned n[TREATMENTS];

	for (unsigned op = 1; op < INSN_OPS; op++) {
		count(r, op, n);
		if (!first_of_name(op) || !(n[0] + n[1] + n[2] + n[3]))
			continue;
		json_t *treatments = json_object();
		for (unsigned t = 0; t < TREATMENTS; t++)
			json_object_set_new(treatments, treatment_names[t], json_integer(n[t]));
		json_object_set_new(all, op_name(op), treatments);
	}
	return all;
}

static json_t *address_of(uint32_t address)
{
	return json_sprintf("%#x", address);
}

static json_t *sites_of(const struct rewrite *r)
{
	json_t *sites = json_array();

	for (unsigned i = 0; i < r->sites; i++) {
		const struct site *s = &r->site[i];

		json_array_append_new(
			sites,
			json_pack("{s:o, s:s, s:s, s:o, s:b, s:o, s:o, s:o}", "address",
				  address_of(s->address), "instruction", op_name(s->insn.op),
				  "treatment", treatment_names[s->treatment], "tactic",
				  text_of(r, tactic_names[s->tactic]), "planted", s->planted,
				  "found", text_of(r, s->guessed ? "reference" : "descent"), "stub",
				  address_of(s->stub), "why", text_of(r, s->why ? s->why : "")));
	}
	return sites;
}

#define REPORT_VERSION 1 /* of the object that the man page describes */

json_t *report_json(const struct rewrite *r)
{
	const struct image *im = r->image;

	return json_pack("{s:i, s:o, s:b, s:b, s:b, s:i, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o}",
			 "version", REPORT_VERSION, "image", json_text(im->path), "rewritten",
			 im->rewritten, "symbols", im->has_symbols, "multiboot", im->multiboot,
			 "stub_bytes", r->stub_bytes, "displaced", number_of(r, r->displaced),
			 "unreached_bytes", number_of(r, unreached(r)), "undecodable",
			 number_of(r, r->map.undecodable), "conflicts",
			 number_of(r, r->map.conflicts), "refused", r->refused, "tactics",
			 tactics_of(r), "instructions", instructions_of(r), "sites", sites_of(r));
}

int report_write(const struct rewrite *r, const char *path, char *why, size_t n)
{
	const char *wrong = json_write_file(report_json(r), path);

	if (wrong)
		snprintf(why, n, "cannot be written: %s", wrong);
	return wrong ? -1 : 0;
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
