// SPDX-License-Identifier: GPL-2.0-or-later
/* From an address in the cache to the guest's registers, before an instruction that has not begun.
 */
#include "lib/string.h"
#include "translate/emit.h"

struct place {
	struct translator *t;
	const struct veneer_vcpu_page *page;
	struct regs *r;
	const struct block *b;
	const struct step *s;
	uint32_t at, eip; /* where the step begins, in the cache and in the guest */
	uint32_t done;	  /* bytes of it */
};

static uint32_t saved(const struct place *p, unsigned offset)
{
	uint32_t v;

	memcpy(&v, (const char *)p->page + offset, 4);
	return v;
}

static void take_back_ecx(const struct place *p)
{
	p->r->rcx = saved(p, SAVED_ECX_OFFSET);
}

static void take_back_eax(const struct place *p)
{
	p->r->rax = saved(p, SAVED_EAX_OFFSET);
}

static void add_esp(const struct place *p, uint32_t bytes)
{
	p->r->rsp = (uint32_t)(p->r->rsp + bytes);
}

static uint32_t undo_pushf(const struct place *p)
{
	if (p->done)
		add_esp(p, 4);
	if (p->done >= PUSHF_ECX_LOST)
		take_back_ecx(p);
	if (p->done >= PUSHF_EAX_LOST)
		take_back_eax(p);
	return p->eip;
}

/* Behind POPF_READ it is finished, see translate_must_finish(). */
static uint32_t undo_popf(const struct place *p)
{
	if (p->done >= POPF_ECX_LOST && p->done < POPF_READ)
		take_back_ecx(p);
	return p->eip;
}

#define FLAGS_OF_RESULT 0x8d5u /* CF PF AF ZF SF OF */

static uint32_t undo_iret(const struct place *p)
{
	if (p->done >= IRET_ESP_LOST && p->done < IRET_FLAGS_SAVED)
		p->r->rsp = saved(p, SAVED_ESP_OFFSET);
	if (p->done >= IRET_FLAGS_LOST)
		p->r->rflags = (p->r->rflags & ~(uint64_t)FLAGS_OF_RESULT) |
			       (saved(p, SAVED_FLAGS_OFFSET) & FLAGS_OF_RESULT);
	return p->eip;
}

/* Bytes that a call pushes, or a return pops. */
static uint32_t width(const struct place *p)
{
	return p->s->link ? 2 : 4;
}

static uint32_t undo_call(const struct place *p)
{
	if (p->done)
		add_esp(p, width(p));
	return p->eip;
}

/* A jump by the table, which begins at an offset of the step. */
static void undo_dispatch(const struct place *p, uint32_t from)
{
	if (p->done >= from + SAVE_EAX_BYTES + ZERO_EXTEND_BYTES)
		take_back_eax(p);
}

static uint32_t undo_return(const struct place *p)
{
	bool small = p->s->link;
	uint32_t popped = SAVE_ECX_BYTES + (small ? POP_SMALL_BYTES : POP_BYTES),
		 extended = popped + (small ? ZERO_EXTEND_BYTES : 0),
		 released = extended + RELEASE_BYTES, release;
	bool releases = p->s->cache > extended + DISPATCH_BYTES;

	undo_dispatch(p, releases ? released : extended);
	if (p->done >= popped) {
		take_back_ecx(p);
		add_esp(p, 0u - width(p));
	}
	if (releases && p->done >= released) {
		memcpy(&release, code_pointer(p->t, p->at + released - 4), 4);
		add_esp(p, 0u - release);
	}
	return p->eip;
}

static uint32_t undo_jump_to(const struct place *p)
{
	uint32_t loaded = SAVE_ECX_BYTES + p->s->guest, pushed = loaded;
	bool call = p->s->kind == STEP_CALL_TO;

	if (call)
		pushed += p->s->link ? PUSH_SMALL_BYTES : PUSH_BYTES;
	undo_dispatch(p, pushed);
	if (p->done >= loaded)
		take_back_ecx(p);
	if (call && p->done >= pushed)
		add_esp(p, width(p));
	return p->eip;
}

/* LOOP has counted: it is where it led to. */
static uint32_t finish_count(const struct place *p)
{
	if (!p->done)
		return p->eip;
	return p->done + COUNT_TAKEN_BYTES < p->s->cache
		       ? p->eip + p->s->guest
		       : p->t->link[p->b->first_link + p->s->link].target;
}

