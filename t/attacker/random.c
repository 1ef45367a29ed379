// SPDX-License-Identifier: GPL-2.0-or-later
#include "random.h"

void random_begin(struct random *r, uint64_t seed, uint64_t more)
{
	r->state = seed * 0x9e3779b97f4a7c15 + more * 0xbf58476d1ce4e5b9 + 1;
	if (!r->state)
		r->state = 1;
	for (unsigned i = 0; i < 8; i++)
		random64(r);
}

static const char *after(const char *text, const char *name)
{
	for (; *text; text++) {
		unsigned i = 0;

		while (name[i] && text[i] == name[i])
			i++;
		if (!name[i] && text[i] == '=')
			return text + i + 1;
	}
	return NULL;
}

uint64_t argument(const char *cmdline, const char *name, uint64_t otherwise)
{
	const char *digit = after(cmdline, name);
	uint64_t n = 0;

	if (!digit)
		return otherwise;
	for (; *digit >= '0' && *digit <= '9'; digit++)
		n = n * 10 + (uint64_t)(*digit - '0');
	return n;
}

void weights_read(struct weights *w, const char *cmdline)
{
	const char *digit = after(cmdline, "weights");

	w->sum = 0;
	for (unsigned i = 0; i < KINDS; i++) {
		char c = digit && *digit > ' ' ? *digit++ : '4';

		w->of[i] = (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10) & 15;
		w->sum += w->of[i];
	}
}

unsigned weights_choose(const struct weights *w, struct random *r)
{
	unsigned at = below(r, w->sum ? w->sum : 1), kind = 0;

	while (kind < KINDS - 1 && at >= w->of[kind])
		at -= w->of[kind++];
	return kind;
}

uint16_t random_port(struct random *r)
{
	static const uint16_t known[] = { 0x20,	 0x21,	0x40,  0x43,  0x60,  0x61,  0x64,  0x70,
					  0x71,	 0x80,	0x92,  0xa0,  0xa1,  0xcf8, 0xcf9, 0xcfc,
					  0x3c0, 0x3d4, 0x3f8, 0x3fd, 0x4d0, 0x600, 0x608, 0xfff8 };

	if (one_in(r, 4))
		return (uint16_t)random32(r);
	return (uint16_t)(known[below(r, sizeof(known) / sizeof(known[0]))] + below(r, 8));
}

uint32_t random_msr(struct random *r)
{
	static const uint32_t known[] = {
		0,	    0x10,	0x1b,	    0x8b,	0xfe,	    0x174,	0x175,
		0x176,	    0x179,	0x1a0,	    0x1d9,	0x200,	    0x277,	0x2ff,
		0x38f,	    0x3a,	0x480,	    0x570,	0x600,	    0x800,	0xd90,
		0xda0,	    0x40000000, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100,
		0xc0000101, 0xc0000102, 0xc0000103, 0xc0010015, 0xc0010114, 0xc0010117
	};

	if (one_in(r, 8))
		return random32(r);
	return known[below(r, sizeof(known) / sizeof(known[0]))] + about(r, 6);
}

/* Selectors of the interface, nearby ones, and every RPL. */
uint16_t random_selector(struct random *r)
{
	static const uint16_t known[] = { 0, 0x08, 0x10, 0x18, 0x20, 0x28, 0x1031, 0x1039, 0xfff8 };
	unsigned s = known[below(r, sizeof(known) / sizeof(known[0]))];

	if (one_in(r, 8))
		return (uint16_t)random32(r);
	if (one_in(r, 2))
		return (uint16_t)s;
	return (uint16_t)(s + 8 * below(r, 8) - 8 * below(r, 8)) ^ (uint16_t)below(r, 8);
}

