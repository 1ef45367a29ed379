// SPDX-License-Identifier: GPL-2.0-or-later
#include "stay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/gate.h"
#include "machine.h"
#include "qemu.h"
#include "symbols.h"

static int by_instructions(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return (x->instructions < y->instructions) - (x->instructions > y->instructions);
}

static int load_symbols(struct symbols *all)
{
	const char *path = library_path("veneer.elf"), *why = symbols_read(all, path, false);

	if (!why)
		return 0;
	fprintf(stderr, "veneer: %s: %s\n", path, why);
	return -1;
}

static struct symbol *symbol_at(const struct symbols *all, uint64_t at)
{
	struct symbol *s = symbols_at(all, at);

	return s ? s : all->symbol;
}

/* gate_..._iret in the gate's text: the IRETQs that lead to a guest. */
static bool is_guest_iret(const struct symbol *s)
{
	size_t n = strlen(s->name);

	return s->address >= GATE_BASE && s->address < GATE_IDT && n > 5 &&
	       !strncmp(s->name, "gate_", 5) && !strcmp(s->name + n - 5, "_iret");
}

int stay_plugin(const char *path, char *argument, size_t size)
{
	struct symbols all;
	size_t used;

	if (load_symbols(&all))
		return -1;
	used = qemu_plugin(argument, size, library_path("stay.so"), path);
	for (size_t i = 0; i < all.count && used < size; i++)
		if (is_guest_iret(&all.symbol[i]))
			used += (size_t)snprintf(argument + used, size - used, ",iret=0x%llx",
						 (unsigned long long)all.symbol[i].address);
	symbols_free(&all);
	if (used < size)
		return 0;
	fprintf(stderr, "veneer: %s: too long a name\n", path);
	return -1;
}

#define VECTORS_END (GATE_TEXT + 256 * 16)

static void name_begin(const struct symbols *all, uint64_t at, char name[STAY_NAME])
{
	const struct symbol *s = symbol_at(all, at);

	if (at >= GATE_TEXT && at < VECTORS_END)
		snprintf(name, STAY_NAME, "vector %u", (unsigned)(at - GATE_TEXT) / 16);
	else
		snprintf(name, STAY_NAME, "%.36s+%llu", s->name,
			 (unsigned long long)(at - s->address));
}

static void name_functions(struct symbols *all, struct stay *s)
{
	qsort(all->symbol, all->count, sizeof(*all->symbol), by_instructions);
	for (size_t i = 0; i < STAY_FUNCTIONS && i < all->count && all->symbol[i].instructions;
	     i++) {
		snprintf(s->in[i].name, STAY_NAME, "%.47s", all->symbol[i].name);
		s->in[i].instructions = all->symbol[i].instructions;
	}
}

int stay_read(const char *path, struct stay *s)
{
	FILE *f = fopen(path, "r");
	struct symbols all;
	unsigned long long at;
	unsigned long n;
	char line[80];
	bool whole = false;

	*s = (struct stay){ 0 };
	if (!f || load_symbols(&all)) {
		if (f)
			fclose(f);
		else
			fprintf(stderr, "veneer: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (fgets(line, sizeof(line), f)) {
		whole |= !strcmp(line, "end\n");
		if (sscanf(line, "stay %lu 0x%llx", &n, &at) == 2) {
			s->instructions = n;
			name_begin(&all, at, s->began);
		} else if (sscanf(line, "at 0x%llx %lu", &at, &n) == 2) {
			symbol_at(&all, at)->instructions += n;
		}
	}
	fclose(f);
	name_functions(&all, s);
	symbols_free(&all);
	if (!whole)
		fprintf(stderr,
			"veneer: --stay: the emulator ended without the plugin's counts, or "
			"had no room for them in %s\n",
			path);
	return whole ? 0 : -1;
}

void stay_print(const struct stay *s, FILE *to)
{
	if (!s->instructions) {
		fprintf(to, "longest stay: no guest was entered\n");
		return;
	}
	fprintf(to, "longest stay %lu instructions, began at %s, mostly in", s->instructions,
		s->began);
	for (unsigned i = 0; i < STAY_FUNCTIONS && *s->in[i].name; i++)
		fprintf(to, "%s %s %lu", i ? "," : "", s->in[i].name, s->in[i].instructions);
	fputc('\n', to);
}

json_t *stay_json(const struct stay *s)
{
	json_t *in = json_object();

	for (unsigned i = 0; i < STAY_FUNCTIONS && *s->in[i].name; i++)
		json_object_set_new(in, s->in[i].name,
				    json_integer((json_int_t)s->in[i].instructions));
	return json_pack("{s:I, s:s, s:o}", "instructions", (json_int_t)s->instructions, "began",
			 s->began, "in", in);
}
