// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The output file: the patched original, followed by the window's contents, a new program header
 * table (with two more entries), and a new section header table, so that readelf, objdump and gdb
 * see .veneer.stubs, .veneer.sites, .veneer.original and the note.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/veneer.h"
#include "file.h"
#include "rewrite.h"
#include "temporary.h"

struct buffer {
	uint8_t *data;
	size_t used, room;
};

static size_t append(struct buffer *b, const void *data, size_t n)
{
	size_t at = b->used;

	while (b->used + n > b->room) {
		b->room = b->room ? b->room * 2 : 65536;
		b->data = realloc(b->data, b->room);
		if (!b->data)
			abort();
	}
	if (n)
		memcpy(b->data + at, data, n);
	b->used += n;
	return at;
}

static size_t align(struct buffer *b, size_t to)
{
	static const uint8_t zero[4096];

	append(b, zero, (to - b->used % to) % to);
	return b->used;
}

struct layout {
	uint32_t stubs, stubs_bytes, sites, sites_bytes, irets, irets_bytes; /* window addresses */
	uint32_t originals, original_count;
	size_t window_offset, note_offset, note_bytes, original_offset, original_bytes;
};

/* The original bytes of each changed range of a segment. */
static void append_changes(struct buffer *b, const struct image *im, const struct segment *s,
			   struct layout *l)
{
	const uint8_t *was = im->unchanged + s->offset, *is = im->data + s->offset;

	for (uint32_t at = 0; at < s->filesz;) {
		struct veneer_original o = { .address = s->vaddr + at };

		while (at < s->filesz && o.length < sizeof(o.bytes) && was[at] != is[at])
			o.bytes[o.length++] = was[at++];
		if (o.length) {
			append(b, &o, sizeof(o));
			l->original_count++;
		} else {
			at++;
		}
	}
}

static void append_window(struct buffer *b, const struct rewrite *r, struct layout *l)
{
	uint32_t base = r->window + VENEER_WINDOW_STUBS;

	l->window_offset = align(b, 4096);
	l->stubs = base;
	l->stubs_bytes = r->stub_bytes;
	append(b, r->stub, r->stub_bytes);
	align(b, 16);
	l->sites = base + (uint32_t)(b->used - l->window_offset);
	l->sites_bytes = r->table_used * sizeof(*r->table);
	append(b, r->table, l->sites_bytes);
	align(b, 16);
	l->irets = base + (uint32_t)(b->used - l->window_offset);
	l->irets_bytes = r->irets * sizeof(*r->iret);
	append(b, r->iret, l->irets_bytes);
	align(b, 16);
	l->originals = base + (uint32_t)(b->used - l->window_offset);
	l->original_count = 0;
	for (unsigned i = 0; i < r->image->segments; i++)
		append_changes(b, r->image, &r->image->segment[i], l);
	align(b, 4096);
}

static void append_note(struct buffer *b, const struct rewrite *r, struct layout *l)
{
	uint32_t window_end = (uint32_t)(b->used - l->window_offset) + VENEER_WINDOW_STUBS;
	struct veneer_rewrite_note note = {
		.version = VENEER_REWRITE_VERSION,
		.window = r->window,
		.window_bytes = window_end,
		.stubs = l->stubs,
		.stubs_bytes = l->stubs_bytes,
		.sites = l->sites,
		.site_count = r->table_used,
		.windows = l->irets,
		.window_count = r->irets,
		.originals = l->originals,
		.original_count = l->original_count,
	};
	uint32_t head[3] = { sizeof(VENEER_NOTE_NAME), sizeof(note), VENEER_NOTE_REWRITE };

	l->note_offset = append(b, head, sizeof(head));
	append(b, VENEER_NOTE_NAME "\0\0", 8);
	append(b, &note, sizeof(note));
	l->note_bytes = b->used - l->note_offset;
}

/* For `veneer inspect`: address, treatment, stub, length and original bytes of each site. */
static void append_original(struct buffer *b, const struct rewrite *r, struct layout *l)
{
	l->original_offset = align(b, 4);
	for (unsigned i = 0; i < r->sites; i++) {
		const struct site *s = &r->site[i];
		uint8_t tail[4] = { (uint8_t)s->treatment, s->planted, s->insn.length, s->insn.op };

		append(b, &s->address, 4);
		append(b, &s->stub, 4);
		append(b, tail, 4);
		append(b, s->bytes, 15);
		append(b, "", 1);
	}
	l->original_bytes = b->used - l->original_offset;
}

static void append_phdrs(struct buffer *b, const struct layout *l)
{
	Elf32_Ehdr e;
	uint32_t window_bytes = (uint32_t)(l->note_offset - l->window_offset);

	memcpy(&e, b->data, sizeof(e));
	uint32_t old = e.e_phoff, count = e.e_phnum;
	e.e_phoff = (uint32_t)align(b, 4);
	e.e_phnum = (uint16_t)(count + 2);
	for (uint32_t i = 0; i < count; i++) {
		Elf32_Phdr p;

		memcpy(&p, b->data + old + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_PHDR)
			p.p_type = PT_NULL; /* it has moved out of the loaded part */
		append(b, &p, sizeof(p));
	}
	Elf32_Phdr window = { PT_LOAD,	    (uint32_t)l->window_offset,
			      l->stubs,	    l->stubs,
			      window_bytes, window_bytes,
			      PF_R | PF_X,  4096 };
	Elf32_Phdr note = { PT_NOTE,
			    (uint32_t)l->note_offset,
			    0,
			    0,
			    (uint32_t)l->note_bytes,
			    (uint32_t)l->note_bytes,
			    PF_R,
			    4 };
	append(b, &window, sizeof(window));
	append(b, &note, sizeof(note));
	memcpy(b->data, &e, sizeof(e));
}

