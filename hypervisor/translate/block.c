// SPDX-License-Identifier: GPL-2.0-or-later
/* Translating a block: instructions from one address on, to an unconditional transfer of control,
 * the page's end, or BLOCK_STEPS. */
#include "arch/layout.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "translate/emit.h"

struct maker {
	struct translator *t;
	const struct guest_view *view;
	struct block *b;
	struct emitter e;
	uint32_t eip;	     /* of the instruction that is next */
	const uint8_t *page; /* its page's content */
	bool left;	     /* control does not come to what follows */
	bool last;	     /* the instruction ends in another page */
};

/* The page of guest code at va; 0: the fetch faults, or there is no memory. index + 1 */
static uint16_t page_of(struct translator *t, const struct guest_view *view, uint32_t va,
			const uint8_t **content, struct guest_failure *f)
{
	struct translation where;
	const struct guest_memory *m = view->memory;

	f->va = GVA(va);
	f->error = PF_FETCH;
	if (guest_walk(m, &view->paging, GVA(va), PF_FETCH, &where, &f->error))
		return 0;
	uint64_t gpa = where.gpa.v & PAGE_MASK, frame = guest_frame(m, GPA(gpa), PAGE_SIZE);
	if (!frame || gpa >= ram_bytes(m))
		return 0;
	*content = direct(frame_mpa(frame));
	if (!guest_is_code(m, GPA(gpa)))
		guest_code_mark(m, GPA(gpa));
	code_found(t, view, va, &where);
	if (where.size > PAGE_SIZE)
		t->large_code[va / LARGE_SIZE] = true;
	else
		t->small_code[va / PAGE_SIZE % 4096] = true;
	return page_add(t, va & (uint32_t)PAGE_MASK, gpa);
}

static struct step *add_step(struct maker *k, enum step_kind kind, unsigned guest, uint32_t from)
{
	struct step *s = &k->t->step[k->t->steps++];

	*s = (struct step){ .guest = (uint8_t)guest,
			    .cache = (uint8_t)(k->e.at - from),
			    .kind = kind };
	k->b->steps++;
	k->b->guest_bytes = (uint8_t)(k->b->guest_bytes + guest);
	return s;
}

/* A branch whose displacement has just been emitted leads out of the block. */
static unsigned add_link(struct maker *k, uint32_t target)
{
	k->t->link[k->t->links++] = (struct link){ target, k->e.at - 4 };
	return k->t->links - 1 - k->b->first_link;
}

/* The exits that nothing is linked to yet, behind the block's last instruction. */
static void emit_exits(struct maker *k)
{
	struct translator *t = k->t;

	for (unsigned i = k->b->first_link; i < t->links; i++) {
		uint32_t from = k->e.at, distance = from - (t->link[i].patch + 4);

		memcpy(k->e.to - (from - t->link[i].patch), &distance, 4);
		emit_hlt(&k->e);
		add_step(k, STEP_LINK, 0, from)->link = (uint8_t)(i - k->b->first_link);
	}
}

static void leave(struct maker *k, uint32_t target, unsigned guest)
{
	uint32_t from = k->e.at;

	emit_jump(&k->e, 0);
	add_link(k, target);
	add_step(k, STEP_COPY, guest, from);
	k->left = true;
}

static bool is_plain_segment(unsigned seg)
{
	return seg != 1 && seg != 2; /* CS, SS */
}

bool translate_may_copy(const struct insn *i)
{
	switch (i->op) {
	case INSN_OTHER:
	case INSN_IN ... INSN_OUTS: return true;
	case INSN_MOV_FROM_SEG:
	case INSN_MOV_TO_SEG:
	case INSN_PUSH_SEG:
	case INSN_POP_SEG: return is_plain_segment(i->reg);
	case INSN_LOAD_FAR: return is_plain_segment(i->imm);
	default: return false;
	}
}

static bool copies(const struct maker *k, const struct insn *i)
{
	bool loads = i->op == INSN_MOV_TO_SEG || i->op == INSN_POP_SEG || i->op == INSN_LOAD_FAR;

	return translate_may_copy(i) && !(loads && k->t->loads_trap);
}

/* The replacements of sensitive instructions; all others become a HLT, and are emulated. */
static enum step_kind replace(struct maker *k, const struct insn *i)
{
	switch (i->op) {
	case INSN_CLI: emit_cli(&k->e); return STEP_COPY;
	case INSN_STI: emit_sti(&k->e); return STEP_STI;
	case INSN_PUSHF:
		if (i->width != 4)
			break;
		emit_pushf(&k->e);
		return STEP_PUSHF;
	case INSN_POPF:
		if (i->width != 4)
			break;
		emit_popf(&k->e);
		return STEP_POPF;
	case INSN_IRET:
		k->left = true;
		if (i->width != 4 || k->t->loads_trap)
			break;
		emit_iret(&k->e);
		return STEP_IRET;
	default: break;
	}
	emit_hlt(&k->e);
	return STEP_COPY;
}

