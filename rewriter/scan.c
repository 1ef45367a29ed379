// SPDX-License-Identifier: GPL-2.0-or-later
#include "scan.h"

#include <stdlib.h>
#include <string.h>

#define SPAN_MAX       (64u << 20)
#define FUNCTION_ALIGN 16 /* alignment of functions by compilers; anything else may be data */

struct item {
	uint32_t address, from; /* from: the instruction that leads there, or 0 */
};

struct worklist {
	struct item *item;
	unsigned used, room;
};

static void push(struct worklist *w, uint32_t address, uint32_t from)
{
	if (w->used == w->room) {
		w->room = w->room ? w->room * 2 : 256;
		w->item = realloc(w->item, w->room * sizeof(*w->item));
		if (!w->item)
			abort();
	}
	w->item[w->used++] = (struct item){ address, from };
}

bool decode_at(const struct image *im, uint32_t address, struct decoded *d)
{
	uint32_t left;
	const uint8_t *code = image_at(im, address, &left);

	return code && decode(code, left < 15 ? left : 15, d);
}

bool branch_target(const struct decoded *d, uint32_t address, uint32_t *target)
{
	ZyanU64 absolute;

	if (d->zydis.meta.branch_type != ZYDIS_BRANCH_TYPE_SHORT &&
	    d->zydis.meta.branch_type != ZYDIS_BRANCH_TYPE_NEAR)
		return false;
	if (!d->zydis.operand_count || d->operand[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    d->zydis.mnemonic == ZYDIS_MNEMONIC_RET ||
	    !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&d->zydis, &d->operand[0], address, &absolute)))
		return false;
	*target = (uint32_t)absolute;
	return true;
}

bool ends_block(const struct decoded *d)
{
	switch (d->zydis.mnemonic) {
	case ZYDIS_MNEMONIC_JMP:
	case ZYDIS_MNEMONIC_RET:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_UD2: return true;
	default: return false;
	}
}

static void mark_target(struct code_map *m, uint32_t address)
{
	if (address - m->base < m->bytes)
		m->at[address - m->base] |= AT_TARGET | AT_FIXED;
}

static void count_branch(struct code_map *m, uint32_t address)
{
	uint32_t offset = address - m->base;

	if (offset >= m->bytes)
		return;
	m->at[offset] |= AT_TARGET;
	if (m->branches[offset] < 255)
		m->branches[offset]++;
}

/* Immediates that could be addresses of code: handlers, callbacks, jump tables. */
static void note_references(const struct code_map *m, const struct decoded *d, uint32_t address,
			    struct worklist *refs)
{
	for (unsigned i = 0; i < d->zydis.operand_count_visible; i++) {
		const ZydisDecodedOperand *o = &d->operand[i];
		uint32_t v;

		if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && !o->imm.is_relative)
			v = (uint32_t)o->imm.value.u;
		else
			continue;
		if (image_is_code(m->image, v) && !map_at(m, v))
			push(refs, v, address);
	}
}

static void note_misfit(struct code_map *m, struct item i)
{
	bool inside = m->at[i.address - m->base] & AT_INSIDE;
	unsigned n = m->conflicts + m->undecodable;

	if (n < MISFITS_LISTED)
		m->misfit[n] = (struct misfit){ i.address, i.from, inside };
	if (inside)
		m->conflicts++;
	else
		m->undecodable++;
}

