// SPDX-License-Identifier: GPL-2.0-or-later
#include "image.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

#define FILE_MAX (256u << 20)

static int fail(char *why, size_t n, const char *text)
{
	snprintf(why, n, "%s", text);
	return -1;
}

uint8_t *image_at(const struct image *im, uint32_t address, uint32_t *left)
{
	for (unsigned i = 0; i < im->segments; i++) {
		const struct segment *s = &im->segment[i];

		if (address - s->vaddr >= s->filesz)
			continue;
		*left = s->filesz - (address - s->vaddr);
		return im->data + s->offset + (address - s->vaddr);
	}
	*left = 0;
	return NULL;
}

bool image_is_code(const struct image *im, uint32_t address)
{
	for (unsigned i = 0; i < im->code_ranges; i++)
		if (address >= im->code[i].start && address < im->code[i].end)
			return true;
	return false;
}

static void add_root(struct image *im, uint32_t address)
{
	if (!image_is_code(im, address))
		return;
	im->root = realloc(im->root, (im->roots + 1) * sizeof(*im->root));
	if (!im->root)
		abort();
	im->root[im->roots++] = address;
}

static void add_name(struct names *n, uint32_t start, uint32_t bytes, const char *text)
{
	if (!text || !*text)
		return;
	n->name = realloc(n->name, (n->count + 1) * sizeof(*n->name));
	char *copy = strdup(text);
	if (!n->name || !copy)
		abort();
	n->name[n->count++] = (struct name){ start, bytes, copy };
}

static void free_names(struct names *n)
{
	for (unsigned i = 0; i < n->count; i++)
		free(n->name[i].text);
	free(n->name);
}

/* The nearest that begins at or before an address and, if its size is known, holds it. */
static const struct name *name_of(const struct names *n, uint32_t address)
{
	const struct name *best = NULL;

	for (unsigned i = 0; i < n->count; i++) {
		const struct name *c = &n->name[i];

		if (address >= c->start && (!c->bytes || address - c->start < c->bytes) &&
		    (!best || c->start >= best->start))
			best = c;
	}
	return best;
}

const char *image_place_name(const struct image *im, uint32_t address, char text[PLACE_BYTES])
{
	const struct name *symbol = name_of(&im->symbols, address),
			  *section = name_of(&im->sections, address);
	char offset[16] = "";

	if (symbol && address != symbol->start)
		snprintf(offset, sizeof(offset), "+%#x", address - symbol->start);
	if (symbol && section)
		snprintf(text, PLACE_BYTES, "%#x (%.120s%s, %.40s)", address, symbol->text, offset,
			 section->text);
	else if (symbol || section)
		snprintf(text, PLACE_BYTES, "%#x (%.120s%s)", address,
			 symbol ? symbol->text : section->text, offset);
	else
		snprintf(text, PLACE_BYTES, "%#x", address);
	return text;
}

static void add_code(struct image *im, uint32_t start, uint32_t bytes)
{
	uint32_t left;

	if (!bytes || start + bytes < start || !image_at(im, start, &left))
		return;
	if (bytes > left)
		bytes = left;
	im->code = realloc(im->code, (im->code_ranges + 1) * sizeof(*im->code));
	if (!im->code)
		abort();
	im->code[im->code_ranges++] = (struct range){ start, start + bytes };
}

static int read_segments(struct image *im, Elf *elf, char *why, size_t n)
{
	size_t count;

	if (elf_getphdrnum(elf, &count) || !count)
		return fail(why, n, "no program headers");
	im->segment = calloc(count, sizeof(*im->segment));
	if (!im->segment)
		abort();
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p))
			return fail(why, n, "program headers outside the file");
		if (p.p_type == PT_NOTE && p.p_offset + p.p_filesz <= im->bytes &&
		    p.p_filesz >= 20 && !memcmp(im->data + p.p_offset + 12, "Veneer", 7))
			im->rewritten = true;
		if (p.p_type != PT_LOAD)
			continue;
		if (p.p_offset > im->bytes || p.p_filesz > im->bytes - p.p_offset)
			return fail(why, n,
				    "a segment reaches past the end of the file (truncated?)");
		if (p.p_filesz > p.p_memsz || p.p_vaddr + p.p_memsz > 0xffffffffull)
			return fail(why, n, "a segment does not fit into 32 bits of address");
		im->segment[im->segments++] =
			(struct segment){ (uint32_t)p.p_vaddr, (uint32_t)p.p_offset,
					  (uint32_t)p.p_filesz, (uint32_t)p.p_memsz, p.p_flags };
	}
	return im->segments ? 0 : fail(why, n, "no segment to load");
}

static void read_sections(struct image *im, Elf *elf)
{
	size_t names;
	bool named = !elf_getshdrstrndx(elf, &names);

	for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
		GElf_Shdr h;

		if (!gelf_getshdr(s, &h) || h.sh_type != SHT_PROGBITS || !(h.sh_flags & SHF_ALLOC))
			continue;
		if (h.sh_flags & SHF_EXECINSTR)
			add_code(im, (uint32_t)h.sh_addr, (uint32_t)h.sh_size);
		if (named && h.sh_size)
			add_name(&im->sections, (uint32_t)h.sh_addr, (uint32_t)h.sh_size,
				 elf_strptr(elf, names, h.sh_name));
	}
	if (im->code_ranges)
		return;
	for (unsigned i = 0; i < im->segments; i++)
		if (im->segment[i].flags & PF_X)
			add_code(im, im->segment[i].vaddr, im->segment[i].filesz);
}

