// SPDX-License-Identifier: GPL-2.0-or-later
#include "stay.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/gate.h"
#include "machine.h"
#include "qemu.h"

struct symbol {
	uint64_t at;
	char name[STAY_NAME];
	unsigned long instructions;
};

struct symbols {
	struct symbol *symbol; /* by address; behind the last one, the end of all */
	size_t count;
};

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static int by_instructions(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return (x->instructions < y->instructions) - (x->instructions > y->instructions);
}

/* Functions, and the labels of assembly, which have no type. */
static bool is_code(const GElf_Sym *s)
{
	unsigned type = GELF_ST_TYPE(s->st_info);

	return (type == STT_FUNC || type == STT_NOTYPE) && s->st_shndx != SHN_UNDEF &&
	       s->st_shndx != SHN_ABS && s->st_value >= GATE_BASE;
}

static void take_table(struct symbols *all, Elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t n = data && header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

	all->symbol = calloc(n + 1, sizeof(*all->symbol));
	for (size_t i = 0; all->symbol && i < n; i++) {
		GElf_Sym s;

		if (!gelf_getsym(data, (int)i, &s) || !is_code(&s))
			continue;
		const char *name = elf_strptr(elf, header->sh_link, s.st_name);
		struct symbol *to = &all->symbol[all->count++];
		to->at = s.st_value;
		snprintf(to->name, sizeof(to->name), "%s", name ? name : "");
	}
}

static int load_symbols(struct symbols *all)
{
	const char *path = library_path("veneer.elf");
	int fd = open(path, O_RDONLY);

	*all = (struct symbols){ 0 };
	elf_version(EV_CURRENT);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	while (elf && !all->symbol && (section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
			take_table(all, elf, section, &header);
	elf_end(elf);
	if (fd >= 0)
		close(fd);
	if (!all->symbol || !all->count) {
		fprintf(stderr, "veneer: %s: no symbols\n", path);
		free(all->symbol);
		return -1;
	}
	qsort(all->symbol, all->count, sizeof(*all->symbol), by_address);
	all->symbol[all->count].at = UINT64_MAX;
	return 0;
}

static int address_in_symbol(const void *address, const void *symbol)
{
	const uint64_t *at = address;
	const struct symbol *s = symbol;

	return *at < s[0].at ? -1 : *at >= s[1].at;
}

static struct symbol *symbol_at(const struct symbols *all, uint64_t at)
{
	struct symbol *s = bsearch(&at, all->symbol, all->count, sizeof(*s), address_in_symbol);

	return s ? s : all->symbol;
}

/* gate_..._iret in the gate's text: the IRETQs that lead to a guest. */
static bool is_guest_iret(const struct symbol *s)
{
	size_t n = strlen(s->name);

	return s->at < GATE_IDT && n > 5 && !strncmp(s->name, "gate_", 5) &&
	       !strcmp(s->name + n - 5, "_iret");
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
						 (unsigned long long)all.symbol[i].at);
	free(all.symbol);
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
		snprintf(name, STAY_NAME, "%.36s+%llu", s->name, (unsigned long long)(at - s->at));
}

static void name_functions(struct symbols *all, struct stay *s)
{
	qsort(all->symbol, all->count, sizeof(*all->symbol), by_instructions);
	for (size_t i = 0; i < STAY_FUNCTIONS && i < all->count && all->symbol[i].instructions;
	     i++) {
		memcpy(s->in[i].name, all->symbol[i].name, STAY_NAME);
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
	free(all.symbol);
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