uint64_t random_descriptor(struct random *r)
{
	static const uint64_t known[] = {
		0,
		0x00cf9b000000ffff, /* flat code and data, rings 0 and 3 */
		0x00cf93000000ffff,
		0x00cffb000000ffff,
		0x00cff3000000ffff,
		0x00af9b000000ffff, /* 64-bit code */
		0x00affb000000ffff,
		0x00cf9f000000ffff, /* conforming */
		0x00cf97000000ffff, /* expand-down */
		0x0000890000000067, /* a TSS, of 32 bits or 64 */
		0x00008200000000ff, /* an LDT */
		0x0000ec0000081000, /* call, trap, interrupt and task gates */
		0x0000ef0000081000,
		0x0000ee0000081000,
		0x0000e50000280000,
		0xffffec0010000000,
	};
	uint64_t d = known[below(r, sizeof(known) / sizeof(known[0]))];

	if (one_in(r, 8))
		return random64(r);
	while (one_in(r, 2))
		d ^= 1ull << (one_in(r, 2) ? 40 + below(r, 16) : below(r, 64));
	return d;
}

/* Bit 1 is always set in a processor; it is for the hypervisor to refuse the rest. */
uint32_t random_flags(struct random *r)
{
	uint32_t flags = one_in(r, 2) ? 0x202 : 2;

	while (one_in(r, 2))
		flags ^= 1u << below(r, 22);
	return one_in(r, 16) ? random32(r) : flags;
}

uint32_t random_breakpoints(struct random *r, unsigned off)
{
	uint32_t dr7 = random32(r) & (one_in(r, 2) ? 0xffff03ff : ~0u);

	if (one_in(r, 2))
		return 0x400;
	for (unsigned i = 0; i < 4; i++)
		if (off >> i & 1)
			dr7 &= ~(3u << 2 * i);
	return dr7;
}

/* What comes after the opcode. */
enum tail {
	NOTHING,
	MODRM,	  /* any */
	REGISTER, /* a register */
	MEMORY,	  /* at EDI, ESI or a random address */
	IMM8,
	IMM32,
	FAR, /* an offset of 32 bits and a selector */
};

struct form {
	uint8_t bytes, opcode[3], tail;
};

