// SPDX-License-Identifier: GPL-2.0-or-later
/* What programs are made of: a function for each kind of slot. */
#include "parts.h"

void put(struct program *p, const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		arena[p->at++] = bytes[i];
}

void put16(struct program *p, uint32_t v)
{
	PUT(p, (uint8_t)v, (uint8_t)(v >> 8));
}

void put32(struct program *p, uint32_t v)
{
	put16(p, v);
	put16(p, v >> 16);
}

/* A register other than ESP. */
uint8_t reg(struct program *p)
{
	uint8_t r = (uint8_t)pick(p, 7);

	return r == 4 ? 7 : r;
}

uint32_t data(struct program *p)
{
	return p->base + DATA + pick(p, DATA_BYTES / 4 - 4) * 4 + (chance(p, 4) ? pick(p, 4) : 0);
}

void mov(struct program *p, uint8_t to, uint32_t v)
{
	PUT(p, 0xb8 | to);
	put32(p, v);
}

/* Numbers at which carries and signs change, and any. */
static uint32_t number(struct program *p)
{
	static const uint32_t edges[] = { 0,	  1,	      2,	  0x7f, 0x80, 0xff, 0x7fff,
					  0x8000, 0x7fffffff, 0x80000000, ~0u,	~1u,  31,   32 };

	return chance(p, 2) ? edges[pick(p, sizeof(edges) / 4)] : any(p);
}

/* Of the current block, from the byte behind a displacement of 8 bits on. */
void land(struct program *p, uint32_t displacement_at)
{
	arena[displacement_at] = (uint8_t)(p->at - displacement_at - 1);
}

void note(struct program *p)
{
	PUT(p, 0xcd, VECTOR_NOTE);
}

/* --- arithmetic --- */

static uint8_t pair(struct program *p)
{
	return 0xc0 | reg(p) << 3 | reg(p);
}

static void two_operands(struct program *p)
{
	if (chance(p, 5))
		PUT(p, 0x66);
	PUT(p, (uint8_t)(pick(p, 8) << 3 | pick(p, 4)), pair(p));
}

static void constant_operand(struct program *p)
{
	uint8_t form = (uint8_t)pick(p, 3);

	if (form == 0)
		PUT(p, 0x80, (uint8_t)(0xc0 | pick(p, 64)), (uint8_t)number(p));
	else if (form == 1)
		PUT(p, 0x83, (uint8_t)(0xc0 | pick(p, 8) << 3 | reg(p)), (uint8_t)number(p));
	else {
		PUT(p, 0x81, (uint8_t)(0xc0 | pick(p, 8) << 3 | reg(p)));
		put32(p, number(p));
	}
}

static void shift(struct program *p)
{
	uint8_t m = (uint8_t)(0xc0 | pick(p, 8) << 3 | reg(p));

	switch (pick(p, 4)) {
	case 0: PUT(p, 0xc1, m, (uint8_t)number(p)); break;
	case 1: PUT(p, 0xd3, m); break;
	case 2: PUT(p, 0xd1, m); break;
	default: PUT(p, 0x0f, chance(p, 2) ? 0xa4 : 0xac, pair(p), (uint8_t)number(p));
	}
}

static void one_byte(struct program *p)
{
	static const uint8_t ops[] = { 0x27, 0x2f, 0x37, 0x3f, 0x98, 0x99, 0x9f,
				       0x9e, 0xf5, 0xf8, 0xf9, 0xd6, 0xfc, 0x90 };

	PUT(p, ops[pick(p, sizeof(ops))]);
}

static void two_bytes(struct program *p)
{
	static const uint8_t ops[] = { 0xa3, 0xab, 0xb3, 0xbb, 0xbc, 0xbd, 0xaf, 0xb6,
				       0xb7, 0xbe, 0xbf, 0xc0, 0xc1, 0xb0, 0xb1 };
	uint8_t op = ops[pick(p, sizeof(ops))];

	if (chance(p, 3))
		op = (uint8_t)((chance(p, 2) ? 0x40 : 0x90) | pick(p, 16));
	PUT(p, 0x0f, op, pair(p));
}