struct section_name {
	const char *name;
	Elf32_Shdr header;
};

/* The old section headers, if any, followed by ours, with a new name table. */
static void append_shdrs(struct buffer *b, const struct layout *l)
{
	struct section_name ours[] = {
		{ ".veneer.stubs",
		  { .sh_type = SHT_PROGBITS,
		    .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
		    .sh_addr = l->stubs,
		    .sh_offset = (uint32_t)l->window_offset,
		    .sh_size = l->stubs_bytes,
		    .sh_addralign = 16 } },
		{ ".veneer.sites",
		  { .sh_type = SHT_PROGBITS,
		    .sh_flags = SHF_ALLOC,
		    .sh_addr = l->sites,
		    .sh_offset = (uint32_t)(l->window_offset + l->sites - l->stubs),
		    .sh_size = l->sites_bytes,
		    .sh_addralign = 4 } },
		{ ".veneer.irets",
		  { .sh_type = SHT_PROGBITS,
		    .sh_flags = SHF_ALLOC,
		    .sh_addr = l->irets,
		    .sh_offset = (uint32_t)(l->window_offset + l->irets - l->stubs),
		    .sh_size = l->irets_bytes,
		    .sh_addralign = 4 } },
		{ ".note.veneer",
		  { .sh_type = SHT_NOTE,
		    .sh_offset = (uint32_t)l->note_offset,
		    .sh_size = (uint32_t)l->note_bytes,
		    .sh_addralign = 4 } },
		{ ".veneer.original",
		  { .sh_type = SHT_PROGBITS,
		    .sh_offset = (uint32_t)l->original_offset,
		    .sh_size = (uint32_t)l->original_bytes,
		    .sh_addralign = 4 } },
	};
	struct buffer names = { 0 }, headers = { 0 };
	Elf32_Ehdr e;
	Elf32_Shdr h = { 0 };

	memcpy(&e, b->data, sizeof(e));
	bool usable = e.e_shnum && e.e_shentsize == sizeof(h) &&
		      e.e_shoff + (uint64_t)e.e_shnum * sizeof(h) <= b->used &&
		      e.e_shstrndx < e.e_shnum;
	append(&names, "", 1);
	unsigned count = usable ? e.e_shnum : 1;
	for (unsigned i = 0; i < count; i++) {
		Elf32_Shdr strings = { 0 };

		if (usable) {
			memcpy(&h, b->data + e.e_shoff + i * sizeof(h), sizeof(h));
			memcpy(&strings, b->data + e.e_shoff + e.e_shstrndx * sizeof(h), sizeof(h));
		}
		uint64_t at = (uint64_t)strings.sh_offset + h.sh_name;
		const char *name = i && at < b->used ? (const char *)b->data + at : "";
		h.sh_name = (uint32_t)append(&names, name, strnlen(name, b->used - (i ? at : 0)));
		append(&names, "", 1);
		append(&headers, &h, sizeof(h));
	}
	for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		ours[i].header.sh_name =
			(uint32_t)append(&names, ours[i].name, strlen(ours[i].name) + 1);
		append(&headers, &ours[i].header, sizeof(h));
		count++;
	}
	uint32_t name = (uint32_t)append(&names, ".veneer.names", 14);
	Elf32_Shdr strtab = { .sh_name = name,
			      .sh_type = SHT_STRTAB,
			      .sh_size = (uint32_t)names.used,
			      .sh_addralign = 1 };
	strtab.sh_offset = (uint32_t)append(b, names.data, names.used);
	append(&headers, &strtab, sizeof(h));
	e.e_shoff = (uint32_t)align(b, 4);
	e.e_shentsize = sizeof(h);
	e.e_shnum = (uint16_t)(count + 1);
	e.e_shstrndx = (uint16_t)count;
	append(b, headers.data, headers.used);
	memcpy(b->data, &e, sizeof(e));
	free(names.data);
	free(headers.data);
}

static int put_file(const struct buffer *b, const char *path, char *why, size_t n)
{
	const char *temporary = temporary_file_beside(path);
	int fd = temporary ? open(temporary, O_WRONLY) : -1;

	if (fd < 0) {
		snprintf(why, n, "cannot be written: %s", strerror(errno));
		temporary_remove(temporary);
		return -1;
	}
	size_t done = 0;
	while (done < b->used) {
		ssize_t w = write(fd, b->data + done, b->used - done);

		if (w <= 0)
			break;
		done += (size_t)w;
	}
	const char *wrong = NULL;
	if (done < b->used || fchmod(fd, 0644) || fsync(fd) || close(fd))
		wrong = strerror(errno);
	else
		wrong = file_replace(temporary, path);
	temporary_remove(temporary);
	if (wrong)
		snprintf(why, n, "cannot be written: %s", wrong);
	return wrong ? -1 : 0;
}

int output_write(struct rewrite *r, const char *path, char *why, size_t n)
{
	struct buffer b = { 0 };
	struct layout l;

	append(&b, r->image->data, r->image->bytes);
	append_window(&b, r, &l);
	append_note(&b, r, &l);
	append_original(&b, r, &l);
	append_phdrs(&b, &l);
	append_shdrs(&b, &l);
	int err = put_file(&b, path, why, n);
	free(b.data);
	return err;
}