static const struct form forms[] = {
	{ 1, { 0xfa }, NOTHING }, /* cli */
	{ 1, { 0xfb }, NOTHING }, /* sti */
	{ 1, { 0xf4 }, NOTHING }, /* hlt */
	{ 1, { 0x9c }, NOTHING }, /* pushf */
	{ 1, { 0x9d }, NOTHING }, /* popf */
#ifdef __x86_64__ /* QEMU 7.2 enters virtual-8086 mode by the short form, which ends the attack */
	{ 2, { 0x48, 0xcf }, NOTHING }, /* iretq */
#else
	{ 1, { 0xcf }, NOTHING }, /* iret */
#endif
	{ 1, { 0xcd }, IMM8 },		       /* int */
	{ 1, { 0xcc }, NOTHING },	       /* int3 */
	{ 1, { 0xf1 }, NOTHING },	       /* icebp */
	{ 1, { 0xe4 }, IMM8 },		       /* in */
	{ 1, { 0xe5 }, IMM8 },		       /**/
	{ 1, { 0xe6 }, IMM8 },		       /* out */
	{ 1, { 0xe7 }, IMM8 },		       /**/
	{ 1, { 0xec }, NOTHING },	       /* in by dx */
	{ 1, { 0xed }, NOTHING },	       /**/
	{ 1, { 0xee }, NOTHING },	       /* out */
	{ 1, { 0xef }, NOTHING },	       /**/
	{ 1, { 0x6c }, NOTHING },	       /* ins, outs */
	{ 1, { 0x6d }, NOTHING },	       /**/
	{ 1, { 0x6e }, NOTHING },	       /**/
	{ 1, { 0x6f }, NOTHING },	       /**/
	{ 2, { 0xf3, 0x6c }, NOTHING },	       /* rep */
	{ 2, { 0xf3, 0x6f }, NOTHING },	       /**/
	{ 2, { 0x0f, 0x00 }, MODRM },	       /* sldt, str, lldt, ltr, verr, verw */
	{ 2, { 0x0f, 0x01 }, MEMORY },	       /* sgdt, sidt, lgdt, lidt, smsw, lmsw, invlpg */
	{ 2, { 0x0f, 0x01 }, REGISTER },       /* VT-x and AMD-V, xsetbv, swapgs ... */
	{ 3, { 0x0f, 0x01, 0xd1 }, NOTHING },  /* xsetbv */
	{ 2, { 0x0f, 0x02 }, MODRM },	       /* lar */
	{ 2, { 0x0f, 0x03 }, MODRM },	       /* lsl */
	{ 2, { 0x0f, 0x05 }, NOTHING },	       /* syscall */
	{ 2, { 0x0f, 0x06 }, NOTHING },	       /* clts */
	{ 2, { 0x0f, 0x07 }, NOTHING },	       /* sysret */
	{ 2, { 0x0f, 0x08 }, NOTHING },	       /* invd */
	{ 2, { 0x0f, 0x09 }, NOTHING },	       /* wbinvd */
	{ 2, { 0x0f, 0x20 }, REGISTER },       /* mov from cr, from dr, to cr, to dr */
	{ 2, { 0x0f, 0x21 }, REGISTER },       /**/
	{ 2, { 0x0f, 0x22 }, REGISTER },       /**/
	{ 2, { 0x0f, 0x23 }, REGISTER },       /**/
	{ 2, { 0x0f, 0x30 }, NOTHING },	       /* wrmsr */
	{ 2, { 0x0f, 0x31 }, NOTHING },	       /* rdtsc */
	{ 2, { 0x0f, 0x32 }, NOTHING },	       /* rdmsr */
	{ 2, { 0x0f, 0x33 }, NOTHING },	       /* rdpmc */
	{ 2, { 0x0f, 0x34 }, NOTHING },	       /* sysenter */
	{ 2, { 0x0f, 0x35 }, NOTHING },	       /* sysexit */
	{ 2, { 0x0f, 0xa2 }, NOTHING },	       /* cpuid */
	{ 2, { 0x0f, 0xaa }, NOTHING },	       /* rsm */
	{ 2, { 0x0f, 0xae }, MODRM },	       /* fxsave, xsave, fsgsbase ... */
	{ 2, { 0x0f, 0xc7 }, MODRM },	       /* cmpxchg8b, xsaves, vmptrld, rdrand ... */
	{ 3, { 0xf3, 0x0f, 0xae }, REGISTER }, /* fsgsbase */
	{ 3, { 0x66, 0x0f, 0x38 }, MODRM },    /* invept, invvpid, invpcid */
	{ 1, { 0x8c }, MODRM },		       /* mov from segment */
	{ 1, { 0x8e }, MODRM },		       /* mov to segment */
	{ 2, { 0x8e, 0xd0 }, NOTHING },	       /* mov ss, ax: blocks interrupts */
	{ 2, { 0x0f, 0xa1 }, NOTHING },	       /* pop fs */
	{ 1, { 0x17 }, NOTHING },	       /* pop ss */
	{ 1, { 0x1f }, NOTHING },	       /* pop ds */
	{ 2, { 0x0f, 0xb2 }, MEMORY },	       /* lss */
	{ 1, { 0xff }, MEMORY },	       /* call and jmp far, among others */
	{ 1, { 0x9a }, FAR },		       /* call far */
	{ 1, { 0xea }, FAR },		       /* jmp far */
	{ 1, { 0xcb }, NOTHING },	       /* ret far */
	{ 2, { 0x48, 0xcb }, NOTHING },	       /**/
	{ 1, { 0xc8 }, IMM32 },		       /* enter */
	{ 2, { 0x0f, 0x0b }, NOTHING },	       /* ud2 */
};

static unsigned put32(uint8_t *to, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> 8 * i);
	return 4;
}