static void one_operand(struct program *p)
{
	static const uint8_t groups[] = { 2, 3, 4, 5 };
	uint8_t group = groups[pick(p, 4)];

	if (chance(p, 3))
		PUT(p, (uint8_t)(0x40 | pick(p, 2) << 3 | reg(p)));
	else
		PUT(p, (uint8_t)(0xf6 | pick(p, 2)), (uint8_t)(0xc0 | group << 3 | reg(p)));
}

static void with_memory(struct program *p)
{
	uint8_t op = (uint8_t)(pick(p, 8) << 3 | pick(p, 4));

	if (chance(p, 3) && !(op & 2) && op < 0x38)
		PUT(p, 0xf0);
	PUT(p, op, (uint8_t)(reg(p) << 3 | 5));
	put32(p, data(p));
}

void arithmetic(struct program *p)
{
	static void (*const kinds[])(struct program *) = {
		two_operands, constant_operand, shift, one_byte, two_bytes, one_operand, with_memory
	};

	for (unsigned n = 1 + pick(p, 6); n; n--)
		kinds[pick(p, sizeof(kinds) / sizeof(kinds[0]))](p);
}

static void numbers(struct program *p)
{
	for (unsigned n = 1 + pick(p, 3); n; n--)
		mov(p, reg(p), chance(p, 3) ? data(p) : number(p));
}

static void condition(struct program *p)
{
	PUT(p, (uint8_t)(0x70 | pick(p, 16)), 0);
	uint32_t from = p->at - 1;
	arithmetic(p);
	land(p, from);
}

static void loop(struct program *p)
{
	mov(p, 1, 1 + pick(p, 5));
	uint32_t from = p->at;
	PUT(p, 0x8d, 0x40, (uint8_t)any(p)); /* lea n(%eax), %eax */
	if (chance(p, 3))
		PUT(p, 0x9c, 0x5a);
	PUT(p, (uint8_t)(0xe0 + pick(p, 3)), (uint8_t)(from - p->at - 2));
	PUT(p, 0xe3, 1, 0x40);
}

/* --- the flags --- */

#define FLAGS_ALL                                                                       \
	0x240cd5u /* ID AC, and those that results set, less IF and TF; OF and DF below \
		   */

static uint32_t image(struct program *p)
{
	uint32_t flags = (any(p) & FLAGS_ALL) | 2;

	if (chance(p, 2))
		flags |= 0x200;
	if (chance(p, 8))
		flags |= any(p) & ~0x33100u; /* whatever it is; not VM, RF, TF, or IOPL */
	return flags & ~0x4000u;	     /* NT: IRET would switch tasks */
}

void push_flags(struct program *p)
{
	if (chance(p, 5))
		PUT(p, 0x66, 0x9c, 0x66, 0x58 | reg(p));
	else
		PUT(p, 0x9c, 0x58 | reg(p));
}

static void pop_flags(struct program *p)
{
	if (chance(p, 5)) {
		PUT(p, 0x66, 0x68);
		put16(p, image(p));
		PUT(p, 0x66, 0x9d);
	} else {
		PUT(p, 0x68);
		put32(p, image(p));
		PUT(p, 0x9d);
	}
	push_flags(p);
	PUT(p, 0xfc);
}

static void masking(struct program *p)
{
	for (unsigned n = 1 + pick(p, 4); n; n--)
		switch (pick(p, 3)) {
		case 0: PUT(p, 0xfa); break;
		case 1: PUT(p, 0xfb); break;
		default: push_flags(p);
		}
}

uint16_t code_selector(struct program *p)
{
	static const uint8_t ours[] = { SEL_CODE, SEL_CODE, SEL_OTHER, SEL_CONFORM, SEL_CODE };

	return ours[pick(p, sizeof(ours))];
}

