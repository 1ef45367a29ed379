// SPDX-License-Identifier: GPL-2.0-or-later
#include "rewrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/veneer.h"
#include "lib/search.h"

#define WINDOW_ADDRESS 0xff000000u
#define JUMP_BYTES     5
#define HOP_BYTES      2
#define GROUP_MAX      8

/* A group of instructions that moves into one stub. */
struct group {
	uint32_t start, bytes; /* bytes of instructions moved */
	uint32_t room;	       /* bytes at start that may be overwritten, padding included */
	unsigned count;
	struct decoded insn[GROUP_MAX];
	uint32_t address[GROUP_MAX];
	bool ends; /* the last one does not fall through */
};

static void *grow(void *p, unsigned used, unsigned *room, size_t size)
{
	if (used < *room)
		return p;
	*room = *room ? *room * 2 : 64;
	p = realloc(p, *room * size);
	if (!p)
		abort();
	return p;
}

/* --- writing a stub --- */

static uint32_t stub_address(const struct rewrite *r)
{
	return r->window + VENEER_WINDOW_STUBS + r->stub_bytes;
}

static void emit(struct rewrite *r, const void *bytes, unsigned n)
{
	while (r->stub_bytes + n > r->stub_room)
		r->stub = grow(r->stub, r->stub_room, &r->stub_room, 1);
	memcpy(r->stub + r->stub_bytes, bytes, n);
	r->stub_bytes += n;
}

#define EMIT(r, ...)                                      \
	do {                                              \
		const uint8_t bytes_[] = { __VA_ARGS__ }; \
		emit(r, bytes_, sizeof(bytes_));          \
	} while (0)

static void emit32(struct rewrite *r, uint32_t v)
{
	emit(r, &v, 4);
}

static uint32_t mask_at(const struct rewrite *r)
{
	return r->window + VENEER_WINDOW_MASK + VENEER_VP_IRQ_MASK;
}

/* movl $masked, mask */
static void emit_mask(struct rewrite *r)
{
	EMIT(r, 0xc7, 0x05);
	emit32(r, mask_at(r));
	emit32(r, VENEER_IRQ_MASKED);
}

/* movl $0, the other mapping of mask: ten bytes, which the hypervisor skips when it traps */
static void emit_unmask(struct rewrite *r)
{
	EMIT(r, 0xc7, 0x05);
	emit32(r, r->window + VENEER_WINDOW_UNMASK + VENEER_VP_IRQ_MASK);
	emit32(r, 0);
}

static void emit_jump(struct rewrite *r, uint32_t to)
{
	uint32_t next = stub_address(r) + JUMP_BYTES;

	EMIT(r, 0xe9);
	emit32(r, to - next);
}

/* The real IF is always 1 in ring 1, so one XOR with the mask gives the virtual flags. */
static void emit_pushf(struct rewrite *r, bool flags_dead)
{
	if (flags_dead) {
		EMIT(r, 0x9c, 0x50, 0xa1); /* pushfl; push %eax; mov mask, %eax */
		emit32(r, mask_at(r));
		EMIT(r, 0x31, 0x44, 0x24, 0x04, 0x58); /* xor %eax, 4(%esp); pop %eax */
	} else {
		EMIT(r, 0x9c, 0x9c, 0x50, 0xa1); /* once more, to have them back */
		emit32(r, mask_at(r));
		EMIT(r, 0x31, 0x44, 0x24, 0x08, 0x58, 0x9d); /* xor %eax, 8(%esp); pop; popfl */
	}
}

/* pushf; pop reg, with the flags dead behind it */
static void emit_pushf_pop(struct rewrite *r, unsigned reg)
{
	EMIT(r, 0x9c, (uint8_t)(0x58 + reg), 0x33, (uint8_t)(0x05 | reg << 3)); /* xor mask, reg */
	emit32(r, mask_at(r));
}

