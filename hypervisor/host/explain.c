// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "machine.h"

#define FAR 0x10000 /* from a symbol without a size: no longer in it */

static int complain(const char *arg, const char *why)
{
	fprintf(stderr, "veneer: --symbols %s: %s\n", arg, why);
	return -1;
}

static struct explain_guest *find(struct explain *e, const char *name, size_t bytes)
{
	for (unsigned i = 0; i < e->guests; i++)
		if (strlen(e->guest[i].name) == bytes && !memcmp(e->guest[i].name, name, bytes))
			return &e->guest[i];
	return NULL;
}

int explain_add(struct explain *e, const char *arg)
{
	const char *equals = strchr(arg, '=');
	size_t bytes = equals ? (size_t)(equals - arg) : 0;
	struct explain_guest *g = &e->guest[e->guests];

	if (!bytes || bytes >= sizeof(g->name) || !equals[1])
		return complain(arg, "want the name of a guest, = and a file");
	if (find(e, arg, bytes) || e->guests == GUESTS_MAX)
		return complain(arg, "the guest has another file already");
	memcpy(g->name, arg, bytes);
	g->file = equals + 1;
	e->guests++;
	return 0;
}

static bool has_guest(const struct config *c, const char *name)
{
	bool has = false;

	for (unsigned i = 0; i < c->guests; i++)
		has |= !strcmp(c->guest[i].name, name);
	return has;
}

static int read_options(struct explain *e, const struct config *c)
{
	for (unsigned i = 0; i < e->guests; i++) {
		struct explain_guest *g = &e->guest[i];
		const char *why = has_guest(c, g->name) ? symbols_read(&g->symbols, g->file, true)
							: "the configuration has no such guest";

		if (why)
			return complain(has_guest(c, g->name) ? g->file : g->name, why);
	}
	return 0;
}

int explain_read(struct explain *e, const struct config *c, const char *directory)
{
	char path[4096];

	if (read_options(e, c))
		return -1;
	for (unsigned i = 0; i < c->guests && e->guests < GUESTS_MAX; i++) {
		const struct guest_config *from = &c->guest[i];

		if (find(e, from->name, strlen(from->name)))
			continue;
		struct explain_guest *g = &e->guest[e->guests++];
		memcpy(g->name, from->name, sizeof(g->name));
		snprintf(path, sizeof(path), "%s%s%s", *from->image == '/' ? "" : directory,
			 *from->image == '/' ? "" : "/", from->image);
		g->image = strdup(path);
	}
	return 0;
}

/* SDM 3A, table 6-1 */
static const char *const exceptions[32] = {
	"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", NULL,  "#TS",
	"#NP", "#SS", "#GP", "#PF", NULL,  "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
};

/* "vector 0xd is #GP", or nothing. */
static void name_vector(const char *line, char *to, size_t bytes)
{
	const char *at = strstr(line, " vector 0x");
	unsigned vector;

	*to = 0;
	if (at && sscanf(at, " vector 0x%x", &vector) == 1 && vector < 32 && exceptions[vector])
		snprintf(to, bytes, "vector 0x%x is %s", vector, exceptions[vector]);
}

/* What a line of the hypervisor says of a place in that guest's kernel, or NULL. */
static const char *find_place(const char *said)
{
	static const char unknown[] = "unknown to engine ";
	const char *rip = said;

	if (!strncmp(said, unknown, sizeof(unknown) - 1))
		rip = strstr(said, ": rip ") ? strstr(said, ": rip ") + 2 : said;
	return strncmp(rip, "rip ", 4) || strstr(rip, " cpl 3 ") ? NULL : rip;
}

/* Of an image only when they are wanted. */
static const struct symbol *find_symbol(struct explain_guest *g, uint64_t address)
{
	if (g->image)
		symbols_read(&g->symbols, g->image, false);
	free(g->image);
	g->image = NULL;
	const struct symbol *s = symbols_at(&g->symbols, address);
	return s && address - s->address < FAR ? s : NULL;
}

void explain_line(struct explain *e, struct output *o, const char *line)
{
	const char *said = hypervisor_says(line), *colon = said ? strstr(said, ": ") : NULL;
	const char *rip = colon ? find_place(colon + 2) : NULL;
	struct explain_guest *g = rip ? find(e, said, (size_t)(colon - said)) : NULL;
	char text[512], place[400] = "", vector[40];
	unsigned selector;
	uint64_t address;

	if (!g || sscanf(rip, "rip %x:%" SCNx64, &selector, &address) != 2)
		return;
	const struct symbol *s = find_symbol(g, address);
	if (s)
		snprintf(place, sizeof(place), "rip is %.300s+0x%" PRIx64, s->name,
			 address - s->address);
	name_vector(rip, vector, sizeof(vector));
	if (!*place && !*vector)
		return;
	snprintf(text, sizeof(text), "veneer: %s: %s%s%s", g->name, place,
		 *place && *vector ? ", " : "", vector);
	output_line(o, text);
}

bool explain_reads(const struct explain *e, const char *path)
{
	bool same = false;

	for (unsigned i = 0; i < e->guests && !same; i++)
		same = e->guest[i].file && file_is_same(path, e->guest[i].file);
	return same;
}