static void iret(struct program *p)
{
	uint32_t flags = image(p);

	PUT(p, 0x68);
	put32(p, flags);
	if (chance(p, 2))
		PUT(p, 0x0e);
	else
		PUT(p, 0x6a, (uint8_t)code_selector(p));
	PUT(p, 0x68);
	uint32_t to = p->at;
	put32(p, 0);
	PUT(p, 0xcf);
	for (unsigned n = pick(p, 4); n; n--)
		PUT(p, (uint8_t)any(p));
	uint32_t end = p->at;
	p->at = to;
	put32(p, p->base + end);
	p->at = end;
	push_flags(p);
	PUT(p, 0xfc);
}

/* --- what ring 1 would see --- */

void any_selector(struct program *p, uint8_t to)
{
	static const uint16_t some[] = { SEL_CODE,  SEL_DATA,	  SEL_OTHER,  SEL_CONFORM,
					 SEL_CONST, SEL_NO_DATA,  SEL_STACK,  SEL_NO_CODE,
					 SEL_USER,  SEL_USERCODE, SEL_BLIND,  SEL_TASK,
					 SEL_LOCAL, SEL_STACK,	  SEL_MOVED,  SEL_MOVED_SS,
					 SEL_GATE,  SEL_EMPTY,	  SEL_BEYOND, 0,
					 4,	    12,		  20 };
	uint32_t s = some[pick(p, sizeof(some) / 2)];

	mov(p, to, s | (chance(p, 4) ? pick(p, 4) : 0));
}

static void ask(struct program *p)
{
	uint8_t r = reg(p);

	any_selector(p, r);
	if (chance(p, 2))
		PUT(p, 0x0f, (uint8_t)(2 + pick(p, 2)), (uint8_t)(0xc0 | reg(p) << 3 | r));
	else
		PUT(p, 0x0f, 0, (uint8_t)(0xe0 | pick(p, 2) << 3 | r));
	if (chance(p, 2))
		note(p);
}

void read_selectors(struct program *p)
{
	static const uint8_t pushes[] = { 0x0e, 0x16, 0x1e, 0x06 };

	for (unsigned n = 1 + pick(p, 3); n; n--)
		switch (pick(p, 4)) {
		case 0: PUT(p, 0x8c, (uint8_t)(0xc0 | pick(p, 6) << 3 | reg(p))); break;
		case 1:
			PUT(p, 0x8c, (uint8_t)(pick(p, 6) << 3 | 5));
			put32(p, data(p));
			break;
		case 2: PUT(p, 0x66, 0x8c, (uint8_t)(0xc8 | pick(p, 2) << 3 | reg(p))); break;
		default: PUT(p, pushes[pick(p, 4)], 0x58 | reg(p));
		}
}

static void read_tables(struct program *p)
{
	switch (pick(p, 4)) {
	case 0:
		PUT(p, 0x0f, 1, (uint8_t)(pick(p, 2) << 3 | 5));
		put32(p, data(p));
		break;
	case 1: PUT(p, 0x0f, 1, 0xe0 | reg(p)); break;
	case 2: PUT(p, 0x0f, 0, (uint8_t)(0xc0 | pick(p, 2) << 3 | reg(p))); break;
	default: PUT(p, 0x0f, 0x20, (uint8_t)(0xc0 | (chance(p, 2) ? 0 : 2) << 3 | reg(p)));
	}
}

/* --- transfers of control --- */

static void jumps(struct program *p)
{
	uint8_t r = reg(p);
	uint32_t from;

	switch (pick(p, 4)) {
	case 0: PUT(p, 0xe9); break;
	case 1: PUT(p, 0x68); break;
	default: PUT(p, 0xb8 | r);
	}
	uint8_t kind = arena[p->at - 1];
	from = p->at;
	put32(p, 0);
	if (kind == 0x68)
		PUT(p, 0xc3);
	else if (kind != 0xe9)
		PUT(p, 0xff, 0xe0 | r);
	for (unsigned n = pick(p, 6); n; n--)
		PUT(p, (uint8_t)any(p));
	uint32_t end = p->at;
	p->at = from;
	put32(p, kind == 0xe9 ? end - from - 4 : p->base + end);
	p->at = end;
}