static void emit_popf(struct rewrite *r)
{
	EMIT(r, 0xf6, 0x44, 0x24, 0x01, 0x02); /* testb $IF >> 8, 1(%esp) */
	EMIT(r, 0x74, 12);		       /* jz: masked */
	emit_unmask(r);
	EMIT(r, 0xeb, 10); /* jmp to the popf */
	emit_mask(r);
	EMIT(r, 0x9d);
}

static void emit_iret(struct rewrite *r)
{
	EMIT(r, 0xf6, 0x44, 0x24, 0x04, 0x02); /* testb $2, 4(%esp): to ring 3? */
	EMIT(r, 0x75, 34);
	EMIT(r, 0x80, 0x4c, 0x24, 0x04, 0x01); /* orb $1, 4(%esp): ring 0 is ring 1 here */
	EMIT(r, 0xf6, 0x44, 0x24, 0x09, 0x02); /* testb $IF >> 8, 9(%esp) */
	EMIT(r, 0x74, 11);
	r->iret = grow(r->iret, r->irets, &r->iret_room, sizeof(*r->iret));
	uint32_t start = stub_address(r);
	emit_unmask(r);
	r->iret[r->irets++] = (struct veneer_iret_window){ start, stub_address(r) };
	EMIT(r, 0xcf);
	emit_mask(r);
	EMIT(r, 0xcf);
	EMIT(r, 0xcf); /* to ring 3 */
}

/* A call whose return address is the original one. */
static void emit_call(struct rewrite *r, uint32_t to, uint32_t back)
{
	EMIT(r, 0x68); /* push */
	emit32(r, back);
	emit_jump(r, to);
}

/* A relative branch, with 32 bits to its target. */
static void emit_branch(struct rewrite *r, const struct decoded *d, uint32_t target)
{
	if (d->zydis.mnemonic == ZYDIS_MNEMONIC_JMP) {
		emit_jump(r, target);
		return;
	}
	uint8_t condition = d->zydis.opcode & 0x0f;
	EMIT(r, 0x0f, (uint8_t)(0x80 | condition));
	emit32(r, target - (stub_address(r) + 4));
}

static void add_table(struct rewrite *r, uint32_t address, const struct insn *i)
{
	r->table = grow(r->table, r->table_used, &r->table_room, sizeof(*r->table));
	r->table[r->table_used++] = (struct veneer_site){ address, *i };
}

/* --- what may be moved --- */

static bool inline_op(const struct insn *i)
{
	switch (i->op) {
	case INSN_CLI:
	case INSN_STI: return true;
	case INSN_PUSHF:
	case INSN_POPF:
	case INSN_IRET: return i->width == 4;
	default: return false;
	}
}

static bool movable(const struct decoded *d, uint32_t address)
{
	struct insn i;
	uint32_t target;
	enum behaviour b = classify(d, &i);

	if (d->zydis.mnemonic == ZYDIS_MNEMONIC_CALL)
		return branch_target(d, address, &target);
	if (i.op != INSN_OTHER && (b == SILENT || b == IMPOSSIBLE) && !inline_op(&i))
		return false;
	if (branch_target(d, address, &target))
		return d->zydis.mnemonic == ZYDIS_MNEMONIC_JMP ||
		       (d->zydis.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
			(d->zydis.opcode & 0xf0) == 0x70) ||
		       (d->zydis.opcode_map == ZYDIS_OPCODE_MAP_0F &&
			(d->zydis.opcode & 0xf0) == 0x80);
	return true;
}

static struct site *site_at(struct rewrite *r, uint32_t address)
{
	return (struct site *)search_ranges(r->site, r->sites, sizeof(*r->site),
					    offsetof(struct site, address), address);
}

/* --- are the arithmetic flags dead at an address? --- */

#define ARITHMETIC                                                                         \
	((ZydisAccessedFlagsMask)(ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF | \
				  ZYDIS_CPUFLAG_ZF | ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF))
#define LIVENESS_STEPS 12

