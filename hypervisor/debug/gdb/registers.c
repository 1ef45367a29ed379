// SPDX-License-Identifier: GPL-2.0-or-later
/* Registers of a stopped vCPU, by gdb's numbers: those of the target description that gdb has. */
#include "debug/gdb/stub.h"

#include "guest/operand.h"
#include "lib/string.h"

enum kind { GENERAL, FLAGS, SELECTOR, X87, X87_CONTROL, VECTOR, MXCSR, BASE, CONTROL };

struct reg {
	uint8_t kind, which, bytes;
};

/* ES CS SS DS FS GS are 0..5; gdb wants CS SS DS ES FS GS. */
#define SELECTORS                                                                       \
	{ SELECTOR, 1, 4 }, { SELECTOR, 2, 4 }, { SELECTOR, 3, 4 }, { SELECTOR, 0, 4 }, \
		{ SELECTOR, 4, 4 },                                                     \
	{                                                                               \
		SELECTOR, 5, 4                                                          \
	}
#define FOUR(kind, n, bytes)                                                    \
	{ kind, n, bytes }, { kind, (n) + 1, bytes }, { kind, (n) + 2, bytes }, \
	{                                                                       \
		kind, (n) + 3, bytes                                            \
	}
#define EIGHT(kind, n, bytes) FOUR(kind, n, bytes), FOUR(kind, (n) + 4, bytes)
#define CONTROLS(bytes)                                                      \
	{ CONTROL, 0, bytes }, { CONTROL, 2, bytes }, { CONTROL, 3, bytes }, \
	{                                                                    \
		CONTROL, 4, bytes                                            \
	}

#define RIP 16 /* operand_register's number */

static const struct reg regs32[] = {
	{ GENERAL, 0, 4 },   { GENERAL, 1, 4 },	       { GENERAL, 2, 4 },    { GENERAL, 3, 4 },
	FOUR(GENERAL, 4, 4), { GENERAL, RIP, 4 },      { FLAGS, 0, 4 },	     SELECTORS,
	EIGHT(X87, 0, 10),   EIGHT(X87_CONTROL, 0, 4), EIGHT(VECTOR, 0, 16), { MXCSR, 0, 4 },
	CONTROLS(4),
};

/* RAX RBX RCX RDX RSI RDI RBP RSP, then R8 to R15 */
static const struct reg regs64[] = {
	{ GENERAL, 0, 8 },    { GENERAL, 3, 8 },	{ GENERAL, 1, 8 },    { GENERAL, 2, 8 },
	{ GENERAL, 6, 8 },    { GENERAL, 7, 8 },	{ GENERAL, 5, 8 },    { GENERAL, 4, 8 },
	EIGHT(GENERAL, 8, 8), { GENERAL, RIP, 8 },	{ FLAGS, 0, 4 },      SELECTORS,
	EIGHT(X87, 0, 10),    EIGHT(X87_CONTROL, 0, 4), EIGHT(VECTOR, 0, 16), EIGHT(VECTOR, 8, 16),
	{ MXCSR, 0, 4 },      { BASE, 4, 8 },		{ BASE, 5, 8 },	      CONTROLS(8),
};

/* --- while it stops --- */

void gdb_gather(struct vcpu *v)
{
	struct gdb_vcpu *d = gdb_vcpu(v);
	const struct engine *e = v->guest->engine;

	if (e->gather)
		e->gather(v);
	for (unsigned seg = 0; seg < 6; seg++) {
		d->base[seg] = e->segment_base(v, seg);
		d->selector[seg] = e->selector(v, seg);
	}
	d->flags = e->flags ? e->flags(v) : (uint32_t)v->regs->rflags;
}

/* --- reading --- */

/* The FXSAVE image, SDM 1 table 10-2: where each is, and its bytes there. */
static uint32_t x87_control(const uint8_t *image, unsigned which)
{
	static const struct {
		uint8_t at, bytes;
	} field[] = { { 0, 2 }, { 2, 2 },  { 4, 1 },  { 12, 2 },
		      { 8, 4 }, { 20, 2 }, { 16, 4 }, { 6, 2 } };
	uint32_t value = 0, tags = 0;

	memcpy(&value, image + field[which].at, field[which].bytes);
	if (which != 2)
		return value;
	for (unsigned i = 0; i < 8; i++) /* a bit each there; in FSTENV's format 3 is empty */
		tags |= value >> i & 1 ? 0 : 3u << 2 * i;
	return tags;
}

static uint64_t control(const struct vcpu *v, unsigned n)
{
	switch (n) {
	case 0: return v->legacy.cr0;
	case 2: return v->page->cr2;
	case 3: return v->view->paging.root.v;
	default: return v->legacy.cr4;
	}
}

static const struct reg *find(const struct gdb *s, unsigned n)
{
	unsigned count = s->code64 ? ARRAY_SIZE(regs64) : ARRAY_SIZE(regs32);

	return n >= count ? NULL : s->code64 ? &regs64[n] : &regs32[n];
}

static uint64_t value_of(const struct vcpu *v, const struct reg *r)
{
	const struct gdb_vcpu *d = gdb_vcpu(v);

	switch (r->kind) {
	case GENERAL:
		return r->which == RIP ? gdb_shown(gdb_of(v->guest), v->regs->rip)
				       : *operand_register(v->regs, r->which);
	case FLAGS: return d->flags;
	case SELECTOR: return d->selector[r->which];
	case BASE: return d->base[r->which];
	case CONTROL: return control(v, r->which);
	case MXCSR: return *(const uint32_t *)((const char *)v->fpu + 24);
	default: return x87_control(v->fpu, r->which);
	}
}

unsigned gdb_register(const struct gdb *s, unsigned n, uint8_t to[16])
{
	const struct vcpu *v = gdb_thread(s);
	const struct reg *r = find(s, n);
	uint64_t value;

	if (!r)
		return 0;
	memset(to, 0, 16);
	if (!gdb_vcpu(v)->begun)
		return r->bytes;
	if (r->kind == X87 || r->kind == VECTOR) {
		unsigned at = (r->kind == X87 ? 32 : 160) + 16u * r->which;
		memcpy(to, (const uint8_t *)v->fpu + at, r->bytes);
	} else {
		value = value_of(v, r);
		memcpy(to, &value, MIN(r->bytes, sizeof(value)));
	}
	return r->bytes;
}

unsigned gdb_general_registers(const struct gdb *s)
{
	return s->code64 ? 24 : 16;
}

/* --- writing --- */

#define FLAGS_SET 0xcd5u /* CF PF AF ZF SF DF OF: the rest decides where the vCPU may be */

/* General registers, RIP, and the flags that results have. The engines check RIP when they enter
 * the guest. */
bool gdb_set_register(const struct gdb *s, unsigned n, const char **hex)
{
	struct vcpu *v = gdb_thread(s);
	const struct reg *r = find(s, n);
	uint64_t value = 0;

	if (!r || r->kind > FLAGS || !gdb_vcpu(v)->begun || !parse_hex(hex, &value, r->bytes))
		return false;
	if (r->which == RIP && !canonical(value))
		return false;
	if (r->which == RIP && value == gdb_shown(s, v->regs->rip))
		return true; /* amid a stub it stays */
	if (r->kind == GENERAL) {
		*operand_register(v->regs, r->which) = value;
	} else {
		v->regs->rflags = (v->regs->rflags & ~(uint64_t)FLAGS_SET) | (value & FLAGS_SET);
		gdb_vcpu(v)->flags =
			(gdb_vcpu(v)->flags & ~FLAGS_SET) | ((uint32_t)value & FLAGS_SET);
	}
	return true;
}
