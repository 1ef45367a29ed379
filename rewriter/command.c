// SPDX-License-Identifier: GPL-2.0-or-later
#include "command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "json_out.h"
#include "options.h"
#include "rewrite.h"

static const char rewrite_help[] =
	"usage: veneer rewrite IN -o OUT [--report FILE.json] [--profile FILE] [--force] "
	"[--quiet]\n"
	"\n"
	"Rewrites the sensitive instructions of a 32-bit kernel so that it runs in ring 1 under "
	"Veneer.\n"
	"IN is an ELF32 i386 executable, with or without symbols and Multiboot header; it is not "
	"changed.\n"
	"\n"
	"  -o, --output OUT      the rewritten ELF file; written completely or not at all\n"
	"      --report FILE     what was done to each site, as JSON\n"
	"      --profile FILE    a console log of an earlier run: addresses in its \"profile\" "
	"lines are\n"
	"                        treated as code\n"
	"      --force           write OUT even if a site could not be made safe\n"
	"      --quiet           print no summary\n"
	"\n"
	"Exit status: 0 success; 1 a file is wrong or a site was refused; 2 wrong command line.\n";

static const char inspect_help[] = "usage: veneer inspect IN [--json]\n"
				   "\n"
				   "Shows the sensitive instructions of an ELF32 i386 executable "
				   "and how each would be rewritten; for\n"
				   "a rewritten executable, each site before and after.\n"
				   "\n"
				   "      --json            print JSON\n"
				   "\n"
				   "Exit status: 0 success; 1 the file is wrong; 2 wrong command "
				   "line.\n";

static const char not_replaced[] =
	"sensitive instructions elsewhere were not replaced: run it, keep the console with --log, "
	"and rewrite it again with --profile; or run the original, which is translated as it runs";
static const char not_listed[] = "sensitive instructions elsewhere are not listed";

struct profile {
	uint32_t *address;
	unsigned count;
};

static int fail(const char *path, const char *why)
{
	fprintf(stderr, "veneer: %s: %s\n", path, why);
	return 1;
}

static int read_profile(const char *path, struct profile *p)
{
	const char *why;
	FILE *f = file_open(path, &why);
	char line[512];

	if (!f)
		return fail(path, why);
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, "profile ");
		unsigned address;

		if (!at || sscanf(at, "profile %*s 0x%x", &address) != 1)
			continue;
		p->address = realloc(p->address, (p->count + 1) * sizeof(*p->address));
		if (!p->address)
			abort();
		p->address[p->count++] = address;
	}
	fclose(f);
	if (!p->count)
		return fail(path, "holds no \"profile GUEST 0xADDRESS COUNT\" line");
	return 0;
}

#define BYTES_SHOWN 8

static void print_bytes(const struct image *im, uint32_t address, unsigned n)
{
	uint32_t left;
	const uint8_t *code = image_at(im, address, &left);

	for (unsigned i = 0; code && i < n && i < left; i++)
		fprintf(stderr, " %02x", code[i]);
}

static void print_misfit(const struct image *im, const struct misfit *m)
{
	char at[PLACE_BYTES], from[PLACE_BYTES];

	fprintf(stderr, "veneer: %s: %s:", im->path, image_place_name(im, m->address, at));
	print_bytes(im, m->address, BYTES_SHOWN);
	fputs(m->inside ? ": inside another instruction" : ": not an instruction", stderr);
	if (m->from)
		fprintf(stderr, "; %s leads there\n", image_place_name(im, m->from, from));
	else
		fputs("; a symbol, or the entry point: if it is data, make it one of type "
		      "object\n",
		      stderr);
}

static void list_refused(const struct rewrite *r)
{
	const struct code_map *m = &r->map;
	const struct image *im = r->image;
	unsigned misfits = m->undecodable + m->conflicts;
	char at[PLACE_BYTES];

	for (unsigned i = 0; i < r->sites; i++) {
		const struct site *s = &r->site[i];

		if (s->treatment != TREAT_REFUSED)
			continue;
		fprintf(stderr, "veneer: %s: %s:", im->path, image_place_name(im, s->address, at));
		print_bytes(im, s->address, s->insn.length);
		fprintf(stderr, ": %s: %s\n", op_name(s->insn.op), s->why);
	}
	for (unsigned i = 0; i < misfits && i < MISFITS_LISTED; i++)
		print_misfit(im, &m->misfit[i]);
	if (misfits > MISFITS_LISTED)
		fprintf(stderr, "veneer: %s: %u more like these\n", im->path,
			misfits - MISFITS_LISTED);
}

struct options {
	const char *in, *out, *report, *profile_path;
	bool force, quiet;
	struct profile profile;
};