static void sensitive(struct maker *k, const struct insn *i, const struct insn_shape *s)
{
	uint32_t from = k->e.at;
	enum step_kind kind = replace(k, i);

	add_step(k, kind, s->length, from);
	if (s->flow == FLOW_FAR && i->op != INSN_INT)
		k->left = true;
}

/* Where a constant leads to. With a 16-bit operand, EIP is cut to that. */
static uint32_t target(const struct maker *k, const struct insn_shape *s)
{
	uint32_t to = k->eip + s->length + (uint32_t)s->distance;

	return s->small ? (uint16_t)to : to;
}

/* LOOP and JECXZ have 8 bits of displacement: over a jump to the next instruction, to one to the
 * target. */
static void count(struct maker *k, const uint8_t *code, const struct insn_shape *s)
{
	uint32_t from = k->e.at;

	emit_count(&k->e, code, s);
	emit_jump(&k->e, 0);
	unsigned link = add_link(k, target(k, s));
	add_step(k, STEP_COUNT, s->length, from)->link = (uint8_t)link;
}

static void condition(struct maker *k, const struct insn_shape *s)
{
	uint32_t from = k->e.at;

	EMIT(&k->e, 0x0f, (uint8_t)(0x80 | s->condition));
	emit32(&k->e, 0);
	add_link(k, target(k, s));
	add_step(k, STEP_COPY, s->length, from);
}

static void call(struct maker *k, const struct insn_shape *s)
{
	uint32_t from = k->e.at;

	emit_call(&k->e, k->eip + s->length, s->small);
	emit_jump(&k->e, 0);
	add_link(k, target(k, s));
	add_step(k, STEP_CALL, s->length, from)->link = s->small;
	k->left = true;
}

static void indirect(struct maker *k, const uint8_t *code, const struct insn_shape *s)
{
	uint32_t from = k->e.at;
	enum step_kind kind = s->flow == FLOW_RETURN	? STEP_RETURN
			      : s->flow == FLOW_JUMP_TO ? STEP_JUMP_TO
							: STEP_CALL_TO;

	if (kind == STEP_RETURN)
		emit_return(&k->e, s);
	else if (kind == STEP_JUMP_TO)
		emit_jump_to(&k->e, code, s);
	else
		emit_call_to(&k->e, code, s, k->eip + s->length);
	add_step(k, kind, s->length, from)->link = s->small;
	k->left = true;
}

/* CMPXCHG8B is jumped to: QEMU 7.2 forgets the flags of an instruction before it that it has
 * translated with it, see t/guests/iopl.c, and the guest would be shown what it has instead. */
static void copy(struct maker *k, const uint8_t *code, const struct insn_shape *s)
{
	uint32_t from = k->e.at;

	if (code[s->prefixes] == 0x0f && code[s->prefixes + 1] == 0xc7)
		EMIT(&k->e, 0xeb, 0x00);
	emit(&k->e, code, s->length);
	add_step(k, STEP_COPY, s->length, from);
}

/* False: not an instruction that can be translated. */
static bool translate_one(struct maker *k, const uint8_t *code, const struct insn *i,
			  const struct insn_shape *s)
{
	if (s->flow == FLOW_ABORT)
		return false;
	if (!copies(k, i)) {
		sensitive(k, i, s);
		return true;
	}
	switch (s->flow) {
	case FLOW_JUMP: leave(k, target(k, s), s->length); break;
	case FLOW_CALL: call(k, s); break;
	case FLOW_CONDITION: condition(k, s); break;
	case FLOW_COUNT: count(k, code, s); break;
	case FLOW_JUMP_TO:
	case FLOW_CALL_TO:
	case FLOW_RETURN: indirect(k, code, s); break;
	case FLOW_UNDEFINED: k->left = true; /* fall through */
	default: copy(k, code, s);
	}
	return true;
}

static enum translate_result refused(int err)
{
	return err == -E2BIG ? TRANSLATE_TOO_LONG : TRANSLATE_UNKNOWN;
}

/* The bytes at k->eip: of its page, and of the next one if the instruction ends there. */
static enum translate_result fetch(struct maker *k, uint8_t *code, struct insn *i,
				   struct insn_shape *s, struct guest_failure *f)
{
	uint32_t va = k->eip + k->t->code_base, in_page = va & ~(uint32_t)PAGE_MASK,
		 left = PAGE_SIZE - in_page;
	uint32_t n = MIN(left, (uint32_t)INSN_BYTES);
	const uint8_t *next;

	memcpy(code, k->page + in_page, n);
	int err = insn_shape(code, n, false, k->t->xop, s);
	if (err) {
		if (left >= INSN_BYTES)
			return refused(err);
		if (k->b->steps)
			return TRANSLATE_FAULT; /* the next block begins with it */
		k->b->page[1] = page_of(k->t, k->view, va + left, &next, f);
		if (!k->b->page[1])
			return TRANSLATE_FAULT;
		memcpy(code + n, next, INSN_BYTES - n);
		n = INSN_BYTES;
		err = insn_shape(code, n, false, k->t->xop, s);
		if (err)
			return refused(err);
		k->last = true;
	}
	return insn_decode(code, n, false, i) ? TRANSLATE_UNKNOWN : TRANSLATE_DONE;
}

