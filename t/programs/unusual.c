// SPDX-License-Identifier: GPL-2.0-or-later
/* Slots of what compilers do not write: 16-bit operands, ends of pages, segments, any bytes. */
#include "parts.h"

/* --- branches with a 16-bit operand: what follows runs where the address is cut to that --- */

static void small_jump_to_register(struct program *p)
{
	uint8_t r = reg(p);

	mov(p, r, any(p));
	uint32_t at = p->at - 4;
	if (chance(p, 3))
		PUT(p, 0x66);
	PUT(p, 0x66, 0xff, 0xe0 | r);
	arena[at] = (uint8_t)p->at;
	arena[at + 1] = (uint8_t)(p->at >> 8);
}

static void small_jump(struct program *p)
{
	uint32_t before = p->at;

	switch (pick(p, 6)) {
	case 0: PUT(p, 0x66, 0xeb, 0); break;
	case 1: PUT(p, 0x66, (uint8_t)(0x70 | pick(p, 16)), 0); break;
	case 2: PUT(p, 0x66, (uint8_t)(0xe0 + pick(p, 4)), 0); break;
	case 3: PUT(p, 0x66, 0xe9, 0, 0); break;
	case 4: PUT(p, 0x66, 0x0f, (uint8_t)(0x80 | pick(p, 16)), 0, 0); break;
	default: small_jump_to_register(p); return;
	}
	uint32_t from = p->at;
	for (unsigned n = pick(p, 5); n; n--)
		PUT(p, short_op(p));
	arena[from - (from == before + 3 ? 1 : 2)] = (uint8_t)(p->at - from);
}

static void small_call(struct program *p)
{
	uint8_t release = (uint8_t)pick(p, 3) * 2;

	PUT(p, 0xeb, 0);
	uint32_t over = p->at - 1, function = p->at;
	arithmetic(p);
	if (release)
		PUT(p, 0x66, 0xc2, release, 0);
	else
		PUT(p, 0x66, 0xc3);
	land(p, over);
	if (release)
		PUT(p, 0x66, 0x68, 0x34, 0x12);
	if (release > 2)
		PUT(p, 0x66, 0x6a, 0x56);
	if (chance(p, 2)) {
		PUT(p, 0x66, 0xe8);
		put16(p, function - p->at - 2);
	} else {
		mov(p, 2, (any(p) & 0xffff0000) | function);
		PUT(p, 0x66, 0xff, 0xd2);
	}
	note(p);
}

/* Back to where the program is told to be. */
static void return_to_base(struct program *p)
{
	PUT(p, 0x68);
	put32(p, here(p) + 5);
	PUT(p, 0xc3);
}

/* --- memory and stack --- */

/* With 16-bit addresses, which are in the arena whatever the registers contain. */
static void small_addresses(struct program *p)
{
	static const uint8_t ops[] = { 0x01, 0x03, 0x29, 0x2b, 0x31, 0x33, 0x39,
				       0x3b, 0x85, 0x87, 0x89, 0x8b, 0x8d };
	uint8_t rm = (uint8_t)pick(p, 8), mod = (uint8_t)(pick(p, 3) << 6);

	mov(p, 3, (any(p) & 0xffff0000) | (DATA + pick(p, 0x400)));
	mov(p, 5, (any(p) & 0xffff0000) | (DATA + pick(p, 0x400)));
	mov(p, 6, (any(p) & 0xffff0000) | pick(p, 0x400));
	mov(p, 7, (any(p) & 0xffff0000) | pick(p, 0x400));
	if (rm == 4 || rm == 5 || (rm == 6 && !mod)) { /* SI, DI, or a constant alone */
		rm = 7;
		mod = 0x40;
	}
	PUT(p, 0x67, ops[pick(p, sizeof(ops))], (uint8_t)(mod | pick(p, 3) << 3 | rm));
	if (mod == 0x40)
		PUT(p, (uint8_t)pick(p, 128));
	else if (mod)
		put16(p, pick(p, 256));
	note(p);
}