static bool flags_dead_at(const struct rewrite *r, uint32_t address)
{
	ZydisAccessedFlagsMask open = ARITHMETIC;

	for (unsigned n = 0; n < LIVENESS_STEPS; n++) {
		struct decoded d;

		if (!decode_at(r->image, address, &d))
			return false;
		const ZydisAccessedFlags *f = d.zydis.cpu_flags;
		if (f && (f->tested & open))
			return false;
		if (f)
			open &= ~(f->modified | f->set_0 | f->set_1 | f->undefined);
		if (!open)
			return true;
		if (d.zydis.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE || ends_block(&d) ||
		    d.zydis.mnemonic == ZYDIS_MNEMONIC_PUSHFD ||
		    d.zydis.mnemonic == ZYDIS_MNEMONIC_INT)
			return false;
		address += d.zydis.length;
	}
	return false;
}

/* --- groups --- */

static bool add_to_group(const struct rewrite *r, struct group *g, uint32_t address)
{
	uint8_t at = map_at(&r->map, address);

	if (g->count == GROUP_MAX || !(at & AT_START) ||
	    !decode_at(r->image, address, &g->insn[g->count]) ||
	    !movable(&g->insn[g->count], address))
		return false;
	g->address[g->count] = address;
	g->bytes += g->insn[g->count].zydis.length;
	g->room = g->bytes;
	g->ends = ends_block(&g->insn[g->count]) ||
		  g->insn[g->count].zydis.mnemonic == ZYDIS_MNEMONIC_CALL;
	g->count++;
	return true;
}

static bool is_padding(const struct decoded *d)
{
	switch (d->zydis.mnemonic) {
	case ZYDIS_MNEMONIC_NOP:
	case ZYDIS_MNEMONIC_INT3: return true;
	case ZYDIS_MNEMONIC_XCHG: return d->operand[0].reg.value == d->operand[1].reg.value;
	case ZYDIS_MNEMONIC_LEA:
		return d->operand[0].reg.value == d->operand[1].mem.base &&
		       !d->operand[1].mem.disp.value;
	default: return false;
	}
}

static void use_padding(const struct rewrite *r, struct group *g)
{
	while (g->room < JUMP_BYTES) {
		uint32_t address = g->start + g->room;
		struct decoded d;

		if (map_at(&r->map, address) || !image_is_code(r->image, address) ||
		    !decode_at(r->image, address, &d) || !is_padding(&d))
			return;
		for (unsigned i = 1; i < d.zydis.length; i++)
			if (map_at(&r->map, address + i))
				return;
		g->room += d.zydis.length;
	}
}

/* Which instruction of the group a branch of the group goes to, or -1. */
static int inside_group(const struct group *g, uint32_t target)
{
	for (unsigned i = 1; i < g->count; i++)
		if (g->address[i] == target)
			return (int)i;
	return -1;
}

/* No branch from outside the group may lead into the bytes that the patch overwrites. The bytes
 * after those stay unchanged, since code may jump there. */
static bool closed(const struct rewrite *r, const struct group *g, unsigned patch)
{
	for (unsigned i = 1; i < g->count; i++) {
		uint32_t offset = g->address[i] - r->map.base, target;
		unsigned own = 0;

		if (g->address[i] >= g->start + patch || !(r->map.at[offset] & AT_TARGET))
			continue;
		for (unsigned n = 0; n < g->count; n++)
			own += branch_target(&g->insn[n], g->address[n], &target) &&
			       target == g->address[i];
		if ((r->map.at[offset] & AT_FIXED) || own != r->map.branches[offset])
			return false;
	}
	return true;
}

/* Collects instructions from start on until they include the site and have room for a patch of that
 * size. */
static bool fill_group(const struct rewrite *r, struct group *g, uint32_t start, uint32_t site,
		       unsigned patch)
{
	*g = (struct group){ .start = start };
	while (g->room < patch || start + g->bytes <= site) {
		if (g->ends) {
			use_padding(r, g);
			return g->room >= patch && start + g->bytes > site && closed(r, g, patch);
		}
		if (!add_to_group(r, g, start + g->bytes))
			return false;
	}
	return closed(r, g, patch);
}