static unsigned tail(struct random *r, uint8_t *to, enum tail t)
{
	uint16_t selector = random_selector(r);

	switch (t) {
	case MODRM: *to = (uint8_t)random32(r); return 1;
	case REGISTER: *to = (uint8_t)random32(r) | 0xc0; return 1;
	case MEMORY: *to = (uint8_t)(below(r, 8) << 3 | (one_in(r, 2) ? 7 : 6)); return 1;
	case IMM8: *to = (uint8_t)random32(r); return 1;
	case IMM32: return put32(to, random32(r));
	case FAR:
		put32(to, random32(r) >> below(r, 32));
		to[4] = (uint8_t)selector;
		to[5] = (uint8_t)(selector >> 8);
		return 6;
	default: return 0;
	}
}

/* Instructions that QEMU 7.2 executes wrongly in a kernel. It takes the CPL from SS, and a null
 * selector, which ring 1 may load, gives ring 0. Some breakpoints crash it, see
 * random_breakpoints(). */
static bool is_left_out(const struct form *f)
{
	bool loads_ss = f->opcode[0] == 0x8e || (f->opcode[0] == 0x0f && f->opcode[1] == 0xb2);

	return (loads_ss && sizeof(long) == 8) || (f->opcode[0] == 0x0f && f->opcode[1] == 0x23);
}

/* Makes instructions rare that end a kernel: those that lose its stack, or a 32-bit one its
 * descriptor tables. at: the bytes after the opcode. */
static void tame(uint8_t *at, const struct form *f)
{
	bool is_table = f->opcode[0] == 0x0f && f->opcode[1] < 2 && (*at & 0x30) == 0x10;
	bool is_lar = f->opcode[0] == 0x0f && (f->opcode[1] == 2 || f->opcode[1] == 3);

	if (f->tail == IMM32) /* enter */
		at[1] = 0;
	if (f->tail != MODRM && f->tail != REGISTER && f->tail != MEMORY)
		return;
	if (is_table && sizeof(long) == 4)
		*at ^= 0x30;
	if ((*at & 0xc7) == 0xc4) /* ESP */
		*at ^= 4;
	if (is_lar && (*at & 0x38) == 0x20)
		*at ^= 0x20;
}

unsigned random_instruction(struct random *r, uint8_t *to, bool kernel)
{
	static const uint8_t prefixes[] = { 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x66,
					    0x67, 0xf0, 0xf2, 0xf3, 0x48, 0x4f };
	const struct form *f;
	unsigned n = 0;

	do
		f = &forms[below(r, sizeof(forms) / sizeof(forms[0]))];
	while (kernel && is_left_out(f));
	while (n < 12 && one_in(r, 8))
		to[n++] = prefixes[below(r, sizeof(prefixes))];
	for (unsigned i = 0; i < f->bytes; i++)
		to[n++] = f->opcode[i];
	unsigned behind = tail(r, to + n, f->tail);
	/* LTR: QEMU 7.2 accepts a null selector, and aborts at the next entry to ring 0 */
	if (f->opcode[0] == 0x0f && f->opcode[1] == 0 && (to[n] & 0x38) == 0x18)
		to[n] ^= 0x20;
	if (kernel && below(r, 256))
		tame(to + n, f);
	return n + behind;
}

static unsigned put_text(char *to, const char *s)
{
	unsigned n = 0;

	while (s[n]) {
		to[n] = s[n];
		n++;
	}
	return n;
}

unsigned random_forgery(struct random *r, char *to)
{
	static const char *const ways[] = { "\b",	 "\r", "\x1b[D",  "\x7f",
					    "\x08 \x08", "\v", "\x9b\x44" };
	static const char *const lines[] = { "veneer: forged", "neighbour: forged",
					     "veneer: all done, all forged" };
	const char *way = ways[below(r, sizeof(ways) / sizeof(ways[0]))];
	unsigned times = one_in(r, 2) ? 10 : about(r, 4), n = 0;

	if (one_in(r, 4))
		to[n++] = '\n';
	for (unsigned i = 0; i < times && n < FORGED_MAX - 34; i++)
		n += put_text(to + n, way);
	n += put_text(to + n, lines[below(r, 3)]);
	if (one_in(r, 2))
		to[n++] = '\n';
	return n;
}