static void stack_operands(struct program *p)
{
	switch (pick(p, 6)) {
	case 0: PUT(p, 0xff, 0x35); break;				/* push */
	case 1: PUT(p, 0x8f, 0x05); break;				/* pop */
	case 2: PUT(p, 0x8f, (uint8_t)(0x05 | pick(p, 8) << 3)); break; /* a POP in QEMU */
	case 3: PUT(p, 0x60, 0x9c, 0x83, 0xc4, 4, 0x61); return;
	case 4: PUT(p, 0x54, 0x5c); return;
	default: PUT(p, 0x66, 0x60, 0x66, 0x61); return;
	}
	put32(p, data(p));
}

/* Pops beyond the stack's page, of which the next one is not present; pushes find room. */
static void stack_ends(struct program *p)
{
	static const struct {
		uint8_t op, bytes;
	} pops[] = { { 0x9d, 4 }, { 0x9d, 4 }, { 0xcf, 12 }, { 0xcf, 12 },
		     { 0xc3, 4 }, { 0xcb, 8 }, { 0x58, 4 },  { 0x61, 32 },
		     { 0x07, 4 }, { 0x1f, 4 }, { 0x17, 4 } };
	unsigned which = pick(p, sizeof(pops) / sizeof(pops[0]));
	bool small = chance(p, 5);

	if (!p->paging)
		return;
	PUT(p, 0xbc);
	put32(p, p->base + ABSENT - pick(p, small ? pops[which].bytes / 2u : pops[which].bytes));
	if (small)
		PUT(p, 0x66);
	PUT(p, pops[which].op);
}

/* The next slot begins just before the end of a page. */
static void edge(struct program *p)
{
	uint32_t to = (p->at | (PAGE - 1)) - pick(p, 24);

	if (to > CODE_END - PAGE || to < p->at + 5)
		return;
	PUT(p, 0xe9);
	put32(p, to - p->at - 4);
	p->at = to;
}

/* Code that ends where a page does, of which the next one is not present. */
static void code_ends(struct program *p)
{
	if (!p->paging)
		return;
	PUT(p, 0xc7, 0x05); /* nop; inc; stc; mov $..., of which the constant is not there */
	put32(p, p->base + ABSENT - 4);
	PUT(p, 0x90, 0x40, 0xf9, 0xb8);
	mov(p, 0, p->base + ABSENT - pick(p, 5));
	PUT(p, 0xff, 0xe0);
}

static void too_long(struct program *p)
{
	for (unsigned n = 13 + pick(p, 4); n; n--)
		PUT(p, chance(p, 2) ? 0x66 : 0x3e);
	PUT(p, chance(p, 2) ? 0x90 : 0x9c);
	note(p);
}

/* --- segments --- */

/* Selectors with RPL 1 or 2 are refused natively, RPL 1 is not in ring 1. */
static void selector_of_ring_0(struct program *p)
{
	any_selector(p, 0);
	arena[p->at - 4] &= 0xfc;
}

static void usual_segments(struct program *p)
{
	mov(p, 0, SEL_DATA);
	PUT(p, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0x8e, 0xe0, 0x8e, 0xe8);
}

static void pop_segments(struct program *p)
{
	static const uint8_t pops[] = { 0x07, 0x1f, 0x07, 0x1f, 0x17 };

	selector_of_ring_0(p);
	PUT(p, 0x50);
	if (chance(p, 2))
		PUT(p, pops[pick(p, 5)]);
	else
		PUT(p, 0x0f, chance(p, 2) ? 0xa1 : 0xa9);
	note(p);
	usual_segments(p);
}

static void far_pointers(struct program *p)
{
	uint32_t at = DATA + pick(p, DATA_BYTES / 4 - 4) * 4;

	PUT(p, 0xc7, 0x05); /* movl, then movw */
	put32(p, p->base + at);
	put32(p, p->base + STACK - 64);
	selector_of_ring_0(p);
	PUT(p, 0x66, 0xa3);
	put32(p, p->base + at + 4);
	if (chance(p, 2))
		PUT(p, chance(p, 2) ? 0xc4 : 0xc5, (uint8_t)(reg(p) << 3 | 5));
	else if (chance(p, 2))
		PUT(p, 0x0f, chance(p, 2) ? 0xb4 : 0xb5, (uint8_t)(reg(p) << 3 | 5));
	else
		PUT(p, 0x0f, 0xb2, 0x25); /* lss, %esp */
	put32(p, p->base + at);
	note(p);
	usual_segments(p);
}