/* A call of what follows a jump over it. */
static void calls(struct program *p)
{
	uint8_t release = (uint8_t)pick(p, 4) * 4;

	PUT(p, 0xeb, 0);
	uint32_t over = p->at - 1, function = p->at;
	arithmetic(p);
	if (release)
		PUT(p, 0xc2, release, 0);
	else
		PUT(p, 0xc3);
	land(p, over);
	for (unsigned n = release / 4; n; n--)
		PUT(p, 0x50 | reg(p));
	if (chance(p, 2)) {
		PUT(p, 0xe8);
		put32(p, function - p->at - 4);
	} else {
		mov(p, 0, p->base + function);
		PUT(p, 0xff, 0xd0);
	}
}

static void far_calls(struct program *p)
{
	uint16_t selector = code_selector(p);

	PUT(p, 0xeb, 0);
	uint32_t over = p->at - 1, function = p->at;
	read_selectors(p);
	PUT(p, 0xcb);
	land(p, over);
	if (chance(p, 2)) {
		PUT(p, 0x9a);
		put32(p, p->base + function);
		put16(p, selector);
	} else {
		PUT(p, 0x0e, 0xe8);
		put32(p, function - p->at - 4);
	}
}

/* b8, then a few instructions as its constant: reached as that, or by the jump. */
static void into_the_middle(struct program *p)
{
	static const uint8_t hidden[][4] = { { 0x9c, 0x58, 0x90, 0x90 },
					     { 0xfa, 0x9c, 0x59, 0x90 },
					     { 0x0e, 0x5a, 0xfb, 0x40 },
					     { 0x8c, 0xd0, 0x9c, 0x5b },
					     { 0xcd, VECTOR_NOTE, 0x9c, 0x5f } };
	uint8_t r = reg(p);

	PUT(p, 0x85, pair(p), (uint8_t)(0x70 | pick(p, 16)), 1); /* test; jcc into the next */
	PUT(p, 0xb8 | r);
	put(p, hidden[pick(p, 5)], 4);
}

static void data_in_code(struct program *p)
{
	PUT(p, 0xeb, 0);
	uint32_t from = p->at - 1, at = here(p);
	static const uint8_t like_code[] = { 0xcf, 0x9d, 0x9c, 0xfa, 0xfb, 0xf4, 0x0f, 0x01 };

	for (unsigned n = 4; n; n--)
		PUT(p, chance(p, 2) ? like_code[pick(p, 8)] : (uint8_t)any(p));
	land(p, from);
	PUT(p, 0xa1);
	put32(p, at);
	PUT(p, 0x03, 0x05);
	put32(p, at);
	PUT(p, 0xa3);
	put32(p, at);
}

/* --- code that changes --- */

/* An instruction of one byte that is harmless. */
uint8_t short_op(struct program *p)
{
	static const uint8_t ops[] = { 0x40, 0x41, 0x42, 0x43, 0x46, 0x47, 0x48, 0x49, 0xf5,
				       0xf8, 0xf9, 0x98, 0x99, 0x90, 0xfa, 0xfb, 0x9f };

	return ops[pick(p, sizeof(ops))];
}

static void store_ahead(struct program *p)
{
	uint32_t distance = pick(p, 5);

	PUT(p, 0xc6, 0x05);
	put32(p, here(p) + 7 + distance);
	PUT(p, short_op(p));
	if (p->paging && p->tame)
		PUT(p, 0xeb, 0);
	else
		PUT(p, short_op(p), short_op(p));
	for (unsigned i = 0; i < 6; i++)
		PUT(p, short_op(p));
	note(p);
}