static int finish(struct rewrite *r, const struct options *o)
{
	char why[200];
	bool unsafe = r->refused || r->map.undecodable || r->map.conflicts;

	if (unsafe)
		list_refused(r);
	if (o->report && report_write(r, o->report, why, sizeof(why)))
		return fail(o->report, why);
	if (unsafe && !o->force)
		return fail(o->in,
			    "not rewritten: run the original, which is translated as it runs, "
			    "or rewrite it with --force");
	if (output_write(r, o->out, why, sizeof(why)))
		return fail(o->out, why);
	report_warning(r, not_replaced);
	if (!o->quiet)
		report_summary(r);
	return 0;
}

static int run_rewrite(const struct options *o)
{
	struct rewrite r = { 0 };
	struct image im;
	char why[200];
	int err;

	if (image_read(&im, o->in, why, sizeof(why)) ||
	    rewrite_image(&r, &im, o->profile.address, o->profile.count, why, sizeof(why)))
		err = fail(o->in, why);
	else
		err = finish(&r, o);
	rewrite_free(&r);
	image_free(&im);
	return err;
}

#define GO_ON (-1)

static bool is_same(const char *a, const char *b)
{
	return a && b && file_is_same(a, b);
}

/* GO_ON, or the status to end with. */
static int check_names(const struct options *o)
{
	if (!option_file("IN", o->in) || !option_file("--output", o->out) ||
	    (o->report && !option_file("--report", o->report)))
		return 2;
	if (is_same(o->in, o->out) || is_same(o->profile_path, o->out))
		return fail(o->out, "is the input file or the profile: name another output");
	if (is_same(o->in, o->report) || is_same(o->out, o->report) ||
	    is_same(o->profile_path, o->report))
		return fail(o->report,
			    "is the input, the output or the profile: name another report");
	return GO_ON;
}

/* GO_ON, or the status to end with. */
static int take_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "report", required_argument, NULL, 'r' },
		{ "profile", required_argument, NULL, 'p' },
		{ "force", no_argument, NULL, 'f' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 'o': o->out = optarg; break;
		case 'r': o->report = optarg; break;
		case 'p':
			o->profile_path = optarg;
			if (!option_file("--profile", optarg))
				return 2;
			if (read_profile(optarg, &o->profile))
				return 1;
			break;
		case 'f': o->force = true; break;
		case 'q': o->quiet = true; break;
		case 'h': fputs(rewrite_help, stdout); return 0;
		default: return option_usage("rewrite", NULL);
		}
	}
	if (optind + 1 != argc)
		return option_usage("rewrite", "want one kernel");
	if (!o->out)
		return option_usage("rewrite", "want -o OUT");
	o->in = argv[optind];
	return check_names(o);
}

int command_rewrite(int argc, char **argv)
{
	struct options o = { 0 };
	int status = take_options(argc, argv, &o);

	if (status == GO_ON)
		status = run_rewrite(&o);
	free(o.profile.address);
	return status;
}

/* --- inspect --- */

/* A record of .veneer.original, see output.c */
struct original {
	uint32_t address, stub;
	uint8_t treatment, planted, length, op;
	uint8_t bytes[16];
};
_Static_assert(sizeof(struct original) == 28, "output.c writes this");

static void print_insn(uint32_t address, const uint8_t *bytes, size_t n, const char *lead)
{
	ZydisFormatter formatter;
	struct decoded d;
	char text[128] = "(not an instruction)";

	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_ATT);
	if (decode(bytes, n, &d))
		ZydisFormatterFormatInstruction(&formatter, &d.zydis, d.operand,
						d.zydis.operand_count_visible, text, sizeof(text),
						address, NULL);
	printf("%s%08x  %s\n", lead, address, text);
}