/* Start of the instruction that ends at an address, or 0. */
static uint32_t previous(const struct rewrite *r, uint32_t address)
{
	for (uint32_t back = 1; back <= 15; back++) {
		uint32_t p = address - back;

		if (map_at(&r->map, p) & AT_START)
			return p + r->map.length[p - r->map.base] == address ? p : 0;
	}
	return 0;
}

static bool untouched(struct rewrite *r, const struct group *g)
{
	for (unsigned i = 0; i < g->count; i++) {
		struct site *s = site_at(r, g->address[i]);

		if (s && (s->treatment == TREAT_INLINE || s->planted))
			return false;
	}
	for (uint32_t i = 0; i < g->room; i++)
		if (r->map.at[g->start + i - r->map.base] & AT_PATCHED)
			return false;
	return true;
}

/* Padding after the end of a block, in reach of a short jump at address. */
static uint32_t find_hole(const struct rewrite *r, uint32_t address)
{
	for (uint32_t at = address + HOP_BYTES - 128; at < address + HOP_BYTES + 127; at++) {
		uint32_t before = previous(r, at);
		struct group hole = { .start = at };
		struct decoded d;

		if (!before || map_at(&r->map, at) || !decode_at(r->image, before, &d) ||
		    !ends_block(&d))
			continue;
		use_padding(r, &hole);
		if (hole.room >= JUMP_BYTES)
			return at;
	}
	return 0;
}

static enum tactic find_group(struct rewrite *r, uint32_t address, struct group *g, uint32_t *hole)
{
	*hole = 0;
	if (fill_group(r, g, address, address, JUMP_BYTES) && untouched(r, g))
		return g->room > g->bytes ? TACTIC_PADDING : TACTIC_FORWARD;
	uint32_t start = address;
	for (unsigned n = 0; n < 4 && start; n++) {
		start = previous(r, start);
		if (start && fill_group(r, g, start, address, JUMP_BYTES) && untouched(r, g))
			return TACTIC_BACKWARD;
	}
	if (fill_group(r, g, address, address, HOP_BYTES) && untouched(r, g)) {
		*hole = find_hole(r, address);
		if (*hole)
			return TACTIC_HOP;
	}
	return TACTIC_NONE;
}

/* A branch within the group: resolved when the stub is complete. */
struct fixup {
	unsigned at; /* offset of the 32-bit displacement in the stubs */
	int to;	     /* instruction of the group */
};

static void emit_one(struct rewrite *r, struct group *g, unsigned *n, struct fixup *fixup)
{
	const struct decoded *d = &g->insn[*n];
	uint32_t address = g->address[*n], target;
	struct site *s = site_at(r, address);

	if (s && inline_op(&s->insn)) {
		bool dead = flags_dead_at(r, address + d->zydis.length);
		const struct decoded *next = *n + 1 < g->count ? d + 1 : NULL;

		switch (s->insn.op) {
		case INSN_CLI: emit_mask(r); break;
		case INSN_STI: emit_unmask(r); break;
		case INSN_POPF: emit_popf(r); break;
		case INSN_IRET: emit_iret(r); break;
		default:
			if (dead && next && !(map_at(&r->map, g->address[*n + 1]) & AT_TARGET) &&
			    next->zydis.mnemonic == ZYDIS_MNEMONIC_POP && next->zydis.length == 1 &&
			    (next->zydis.opcode & 7) != 4 && next->zydis.opcode >= 0x58 &&
			    next->zydis.opcode < 0x60) {
				emit_pushf_pop(r, next->zydis.opcode & 7);
				r->displaced++;
				++*n;
			} else {
				emit_pushf(r, dead);
			}
		}
		return;
	}
	if (s && s->insn.op != INSN_OTHER)
		add_table(r, stub_address(r), &s->insn);
	else
		r->displaced++;
	if (branch_target(d, address, &target)) {
		if (d->zydis.mnemonic == ZYDIS_MNEMONIC_CALL)
			emit_call(r, target, address + d->zydis.length);
		else
			emit_branch(r, d, target);
		*fixup = (struct fixup){ r->stub_bytes - 4, inside_group(g, target) };
	} else {
		uint32_t left;

		emit(r, image_at(r->image, address, &left), d->zydis.length);
	}
}

