// SPDX-License-Identifier: GPL-2.0-or-later
#include "symbols.h"

#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

#define SYMBOLS_MAX (1u << 20)
#define NAME_BYTES  300
#define NESTED_MAX  64 /* symbols that begin behind the one that is looked for */

static void add(struct symbols *s, uint64_t address, uint64_t bytes, const char *name)
{
	struct symbol *more = s->symbol;
	char *own;

	if (s->count == SYMBOLS_MAX)
		return;
	if (!(s->count & (s->count - 1)))
		more = realloc(s->symbol, (s->count ? 2 * s->count : 1) * sizeof(*more));
	if (!more || !(own = strndup(name, NAME_BYTES))) {
		s->symbol = more ? more : s->symbol;
		return;
	}
	for (char *c = own; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '?';
	s->symbol = more;
	s->symbol[s->count++] = (struct symbol){ address, bytes, own, 0 };
}

static void read_section(struct symbols *s, Elf *elf, Elf_Scn *section, const GElf_Shdr *h)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t n = data && h->sh_entsize ? data->d_size / h->sh_entsize : 0;

	for (size_t i = 0; i < n; i++) {
		GElf_Sym symbol;
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF ||
		    symbol.st_shndx >= SHN_LORESERVE)
			continue;
		unsigned type = GELF_ST_TYPE(symbol.st_info);
		name = elf_strptr(elf, h->sh_link, symbol.st_name);
		if ((type == STT_FUNC || type == STT_NOTYPE) && name && *name)
			add(s, symbol.st_value, symbol.st_size, name);
	}
}

static void read_elf(struct symbols *s, int fd)
{
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	GElf_Shdr h;

	while (elf && !s->count && (section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &h) && h.sh_type == SHT_SYMTAB)
			read_section(s, elf, section, &h);
	elf_end(elf);
}

/* Lines as nm and the kernel's System.map have them: address, type, name. */
static void read_map(struct symbols *s, FILE *f)
{
	char line[512], name[256], type;
	uint64_t address;

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%" SCNx64 " %c %255s", &address, &type, name) == 3 &&
		    strchr("tTwW", type))
			add(s, address, 0, name);
}

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

const char *symbols_read(struct symbols *s, const char *path, bool maps)
{
	const char *why;
	FILE *f = file_open(path, &why);

	*s = (struct symbols){ 0 };
	if (!f)
		return why;
	read_elf(s, fileno(f));
	if (!s->count && maps) {
		rewind(f);
		read_map(s, f);
	}
	fclose(f);
	if (s->count)
		qsort(s->symbol, s->count, sizeof(*s->symbol), by_address);
	return s->count ? NULL : "no symbols: want an ELF file that has some, or a map";
}

void symbols_free(struct symbols *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->symbol[i].name);
	free(s->symbol);
	*s = (struct symbols){ 0 };
}

struct symbol *symbols_at(const struct symbols *s, uint64_t address)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s->symbol[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i && low - i < NESTED_MAX; i--) {
		struct symbol *at = &s->symbol[i - 1];

		if (!at->bytes || address - at->address < at->bytes)
			return at;
	}
	return NULL;
}