static void far_jumps(struct program *p)
{
	static const uint8_t refused[] = { 0,		SEL_DATA,    SEL_CONST,
					   SEL_NO_DATA, SEL_NO_CODE, SEL_EMPTY };
	uint16_t selector = chance(p, 4) ? refused[pick(p, sizeof(refused))] : code_selector(p);
	bool jump = chance(p, 2);

	if (!jump) { /* but RET */
		PUT(p, 0x68);
		put32(p, selector);
	}
	PUT(p, jump ? 0xea : 0x68);
	put32(p, here(p) + (jump ? 6 : 5));
	if (jump)
		put16(p, selector);
	else
		PUT(p, 0xcb);
	read_selectors(p);
}

/* CS, or SS, with another base: with paging, it is the arena again. */
static void moved(struct program *p)
{
	if (!p->paging)
		return;
	if (chance(p, 2)) {
		PUT(p, 0xea);
		put32(p, here(p) + 6);
		put16(p, SEL_MOVED);
		arithmetic(p);
		push_flags(p);
		read_selectors(p);
		note(p);
		PUT(p, 0xea);
		put32(p, here(p) + 6);
		put16(p, SEL_CODE);
	} else {
		mov(p, 0, SEL_MOVED_SS);
		PUT(p, 0x8e, 0xd0, 0x51);
		push_flags(p);
		PUT(p, 0x16, 0x5a);
		note(p);
		PUT(p, 0x58);
		usual_segments(p);
	}
}

/* --- any bytes, with registers that lead into the arena --- */

/* Whether a byte could begin an instruction that ends the machine, leads to another ring, or is not
 * to be compared. */
static bool is_wild(uint8_t b)
{
	switch (b) {
	case 0x0f:
	case 0x62:	    /* EVEX */
	case 0x6c ... 0x6f: /* ports */
	case 0x8e:	    /* selectors with any RPL */
	case 0x9a:
	case 0x9d:
	case 0xc0 ... 0xc1: /* RCL and RCR, see README.md */
	case 0xd0 ... 0xd3:
	case 0xc2 ... 0xc3: /* anywhere */
	case 0xff:
	case 0xc8:	    /* moves ESP far */
	case 0xc4 ... 0xc5: /* VEX */
	case 0xca ... 0xcb:
	case 0xcf:
	case 0xd8 ... 0xdf: /* x87 */
	case 0xe4 ... 0xea: /* ports, and jumps and calls by 32 bits */
	case 0xec ... 0xf0:
	case 0xf4: return true;
	default: return false;
	}
}

/* No branch leads back, and INT n only to the note. */
void fill_wildly(struct program *p, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		uint8_t before = i > from ? arena[i - 1] : 0;

		do
			arena[i] = (uint8_t)any(p);
		while (is_wild(arena[i]));
		if ((before & 0xf0) == 0x70 || (before >= 0xe0 && before <= 0xe3) || before == 0xeb)
			arena[i] = (uint8_t)pick(p, 8);
		else if (before == 0xcd)
			arena[i] = VECTOR_NOTE;
	}
}

static void wild(struct program *p)
{
	if (!p->paging || p->tame)
		return;
	for (uint8_t r = 0; r < 8; r++)
		if (r != 4)
			mov(p, r, r == 1 ? pick(p, 30) : data(p));
	uint32_t to = p->at + 8 + pick(p, 24);
	fill_wildly(p, p->at, to);
	p->at = to;
	for (unsigned i = 0; i < 8; i++)
		PUT(p, 0x90);
	PUT(p, 0xbc); /* whatever the stack was */
	put32(p, p->base + STACK - 256);
	note(p);
}

void (*const unusual[])(struct program *) = {
	small_jump, small_jump, small_call, return_to_base, small_addresses, stack_operands,
	stack_ends, edge,	code_ends,  too_long,	    pop_segments,    far_pointers,
	far_jumps,  moved,	wild,	    (void *)0
};