static bool has_room(const struct translator *t)
{
	return !t->crowded && t->used + BLOCK_BYTES <= t->room * TRANSLATE_ROOM_BYTES &&
	       t->blocks + 2 <= t->room * BLOCKS &&
	       t->steps + 2 * BLOCK_STEPS + 2 <= t->room * STEPS &&
	       t->links + BLOCK_STEPS + 1 <= t->room * LINKS && t->pages + 2 <= t->room * PAGES;
}

static struct block *begin(struct translator *t, uint32_t eip, bool pad)
{
	struct block *b = &t->block[t->blocks++];

	*b = (struct block){ .at = CODE_AT + t->used,
			     .eip = eip,
			     .first_step = t->steps,
			     .first_link = t->links,
			     .pad = pad };
	return b;
}

/* With room for the jump of a block that is dropped. It is copied in one go: stores beside code
 * that was executed are slow, in processors as in QEMU. */
static void end(struct translator *t, struct block *b, struct emitter *e)
{
	assert(!e->over); /* has_room */
	while (e->at - b->at < 5)
		emit_hlt(e);
	b->last = e->at - 1;
	memcpy(code_pointer(t, b->at), t->made, ALIGN_UP(e->at - b->at, 8));
	for (uint32_t i = (t->used + CHUNK - 1) / CHUNK; i * CHUNK < e->at - CODE_AT; i++)
		t->chunk[i] = (uint16_t)(b - t->block);
	t->used = e->at - CODE_AT;
}

static struct emitter emitter(struct translator *t)
{
	return (struct emitter){ .to = t->made,
				 .at = CODE_AT + t->used,
				 .room = sizeof(t->made) - 8,
				 .stack_base = t->stack_base };
}

/* Whether the last instruction was STI or POPF: a jump to the next one would be stepped as well. */
static bool must_go_on(const struct maker *k)
{
	enum step_kind last = k->t->step[k->t->steps - 1].kind;

	return last == STEP_STI || last == STEP_POPF;
}

static bool is_full(const struct maker *k)
{
	return k->b->steps >= BLOCK_STEPS + must_go_on(k) ||
	       (k->b->guest_bytes >= BLOCK_GUEST && !must_go_on(k));
}

/* Control comes to the next instruction, in another block. */
static void go_on(struct maker *k)
{
	uint32_t from = k->e.at;

	if (must_go_on(k)) {
		emit_hlt(&k->e);
		add_step(k, STEP_PAUSE, 0, from);
	} else {
		leave(k, k->eip, 0);
	}
}

static enum translate_result fill(struct maker *k, struct guest_failure *failure)
{
	uint8_t code[2 * INSN_BYTES];
	struct insn_shape s;
	struct insn i;

	for (;;) {
		enum translate_result result = fetch(k, code, &i, &s, failure);

		if (result == TRANSLATE_DONE && !translate_one(k, code, &i, &s))
			result = TRANSLATE_UNKNOWN;
		if (result != TRANSLATE_DONE && !k->b->steps)
			return result;
		if (result == TRANSLATE_DONE)
			k->eip += s.length;
		if (k->left)
			break;
		if (result != TRANSLATE_DONE || k->last || is_full(k) ||
		    !((k->eip + k->t->code_base) & ~(uint32_t)PAGE_MASK)) {
			go_on(k);
			break;
		}
	}
	return TRANSLATE_DONE;
}

enum translate_result block_translate(struct translator *t, const struct guest_view *view,
				      uint32_t eip, struct guest_failure *failure,
				      struct block **made)
{
	if (!has_room(t)) {
		translate_reset(t);
		return TRANSLATE_AGAIN;
	}
	struct maker k = { .t = t, .view = view, .eip = eip, .e = emitter(t) };
	unsigned steps = t->steps, links = t->links;
	uint16_t page = page_of(t, view, eip + t->code_base, &k.page, failure);

	if (!page)
		return TRANSLATE_FAULT;
	k.b = begin(t, eip, false);
	k.b->page[0] = page;
	enum translate_result result = fill(&k, failure);
	if (result != TRANSLATE_DONE) {
		t->blocks--;
		t->steps = steps;
		t->links = links;
		return result;
	}
	emit_exits(&k);
	end(t, k.b, &k.e);
	block_add(t, k.b);
	*made = k.b;
	return TRANSLATE_DONE;
}

bool pad_make(struct translator *t, struct block *b)
{
	if (!has_room(t))
		return false;
	struct block *pad = begin(t, b->eip, true);
	struct maker k = { .t = t, .b = pad, .e = emitter(t) };
	uint32_t before = t->table[(uint16_t)b->eip] + t->code_base;
	const struct block *other = block_at(t, before);

	if (other && other->others == PAD_OTHERS)
		before = t->miss;
	else if (other)
		pad->others = (uint8_t)(other->others + 1);
	emit_pad(&k.e, b->eip, b->at, before);
	add_step(&k, STEP_PAD, 0, pad->at);
	end(t, pad, &k.e);
	b->pad_at = pad->at;
	t->table[(uint16_t)b->eip] = pad->at - t->code_base;
	return true;
}