/* A loop whose body is written at its end. */
static void store_behind(struct program *p)
{
	mov(p, 1, 2 + pick(p, 3));
	uint32_t from = p->at;
	PUT(p, 0x90, short_op(p), 0x90);
	arena[p->at - 2] = 0x40; /* not a change of ECX */
	PUT(p, 0xc6, 0x05);
	put32(p, p->base + from + pick(p, 3));
	PUT(p, 0x42 + (uint8_t)pick(p, 2));
	PUT(p, 0xe2, (uint8_t)(from - p->at - 2));
	note(p);
}

static void copied_code(struct program *p)
{
	uint32_t to = COPIES + pick(p, 2 * PAGE - 64);

	PUT(p, 0xeb, 0);
	uint32_t over = p->at - 1, function = p->at;
	arithmetic(p);
	read_selectors(p);
	push_flags(p);
	PUT(p, 0xc3);
	uint32_t end = p->at;
	land(p, over);
	mov(p, 6, p->base + function);
	mov(p, 7, p->base + to);
	mov(p, 1, end - function);
	PUT(p, 0xf3, 0xa4);
	mov(p, 0, p->base + to);
	PUT(p, 0xff, 0xd0);
}

/* The stack is in the code's page, behind the code or in the slot itself. */
static void stack_in_code(struct program *p)
{
	PUT(p, 0x89, 0xe7, 0xeb, 16);
	for (unsigned i = 0; i < 16; i++)
		PUT(p, (uint8_t)any(p));
	PUT(p, 0xbc);
	put32(p, here(p) - 1);
	PUT(p, 0x9c, 0x58, 0x50, 0x0e, 0x59, 0x5a);
	note(p);
	PUT(p, 0x89, 0xfc);
}

/* --- strings --- */

static void strings(struct program *p)
{
	static const uint8_t ops[] = { 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf };

	mov(p, 1, pick(p, 24));
	mov(p, 6, data(p));
	mov(p, 7, chance(p, 4) ? p->base + ABSENT - pick(p, 40) : data(p));
	if (chance(p, 3))
		PUT(p, 0xfd);
	if (chance(p, 2))
		PUT(p, chance(p, 2) ? 0xf3 : 0xf2);
	if (chance(p, 5))
		PUT(p, 0x66);
	PUT(p, ops[pick(p, sizeof(ops))]);
	note(p);
	PUT(p, 0xfc);
}

/* --- exceptions --- */

static void exceptions(struct program *p)
{
	switch (pick(p, 8)) {
	case 0: PUT(p, 0xcc); break;
	case 1: PUT(p, 0xcd, (uint8_t)(VECTOR_NOTE + 2 * pick(p, 2))); break;
	case 2: PUT(p, 0xcd, (uint8_t)(VECTOR_ABSENT + pick(p, 3))); break;
	case 3: PUT(p, 0xce); break;
	case 4: PUT(p, 0x0f, 0x0b); break;
	case 5: PUT(p, 0xf7, (uint8_t)(0xf0 | pick(p, 2) << 3 | reg(p))); break;
	case 6:
		PUT(p, 0x62, (uint8_t)(reg(p) << 3 | 5));
		put32(p, data(p));
		break;
	default: PUT(p, 0xf1);
	}
}

static void page_faults(struct program *p)
{
	uint32_t at = p->base + (chance(p, 2) ? ABSENT : READ_ONLY) + pick(p, 8) - 4;

	if (!p->paging)
		return;
	switch (pick(p, 4)) {
	case 0: PUT(p, 0xa1); break;
	case 1: PUT(p, 0xa3); break;
	case 2: PUT(p, 0xff, 0x05); break;
	default: PUT(p, 0xff, 0x35); /* push */
	}
	put32(p, at);
	note(p);
}