/* Follows code from the work list. On a trial (guessed), stops at the first inconsistency. */
static bool follow(struct code_map *m, struct worklist *w, uint8_t mark, struct worklist *refs,
		   struct worklist *done)
{
	while (w->used) {
		struct item next = w->item[--w->used];
		uint32_t address = next.address;

		for (;;) {
			struct decoded d;
			uint32_t offset = address - m->base, target;

			if (!image_is_code(m->image, address) || (map_at(m, address) & AT_START))
				break;
			bool good =
				decode_at(m->image, address, &d) && !(m->at[offset] & AT_INSIDE);
			for (unsigned i = 1; good && i < d.zydis.length; i++)
				good = offset + i < m->bytes && !(m->at[offset + i] & AT_START);
			if (!good) {
				if (mark)
					return false;
				note_misfit(m, (struct item){ address, next.from });
				break;
			}
			m->at[offset] |= AT_START | mark;
			m->length[offset] = d.zydis.length;
			for (unsigned i = 1; i < d.zydis.length; i++)
				m->at[offset + i] |= AT_INSIDE;
			if (done)
				push(done, address, 0);
			note_references(m, &d, address, refs);
			next.from = address;
			if (branch_target(&d, address, &target)) {
				if (mark && !image_is_code(m->image, target))
					return false;
				if (d.zydis.mnemonic == ZYDIS_MNEMONIC_CALL)
					mark_target(m, target);
				else
					count_branch(m, target);
				push(w, target, address);
			}
			if (d.zydis.operand_count &&
			    d.operand[0].type ==
				    ZYDIS_OPERAND_TYPE_POINTER) { /* far, into a flat segment */
				mark_target(m, d.operand[0].ptr.offset);
				push(w, d.operand[0].ptr.offset, address);
			}
			address += d.zydis.length;
			if (ends_block(&d))
				break;
			if (d.zydis.mnemonic == ZYDIS_MNEMONIC_CALL ||
			    d.zydis.mnemonic == ZYDIS_MNEMONIC_INT)
				mark_target(m, address); /* a return comes here */
		}
	}
	return true;
}

static void unmark(struct code_map *m, const struct worklist *done)
{
	for (unsigned i = 0; i < done->used; i++) {
		uint32_t offset = done->item[i].address - m->base;

		m->at[offset] &= ~(AT_START | AT_GUESSED);
		for (unsigned n = 1; n < m->length[offset]; n++)
			m->at[offset + n] &= ~AT_INSIDE;
	}
}

static void try_references(struct code_map *m, struct worklist *refs)
{
	struct worklist w = { 0 }, more = { 0 }, done = { 0 };

	while (refs->used) {
		struct item next = refs->item[--refs->used];
		uint32_t address = next.address;

		mark_target(m, address);
		if ((address & (FUNCTION_ALIGN - 1)) ||
		    (map_at(m, address) & (AT_START | AT_INSIDE)))
			continue;
		w.used = done.used = more.used = 0;
		push(&w, address, next.from);
		if (!follow(m, &w, AT_GUESSED, &more, &done))
			unmark(m, &done);
		else
			for (unsigned i = 0; i < more.used; i++)
				push(refs, more.item[i].address, more.item[i].from);
	}
	free(w.item);
	free(more.item);
	free(done.item);
}

/* Data words that could be pointers to code count as branch targets, so that nothing is displaced
 * over them. */
static void mark_pointers(struct code_map *m)
{
	for (unsigned i = 0; i < m->image->segments; i++) {
		const struct segment *s = &m->image->segment[i];

		for (uint32_t at = 0; at + 4 <= s->filesz; at += 4) {
			uint32_t v;

			memcpy(&v, m->image->data + s->offset + at, 4);
			mark_target(m, v);
		}
	}
}

int scan(struct code_map *m, const struct image *im, const uint32_t *extra, unsigned extras)
{
	uint32_t lo = im->code[0].start, hi = im->code[0].end;
	struct worklist w = { 0 }, refs = { 0 };

	for (unsigned i = 1; i < im->code_ranges; i++) {
		lo = im->code[i].start < lo ? im->code[i].start : lo;
		hi = im->code[i].end > hi ? im->code[i].end : hi;
	}
	*m = (struct code_map){ .image = im, .base = lo, .bytes = hi - lo };
	if (m->bytes > SPAN_MAX)
		return -1;
	m->at = calloc(m->bytes, 1);
	m->length = calloc(m->bytes, 1);
	m->branches = calloc(m->bytes, 1);
	if (!m->at || !m->length || !m->branches)
		abort();
	for (unsigned i = 0; i < im->roots; i++) {
		mark_target(m, im->root[i]);
		push(&w, im->root[i], 0);
	}
	for (unsigned i = 0; i < extras; i++) {
		mark_target(m, extra[i]);
		push(&w, extra[i], 0);
	}
	follow(m, &w, 0, &refs, NULL);
	try_references(m, &refs);
	mark_pointers(m);
	free(w.item);
	free(refs.item);
	return 0;
}

void scan_free(struct code_map *m)
{
	free(m->at);
	free(m->length);
	free(m->branches);
}