static uint32_t finish_pad(const struct place *p)
{
	uint32_t ecx = (uint32_t)p->r->rcx, eip = p->b->eip;

	if (p->done >= PAD_RESTORED)
		return eip;
	take_back_ecx(p);
	take_back_eax(p);
	return p->done && p->done != PAD_OTHER ? ecx + eip : ecx;
}

static uint32_t finish_miss(const struct place *p)
{
	uint32_t ecx = (uint32_t)p->r->rcx;

	take_back_ecx(p);
	take_back_eax(p);
	p->t->wanted_pad = true;
	return ecx;
}

static uint32_t exit_of(const struct place *p)
{
	unsigned link = p->b->first_link + p->s->link;

	p->t->wanted_link = link + 1;
	return p->t->link[link].target;
}

static uint32_t undo(const struct place *p)
{
	switch (p->s->kind) {
	case STEP_PUSHF: return undo_pushf(p);
	case STEP_POPF: return undo_popf(p);
	case STEP_IRET: return undo_iret(p);
	case STEP_CALL: return undo_call(p);
	case STEP_RETURN: return undo_return(p);
	case STEP_JUMP_TO:
	case STEP_CALL_TO: return undo_jump_to(p);
	case STEP_COUNT: return finish_count(p);
	case STEP_LINK: return exit_of(p);
	case STEP_PAD: return finish_pad(p);
	default: return p->eip;
	}
}

/* The step that an address is in. False: behind the last one. */
static bool find_step(struct place *p, uint32_t rip)
{
	unsigned i;

	p->at = p->b->at;
	p->eip = p->b->eip;
	for (i = 0; i < p->b->steps; i++) {
		p->s = &p->t->step[p->b->first_step + i];
		if (rip < p->at + p->s->cache)
			break;
		p->at += p->s->cache;
		p->eip += p->s->guest;
	}
	p->done = rip - p->at;
	p->t->last_block = (uint32_t)(p->b - p->t->block) + 1;
	p->t->last_step = i;
	p->t->last_at = p->at;
	p->t->last_eip = p->eip;
	return i < p->b->steps;
}

/* The step that begins at RIP. */
static bool step_at(struct place *p, struct translator *t, uint64_t rip)
{
	uint32_t at = (uint32_t)rip + t->code_base;

	*p = (struct place){ .t = t, .b = block_at(t, at) };
	return p->b && find_step(p, at) && !p->done;
}

bool translate_at_start(struct translator *t, uint64_t rip)
{
	struct place p;

	return step_at(&p, t, rip) && p.s->guest;
}

bool translate_debug_is_due(struct translator *t, uint64_t rip)
{
	struct place p;

	if (!step_at(&p, t, rip) || !(p.s->guest || p.s->kind == STEP_PAUSE))
		return false;
	return p.at == p.b->at || p.s[-1].kind != STEP_STI;
}

bool translate_at_pause(struct translator *t, uint64_t rip)
{
	struct place p;

	return step_at(&p, t, rip) && p.s->kind == STEP_PAUSE;
}

bool translate_at_pushf(struct translator *t, uint64_t rip)
{
	struct place p;

	return step_at(&p, t, rip) && p.s->kind == STEP_PUSHF;
}

bool translate_must_finish(const struct translator *t)
{
	return t->unfinished;
}

bool translate_recover(struct translator *t, const struct veneer_vcpu_page *page, struct regs *r)
{
	struct place p = { .t = t, .page = page, .r = r };
	uint32_t rip = (uint32_t)r->rip + t->code_base;

	t->unfinished = false;
	if (rip - CODE_AT >= t->used)
		return false;
	t->wanted_link = 0;
	t->wanted_pad = false;
	t->last_block = 0;
	if (rip == t->miss) {
		r->rip = finish_miss(&p);
		return true;
	}
	p.b = block_at(t, rip);
	if (!p.b || !find_step(&p, rip))
		return false;
	t->unfinished = p.s->kind == STEP_POPF && p.done >= POPF_READ;
	r->rip = undo(&p);
	return t->wanted_link || t->wanted_pad || p.s->kind == STEP_PAUSE ||
	       (!p.b->live && !p.b->pad && rip == p.b->at);
}