static void print_stub(const struct image *im, uint32_t stub)
{
	for (unsigned n = 0; n < 14; n++) {
		uint32_t left;
		const uint8_t *code = image_at(im, stub, &left);
		struct decoded d;

		if (!code || !decode(code, left < 15 ? left : 15, &d))
			return;
		print_insn(stub, code, d.zydis.length, "          ");
		stub += d.zydis.length;
		if (d.zydis.mnemonic == ZYDIS_MNEMONIC_JMP &&
		    d.operand[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && d.zydis.length == 5)
			return;
	}
}

static const uint8_t *find_section(const struct image *im, const char *name, uint32_t *bytes)
{
	Elf32_Ehdr e;
	Elf32_Shdr h, names;

	memcpy(&e, im->data, sizeof(e));
	if (e.e_shoff + (uint64_t)e.e_shnum * sizeof(h) > im->bytes || e.e_shstrndx >= e.e_shnum)
		return NULL;
	memcpy(&names, im->data + e.e_shoff + e.e_shstrndx * sizeof(h), sizeof(h));
	for (unsigned i = 0; i < e.e_shnum; i++) {
		memcpy(&h, im->data + e.e_shoff + i * sizeof(h), sizeof(h));
		uint64_t at = (uint64_t)names.sh_offset + h.sh_name;
		if (at + strlen(name) >= im->bytes || memcmp(im->data + at, name, strlen(name) + 1))
			continue;
		if (h.sh_offset > im->bytes || h.sh_size > im->bytes - h.sh_offset)
			return NULL;
		*bytes = h.sh_size;
		return im->data + h.sh_offset;
	}
	return NULL;
}

static void print_before_and_after(const struct image *im, const struct site *s)
{
	uint32_t left;

	printf("%-8s", treatment_names[s->treatment]);
	print_insn(s->address, s->bytes, s->insn.length, "");
	if (s->treatment == TREAT_INLINE)
		print_stub(im, s->stub);
	else if (s->planted && image_at(im, s->address, &left))
		print_insn(s->address, image_at(im, s->address, &left), 1, "          ");
}

static int print_json(const char *path, json_t *object)
{
	if (!json_write(object, stdout) || ferror(stdout))
		return 0; /* main() reports an error of standard output */
	return fail(path, "cannot be shown as JSON");
}

/* What the file keeps of its rewriting. Returns NULL, or an error message. */
static const char *read_originals(struct image *im, struct rewrite *r)
{
	uint32_t bytes, stub_bytes = 0;
	const uint8_t *p = find_section(im, ".veneer.original", &bytes);
	struct original o;

	*r = (struct rewrite){ .image = im };
	if (!p)
		return "has lost its .veneer.original section (stripped?)";
	find_section(im, ".veneer.stubs", &stub_bytes);
	r->stub_bytes = stub_bytes;
	r->site = calloc(bytes / sizeof(o) + 1, sizeof(*r->site));
	if (!r->site)
		abort();
	for (; bytes >= sizeof(o); p += sizeof(o), bytes -= sizeof(o)) {
		struct site *s = &r->site[r->sites++];

		memcpy(&o, p, sizeof(o));
		if (o.treatment >= TREATMENTS || o.op >= INSN_OPS || o.length > sizeof(s->bytes))
			return "its .veneer.original section is broken";
		*s = (struct site){ .address = o.address,
				    .insn = { .op = o.op, .length = o.length },
				    .treatment = o.treatment,
				    .planted = o.planted,
				    .stub = o.stub };
		memcpy(s->bytes, o.bytes, o.length);
		r->refused += o.treatment == TREAT_REFUSED;
	}
	return NULL;
}

static int inspect_rewritten(struct image *im, bool json)
{
	struct rewrite r;
	const char *why = read_originals(im, &r);
	int err = why ? fail(im->path, why) : 0;

	decoder_init(false);
	if (!err && json)
		err = print_json(im->path, report_json(&r));
	for (unsigned i = 0; !err && !json && i < r.sites; i++)
		print_before_and_after(im, &r.site[i]);
	rewrite_free(&r);
	return err;
}

static void print_sites(const struct rewrite *r)
{
	for (unsigned i = 0; i < r->sites; i++) {
		const struct site *s = &r->site[i];

		printf("%-8s", treatment_names[s->treatment]);
		print_insn(s->address, s->bytes, s->insn.length, "");
		if (s->why)
			printf("          %s\n", s->why);
	}
	report_summary(r);
}

static int inspect_original(struct image *im, bool json)
{
	struct rewrite r;
	char why[200];
	int err = 0;

	if (rewrite_image(&r, im, NULL, 0, why, sizeof(why)))
		err = fail(im->path, why);
	else
		report_warning(&r, not_listed);
	if (!err && json)
		err = print_json(im->path, report_json(&r));
	else if (!err)
		print_sites(&r);
	rewrite_free(&r);
	return err;
}

int command_inspect(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool json = false;
	struct image im;
	char why[200];
	int c, err;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'j': json = true; break;
		case 'h': fputs(inspect_help, stdout); return 0;
		default: return option_usage("inspect", NULL);
		}
	}
	if (optind + 1 != argc)
		return option_usage("inspect", "want one kernel");
	if (!option_file("IN", argv[optind]))
		return 2;
	if (image_read(&im, argv[optind], why, sizeof(why)))
		err = fail(argv[optind], why);
	else
		err = im.rewritten ? inspect_rewritten(&im, json) : inspect_original(&im, json);
	image_free(&im);
	return err;
}
