// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A rewritten guest in ring 1 as it was before: its memory with the original bytes, and an address
 * in a stub as that of the instruction which the stub stands for.
 *
 * The image's note has the bytes. Its section .veneer.original, which is not loaded, has each
 * sensitive instruction and where its replacement begins, both ascending (rewriter/output.c).
 * Without it, as the file was stripped, addresses in stubs are shown as they are.
 */
#include "debug/gdb/stub.h"

#include "lib/search.h"
#include "lib/string.h"

#define JUMP	   0xe9
#define JUMP_BYTES 5
#define GROUP	   15 /* bytes in front of a site that were moved with it, at most */

/* --- the tables --- */

/* ELF 1.2, figure 1-9 */
struct section {
	uint32_t name, type, flags, addr, offset, size, link, info, align, entry_bytes;
};

static bool read_section(const struct file *f, unsigned i, struct section *s)
{
	uint32_t table;

	memcpy(&table, f->data + 32, sizeof(table));
	uint64_t at = table + i * (uint64_t)sizeof(*s);
	if (at > f->bytes || sizeof(*s) > f->bytes - at)
		return false;
	memcpy(s, f->data + at, sizeof(*s));
	return s->offset <= f->bytes && s->size <= f->bytes - s->offset;
}

static bool is_named(const struct file *f, const struct section *names, const struct section *s)
{
	static const char name[] = ".veneer.original";

	return s->name <= names->size && sizeof(name) <= names->size - s->name &&
	       !memcmp(f->data + names->offset + s->name, name, sizeof(name));
}

static bool ascends(const struct site *site, unsigned n)
{
	uint32_t address = 0, stub = 0;

	for (; n; n--, site++) {
		if (site->address < address || (site->stub && site->stub < stub))
			return false;
		address = site->address;
		stub = site->stub ? site->stub : stub;
	}
	return true;
}

static void find_sites(struct gdb *s)
{
	const struct file *f = &s->guest->image.file;
	struct section names, section;
	uint16_t count, of_names;

	memcpy(&count, f->data + 48, sizeof(count));
	memcpy(&of_names, f->data + 50, sizeof(of_names));
	if (!read_section(f, of_names, &names))
		return;
	for (unsigned i = 0; i < count; i++) {
		if (!read_section(f, i, &section) || !is_named(f, &names, &section))
			continue;
		const void *site = f->data + section.offset;
		unsigned n = section.size / sizeof(*s->site);
		if (ascends(site, n)) {
			s->site = site;
			s->sites = n;
		}
	}
}

static void find_originals(struct gdb *s)
{
	const struct veneer_rewrite_note *n = &s->guest->image.rewrite;
	const struct patch_window *w = &s->guest->memory.window;
	const struct veneer_original *o =
		(const void *)((const char *)direct(w->stubs) +
			       (n->originals - n->window - VENEER_WINDOW_STUBS));

	for (unsigned i = 1; i < n->original_count; i++)
		if (o[i].address < o[i - 1].address)
			return;
	s->original = o;
	s->originals = n->original_count;
}

void gdb_find_rewritten(struct gdb *s)
{
	if (!s->guest->sites)
		return;
	find_sites(s);
	find_originals(s);
}

/* --- memory --- */

void gdb_show_originals(const struct gdb *s, uint64_t at, uint8_t *bytes, unsigned n)
{
	unsigned first = 0, left = s->originals;

	while (left) { /* the first that ends behind at */
		const struct veneer_original *o = &s->original[first + left / 2];
		if (o->address + o->length <= at) {
			first += left / 2 + 1;
			left -= left / 2 + 1;
		} else {
			left /= 2;
		}
	}
	for (; first < s->originals && s->original[first].address < at + n; first++) {
		const struct veneer_original *o = &s->original[first];
		for (unsigned i = 0; i < o->length && i < sizeof(o->bytes); i++)
			if (o->address + i - at < n)
				bytes[o->address + i - at] = o->bytes[i];
	}
}

/* --- addresses --- */

bool gdb_in_stub(const struct gdb *s, uint64_t at)
{
	const struct veneer_rewrite_note *n = &s->guest->image.rewrite;

	return s->sites && at - n->stubs < n->stubs_bytes;
}

/* Of the file, as the rewriter has left it. */
static const uint8_t *code_at(const struct gdb *s, uint32_t address, unsigned bytes)
{
	const struct elf_image *e = &s->guest->image.elf;

	for (unsigned i = 0; i < e->segments; i++) {
		const struct elf_segment *p = &e->segment[i];
		uint64_t offset = address - p->vaddr;

		if (p->type == PT_LOAD && address >= p->vaddr && offset <= p->filesz &&
		    bytes <= p->filesz - offset)
			return e->data + p->offset + offset;
	}
	return NULL;
}

/* Where the jump at an address leads, if that is a stub; else 0. */
static uint32_t jump_to_stub(const struct gdb *s, uint32_t address)
{
	const uint8_t *code = code_at(s, address, JUMP_BYTES);
	uint32_t distance;

	if (!code || *code != JUMP)
		return 0;
	memcpy(&distance, code + 1, sizeof(distance));
	uint32_t to = address + JUMP_BYTES + distance;
	return gdb_in_stub(s, to) ? to : 0;
}

/* A stub may begin with instructions that were moved since the jump took their place. If rip is
 * among those in front of this site: where the first of them was; else 0. */
static uint32_t moved_before(const struct gdb *s, const struct site *site, uint64_t rip,
			     uint32_t last_stub)
{
	for (uint32_t n = 1; n <= GROUP; n++) {
		uint32_t to = jump_to_stub(s, site->address - n);

		if (to > last_stub && to <= site->stub)
			return to <= rip ? site->address - n : 0;
	}
	return 0;
}

/* How many sites there are up to the last one whose stub is not behind rip. Sites that trap have
 * none. */
static unsigned sites_up_to(const struct gdb *s, uint64_t rip)
{
	unsigned low = 0, high = s->sites;

	while (low < high) {
		unsigned middle = low + (high - low) / 2, i = middle;

		while (i < high && !s->site[i].stub)
			i++;
		if (i < high && s->site[i].stub <= rip)
			low = i + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t gdb_shown(const struct gdb *s, uint64_t rip)
{
	if (!s->site || !gdb_in_stub(s, rip))
		return rip;
	unsigned n = sites_up_to(s, rip), next = n;
	while (next < s->sites && !s->site[next].stub)
		next++;
	const struct site *last = n ? &s->site[n - 1] : NULL;
	uint32_t moved =
		next == s->sites ? 0 : moved_before(s, &s->site[next], rip, last ? last->stub : 0);
	return moved ? moved : last ? last->address : rip;
}

/* The site's own code is in its stub; 0: the address cannot have a breakpoint, since it is within a
 * jump. */
uint64_t gdb_place_of(const struct gdb *s, uint64_t at)
{
	const struct site *site = search_ranges(s->site, s->sites, sizeof(*site), 0, at);

	if (site && site->stub)
		return site->stub;
	for (uint32_t n = 1; s->sites && n < JUMP_BYTES; n++)
		if (jump_to_stub(s, (uint32_t)at - n))
			return 0;
	return at;
}