static void frames(struct program *p)
{
	mov(p, 5, p->base + STACK - 512); /* ENTER copies what is below */
	PUT(p, 0xc8, (uint8_t)(pick(p, 16) * 4), 0, (uint8_t)pick(p, 3));
	PUT(p, 0x50 | reg(p), 0xc9);
}

static void segments(struct program *p)
{
	static const uint8_t seg[] = { 0, 3, 4, 5, 2 };
	uint8_t r = reg(p), s = seg[pick(p, 5)];

	any_selector(p, r);
	arena[p->at - 4] &= 0xfc; /* in ring 1, with RPL 1, it would be refused for no reason, or
				     the other way round */
	PUT(p, 0x8e, (uint8_t)(0xc0 | s << 3 | r));
	PUT(p, 0x8c, (uint8_t)(0xc0 | s << 3 | reg(p)));
	mov(p, 0, SEL_DATA);
	PUT(p, 0x8e, (uint8_t)(0xc0 | s << 3));
}

static void prefixes(struct program *p)
{
	static const uint8_t some[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0xf2, 0xf3 };
	static const uint8_t ops[] = { 0x9c, 0x40, 0x90, 0xfa, 0xfb, 0x98, 0x50, 0x0e, 0x16, 0xf9 };

	PUT(p, 0x89, 0xe7);
	for (unsigned n = 1 + pick(p, 3); n; n--)
		PUT(p, some[pick(p, sizeof(some))]);
	PUT(p, ops[pick(p, sizeof(ops))]);
	note(p);
	PUT(p, 0x89, 0xfc);
}

static void steps(struct program *p);

static void (*const usual[])(struct program *) = {
	arithmetic,   numbers,	   condition,	 loop,	      push_flags,
	pop_flags,    masking,	   iret,	 ask,	      read_selectors,
	read_tables,  jumps,	   calls,	 far_calls,   into_the_middle,
	data_in_code, store_ahead, store_behind, copied_code, stack_in_code,
	strings,      exceptions,  page_faults,	 frames,      segments,
	prefixes,     steps,	   steps
};

static void any_slot(struct program *p)
{
	unsigned n = 0;

	while (unusual[n])
		n++;
	if (chance(p, 3))
		unusual[pick(p, n)](p);
	else
		usual[pick(p, sizeof(usual) / sizeof(usual[0]))](p);
}

/* Single steps through others. */
static void steps(struct program *p)
{
	if (chance(p, 3)) /* by IRET */
		PUT(p, 0x9c, 0x80, 0x4c, 0x24, 1, 1, 0x0e, 0xe8, 0, 0, 0, 0, 0x83, 0x04, 0x24, 5,
		    0xcf);
	else /* by POPF */
		PUT(p, 0x9c, 0x80, 0x4c, 0x24, 1, 1, 0x9d);
	for (unsigned n = 1 + pick(p, 2); n; n--)
		any_slot(p);
	PUT(p, 0x9c, 0x80, 0x64, 0x24, 1, 0xfe, 0x9d); /* andb $~1, 1(%esp) */
}

void generate(struct program *p, uint32_t seed, bool tame)
{
	*p = (struct program){ .random.state = seed * 2654435761u ^ 0x5bd1e995, .tame = tame };

	for (unsigned i = 0; i < 8; i++)
		draw(&p->random);
	p->paging = chance(p, 2);
	if (p->paging)
		p->base = (0x40 + pick(p, 0xfd00)) << 16;
	fill_wildly(p, DATA, DATA + DATA_BYTES);
	p->at = CODE + pick(p, 2 * PAGE);
	unsigned slots = 8 + pick(p, SLOTS_MAX - 10);
	while (p->slots < slots && p->at < CODE_END - PAGE) {
		p->slot[p->slots++] = p->at;
		any_slot(p);
		if (chance(p, 3))
			note(p);
	}
	p->slot[p->slots++] = p->at;
	PUT(p, 0xcd, VECTOR_END);
}