static void read_symbols(struct image *im, Elf *elf)
{
	for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
		GElf_Shdr h;
		Elf_Data *d;

		if (!gelf_getshdr(s, &h) || h.sh_type != SHT_SYMTAB ||
		    !(d = elf_getdata(s, NULL)) || h.sh_entsize != sizeof(Elf32_Sym))
			continue;
		for (size_t i = 0; i < d->d_size / h.sh_entsize; i++) {
			GElf_Sym sym;

			if (!gelf_getsym(d, (int)i, &sym))
				break;
			unsigned type = GELF_ST_TYPE(sym.st_info);
			if (sym.st_shndx == SHN_UNDEF || sym.st_shndx >= SHN_LORESERVE ||
			    (type != STT_FUNC && type != STT_NOTYPE))
				continue;
			im->has_symbols = true;
			add_name(&im->symbols, (uint32_t)sym.st_value, (uint32_t)sym.st_size,
				 elf_strptr(elf, h.sh_link, sym.st_name));
			add_root(im, (uint32_t)sym.st_value);
		}
	}
}

static void find_multiboot(struct image *im)
{
	size_t end = im->bytes < 8192 ? im->bytes : 8192;

	for (size_t at = 0; at + 32 <= end; at += 4) {
		uint32_t h[8];

		memcpy(h, im->data + at, sizeof(h));
		if (h[0] != 0x1badb002 || h[0] + h[1] + h[2])
			continue;
		im->multiboot = true;
		if (h[1] & 0x10000) /* the header's own addresses are used */
			add_root(im, h[7]);
		return;
	}
}

static bool has_word(const struct image *im, size_t at, const void *bytes, size_t n)
{
	return at + n <= im->bytes && !memcmp(im->data + at, bytes, n);
}

/* Of a file that is no ELF file. */
static const char *what_else(const struct image *im)
{
	if (has_word(im, 0x202, "HdrS", 4))
		return "a bzImage, whose kernel is compressed: cannot be rewritten, but a 32-bit "
		       "one runs as it is";
	if (has_word(im, 0, "!<arch>\n", 8))
		return "an archive: link it into an executable first";
	if (has_word(im, 0, "\x1f\x8b", 2))
		return "compressed: want the file that gunzip makes of it";
	if (has_word(im, 0, "\x07\x01", 2) || has_word(im, 0, "\x08\x01", 2) ||
	    has_word(im, 0, "\x0b\x01", 2))
		return "an a.out file: want an ELF file, as objcopy -O elf32-i386 makes of it";
	return "not an ELF file";
}

int image_parse(struct image *im, uint8_t *data, size_t bytes, char *why, size_t n)
{
	GElf_Ehdr e;
	int err = -1;

	im->data = data;
	im->bytes = bytes;
	im->unchanged = malloc(bytes ? bytes : 1);
	if (!im->unchanged)
		return fail(why, n, "no memory");
	memcpy(im->unchanged, data, bytes);
	elf_version(EV_CURRENT);
	Elf *elf = elf_memory((char *)data, bytes);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &e))
		fail(why, n, what_else(im));
	else if (gelf_getclass(elf) != ELFCLASS32 || e.e_machine != EM_386 ||
		 e.e_ident[EI_DATA] != ELFDATA2LSB)
		fail(why, n, "not for 32-bit x86: this version rewrites ELF32 i386 only");
	else if (e.e_type != ET_EXEC)
		fail(why, n,
		     "not an executable (ET_EXEC): objects and shared libraries are not rewritten");
	else
		err = read_segments(im, elf, why, n);
	if (!err) {
		im->entry = (uint32_t)e.e_entry;
		read_sections(im, elf);
		add_root(im, im->entry);
		if (!im->roots)
			err = fail(why, n, "the entry point is not in executable code: run the original, "
					   "which is translated as it runs");
	}
	if (!err) {
		read_symbols(im, elf);
		find_multiboot(im);
	}
	if (elf)
		elf_end(elf);
	return err;
}

int image_read(struct image *im, const char *path, char *why, size_t n)
{
	const char *wrong;
	FILE *f = file_open(path, &wrong);
	long size;

	memset(im, 0, sizeof(*im));
	im->path = path;
	if (!f)
		return fail(why, n, wrong);
	if (fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0) {
		fclose(f);
		return fail(why, n, strerror(errno));
	}
	if ((unsigned long)size > FILE_MAX) {
		fclose(f);
		return fail(why, n, "larger than 256 MiB");
	}
	uint8_t *data = malloc((size_t)size + 1);
	rewind(f);
	size_t got = data ? fread(data, 1, (size_t)size, f) : 0;
	fclose(f);
	if (!data || got != (size_t)size) {
		free(data);
		return fail(why, n, "cannot be read");
	}
	return image_parse(im, data, got, why, n);
}

void image_free(struct image *im)
{
	free(im->data);
	free(im->unchanged);
	free(im->segment);
	free(im->code);
	free(im->root);
	free_names(&im->symbols);
	free_names(&im->sections);
}