/* Bytes of the group that a patch makes unusable: to the end of the instruction it ends in. */
static uint32_t spoilt(const struct group *g, unsigned patch)
{
	for (unsigned i = 1; i < g->count; i++)
		if (g->address[i] >= g->start + patch)
			return g->address[i] - g->start;
	return g->room > g->bytes ? patch : g->bytes;
}

static void write_patch(struct rewrite *r, uint32_t at, const uint8_t *patch, unsigned n,
			uint32_t bytes)
{
	uint32_t left;
	uint8_t *code = image_at(r->image, at, &left);

	memset(code, 0xcc, bytes);
	memcpy(code, patch, n);
	for (uint32_t i = 0; i < bytes; i++)
		r->map.at[at + i - r->map.base] |= AT_PATCHED;
}

static void patch_jump(struct rewrite *r, uint32_t at, uint32_t to, uint32_t bytes)
{
	uint32_t relative = to - (at + JUMP_BYTES);
	uint8_t patch[JUMP_BYTES] = { 0xe9 };

	memcpy(patch + 1, &relative, 4);
	write_patch(r, at, patch, JUMP_BYTES, bytes);
}

static void patch_hop(struct rewrite *r, const struct group *g, uint32_t hole)
{
	const uint8_t patch[HOP_BYTES] = { 0xeb, (uint8_t)(hole - (g->start + HOP_BYTES)) };

	write_patch(r, g->start, patch, HOP_BYTES, spoilt(g, HOP_BYTES));
}

static void plant(struct rewrite *r, struct site *s)
{
	uint32_t left;
	uint8_t *code = image_at(r->image, s->address, &left);

	code[0] = 0xf4;
	for (unsigned i = 1; i < s->insn.length; i++)
		code[i] = 0xcc;
	s->planted = true;
}

/* A moved instruction whose original remains in place: it traps if other code jumps to it. */
static void keep_original(struct rewrite *r, struct site *s)
{
	if (s->behaviour == PLAIN)
		return;
	if (s->behaviour == SILENT)
		plant(r, s);
	add_table(r, s->address, &s->insn);
}

static void settle(struct rewrite *r, struct site *s, uint32_t stub, enum tactic tactic)
{
	s->stub = stub;
	if (inline_op(&s->insn)) {
		s->treatment = TREAT_INLINE;
		s->tactic = tactic;
		r->tactic_count[tactic]++;
	} else {
		s->treatment = s->behaviour == PLAIN ? TREAT_NATIVE : TREAT_TRAP;
	}
}

static void move_group(struct rewrite *r, struct group *g, enum tactic tactic, uint32_t asked,
		       uint32_t hole)
{
	uint32_t stub = stub_address(r), moved[GROUP_MAX] = { 0 };
	struct fixup fixup[GROUP_MAX];

	for (unsigned n = 0; n < g->count; n++) {
		struct site *s = site_at(r, g->address[n]);
		unsigned first = n;

		fixup[n] = (struct fixup){ 0, -1 };
		moved[n] = stub_address(r);
		emit_one(r, g, &n, &fixup[first]);
		if (n != first) { /* two were fused into one */
			moved[n] = moved[first];
			fixup[n] = (struct fixup){ 0, -1 };
		}
		if (s)
			settle(r, s, moved[first], s->address == asked ? tactic : TACTIC_FUSED);
	}
	if (!g->ends)
		emit_jump(r, g->start + g->bytes);
	for (unsigned n = 0; n < g->count; n++)
		if (fixup[n].to >= 0) {
			uint32_t from = r->window + VENEER_WINDOW_STUBS + fixup[n].at + 4;
			uint32_t relative = moved[fixup[n].to] - from;

			memcpy(r->stub + fixup[n].at, &relative, 4);
		}
	if (hole) {
		patch_hop(r, g, hole);
		patch_jump(r, hole, stub, JUMP_BYTES);
	} else {
		patch_jump(r, g->start, stub, spoilt(g, JUMP_BYTES));
	}
	for (unsigned n = 0; n < g->count; n++) {
		struct site *s = site_at(r, g->address[n]);

		if (s && !(map_at(&r->map, s->address) & AT_PATCHED))
			keep_original(r, s);
	}
}

static void treat(struct rewrite *r, struct site *s)
{
	struct group g;
	uint32_t hole;

	if (s->stub)
		return; /* moved with a neighbour */
	switch (s->behaviour) {
	case PLAIN: s->treatment = TREAT_NATIVE; return;
	case IMPOSSIBLE:
		s->treatment = TREAT_REFUSED;
		s->why = "the ring engine cannot offer this instruction";
		r->refused++;
		return;
	default: break;
	}
	if (inline_op(&s->insn)) {
		enum tactic t = find_group(r, s->address, &g, &hole);

		if (t != TACTIC_NONE) {
			move_group(r, &g, t, s->address, hole);
			return;
		}
		s->why = "a neighbour is a branch target or cannot be moved";
	}
	if (!s->why)
		s->why = s->behaviour == SILENT ? "rare: a trap is planted" : "traps by itself";
	s->treatment = TREAT_TRAP;
	if (s->behaviour == SILENT)
		plant(r, s);
	add_table(r, s->address, &s->insn);
}

static void collect(struct rewrite *r)
{
	unsigned room = 0;

	for (uint32_t i = 0; i < r->map.bytes; i++) {
		struct decoded d;
		struct site s = { .address = r->map.base + i };
		uint32_t left;

		if (!(r->map.at[i] & AT_START) || !decode_at(r->image, s.address, &d))
			continue;
		s.behaviour = classify(&d, &s.insn);
		if (s.insn.op == INSN_OTHER)
			continue;
		s.guessed = r->map.at[i] & AT_GUESSED;
		memcpy(s.bytes, image_at(r->image, s.address, &left), d.zydis.length);
		r->site = grow(r->site, r->sites, &room, sizeof(*r->site));
		r->site[r->sites++] = s;
	}
}

static int by_address(const void *a, const void *b)
{
	const struct veneer_site *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int check_window(struct rewrite *r, char *why, size_t n)
{
	r->window = WINDOW_ADDRESS;
	for (unsigned i = 0; i < r->image->segments; i++) {
		const struct segment *s = &r->image->segment[i];

		if (s->vaddr + (uint64_t)s->memsz > r->window) {
			snprintf(why, n, "a segment at %#x reaches into the patch window at %#x",
				 s->vaddr, r->window);
			return -1;
		}
	}
	return 0;
}

int rewrite_image(struct rewrite *r, struct image *im, const uint32_t *profile, unsigned profiled,
		  char *why, size_t n)
{
	memset(r, 0, sizeof(*r));
	r->image = im;
	if (im->rewritten) {
		snprintf(why, n, "is rewritten already: start from the original");
		return -1;
	}
	if (check_window(r, why, n))
		return -1;
	decoder_init(false);
	if (scan(&r->map, im, profile, profiled)) {
		snprintf(why, n, "its code spans more than 64 MiB: run the original, which is translated as it "
				 "runs");
		return -1;
	}
	collect(r);
	for (unsigned i = 0; i < r->sites; i++)
		treat(r, &r->site[i]);
	qsort(r->table, r->table_used, sizeof(*r->table), by_address);
	return 0;
}

void rewrite_free(struct rewrite *r)
{
	scan_free(&r->map);
	free(r->site);
	free(r->stub);
	free(r->table);
	free(r->iret);
}
