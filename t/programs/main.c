// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Generates and runs the programs of a range of seeds, and prints a line for each. On the command
 * line: first=SEED count=N; `show` prints each program's bytes and all that happened too; `tame` is
 * explained in README.md.
 */
#include "programs.h"

uint64_t gdt[19] = {
	[SEL_CODE / 8] = 0x00cf9b000000ffff,	 [SEL_DATA / 8] = 0x00cf93000000ffff,
	[SEL_OTHER / 8] = 0x00cf9b000000ffff,	 [SEL_CONFORM / 8] = 0x00cf9f000000ffff,
	[SEL_CONST / 8] = 0x00cf91000000ffff,	 [SEL_NO_DATA / 8] = 0x00cf13000000ffff,
	[SEL_NO_CODE / 8] = 0x00cf1b000000ffff,	 [SEL_USER / 8] = 0x00cff3000000ffff,
	[SEL_USERCODE / 8] = 0x00cffb000000ffff, [SEL_BASED / 8] = 0x0040930080000fff,
	[SEL_BLIND / 8] = 0x00cf99000000ffff,	 [SEL_STACK / 8] = 0x00cf93000000ffff,
	[SEL_MOVED / 8] = 0x00cf9b010000ffff,	 [SEL_MOVED_SS / 8] = 0x00cf93010000ffff,
};
static uint64_t idt[VECTOR_NO] __attribute__((aligned(8)));
static uint64_t ldt[2];
static uint32_t task[26];

struct table_register {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));
void load_tables(const struct table_register *gdt, const struct table_register *idt);

void main(const uint32_t *multiboot);

void say_hex(uint32_t v, unsigned digits)
{
	char s[9] = { 0 };

	for (unsigned i = digits; i--; v >>= 4)
		s[i] = "0123456789abcdef"[v & 15];
	say(s);
}

static uint64_t system_segment(const void *at, uint32_t bytes, uint64_t type)
{
	uint32_t a = (uint32_t)at;

	return (bytes - 1) | (uint64_t)(a & 0xffffff) << 16 | type << 40 |
	       (uint64_t)(a >> 24) << 56;
}

static void set_up_tables(void)
{
	const struct table_register g = { sizeof(gdt) - 1, (uint32_t)gdt },
				    i = { sizeof(idt) - 1, (uint32_t)idt };
	uint32_t at = (uint32_t)stubs;

	ldt[1] = gdt[SEL_DATA / 8];
	gdt[SEL_TASK / 8] = system_segment(task, sizeof(task), 0x89);
	gdt[SEL_LOCAL / 8] = system_segment(ldt, sizeof(ldt), 0x82);
	gdt[SEL_GATE / 8] = 0x00008c0000080000;
	for (unsigned v = 0; v < VECTOR_NO; v++, at += 16) {
		uint64_t type = v == VECTOR_TRAP ? 0x8f00 : v == VECTOR_ABSENT ? 0x0e00 : 0x8e00;

		idt[v] = (at & 0xffff) | SEL_CODE << 16 | type << 32 | (uint64_t)(at >> 16) << 48;
	}
	load_tables(&g, &i);
	__asm__ volatile("ltr %w0; lldt %w1" ::"r"(SEL_TASK), "r"(SEL_LOCAL));
}

/* --- paging --- */

static uint32_t directory[1024] __attribute__((aligned(PAGE)));
static uint32_t low[1024] __attribute__((aligned(PAGE)));    /* the harness is there */
static uint32_t around[1024] __attribute__((aligned(PAGE))); /* the program */
static uint32_t other[1024] __attribute__((aligned(PAGE)));

static void set_up_paging(const struct program *p)
{
	const uint32_t first = p->base >> 12 & 1023;

	for (uint32_t i = 0; i < 1024; i++) {
		other[i] = around[i] = i % 16 * PAGE | 3;
		low[i] = i < 256 ? other[i] : i * PAGE | 3;
		directory[i] = (uint32_t)other | 3;
	}
	around[first + ABSENT / PAGE] = 0;
	around[first + READ_ONLY / PAGE] = READ_ONLY | 1;
	directory[p->base >> 22] = (uint32_t)around | 3;
	directory[0] = (uint32_t)low | 3;
}

#define CR0_ALWAYS 0x10031u /* WP, NE, ET, PE */

static void set_paging(const struct program *p, bool on)
{
	if (on)
		set_up_paging(p);
	__asm__ volatile("movl %0, %%cr3; movl %1, %%cr0" ::"r"(directory),
			 "r"(on ? CR0_ALWAYS | 0x80000000u : CR0_ALWAYS)
			 : "memory");
}

/* --- the command line --- */

static char words[256];

/* The number behind a name, or 1 if there is none; 0: the name is not there. */
static uint32_t option(const char *name)
{
	for (const char *s = words; *s; s++) {
		const char *w = s, *n = name;
		uint32_t v = 0;

		while (*n && *w == *n)
			w++, n++;
		if (*n || (s != words && s[-1] != ' '))
			continue;
		if (*w++ != '=')
			return 1;
		for (; *w >= '0' && *w <= '9'; w++)
			v = 10 * v + (uint32_t)(*w - '0');
		return v;
	}
	return 0;
}

static void show_code(const struct program *p)
{
	say(p->paging ? "paging, at " : "at ");
	say_hex(p->base, 8);
	for (unsigned i = 0; i < p->slots; i++) {
		uint32_t from = p->slot[i], to = i + 1 < p->slots ? p->slot[i + 1] : p->at;

		say("\nslot ");
		say_hex(p->base + from, 8);
		say(" ");
		for (; from < to; from++)
			say_hex(arena[from], 2);
	}
	say("\n");
}

static void try(uint32_t seed, bool show)
{
	static struct program p;

	for (uint32_t i = 0; i < ARENA_BYTES / 4; i++)
		((uint32_t *)arena)[i] = i < CODE_END / PAGE * 1024 ? 0xffffffff : 0;
	generate(&p, seed, option("tame"));
	if (show)
		show_code(&p);
	set_paging(&p, p.paging);
	struct outcome o = run(&p, show);
	set_paging(&p, false);
	for (uint32_t i = 0; i < ARENA_BYTES / 4; i++)
		o.sum = (o.sum ^ ((uint32_t *)arena)[i]) * 16777619 + i;
	say("program ");
	say_number(seed);
	say(o.broken ? ": BROKEN " : ": ");
	say_hex(o.sum, 8);
	say(", ");
	say_number(p.slots);
	say(" slots, ");
	say_number(o.events);
	say(" events\n");
}

void main(const uint32_t *multiboot)
{
	const char *line = (const char *)multiboot[4];

	for (unsigned i = 0; line[i] && i < sizeof(words) - 1; i++)
		words[i] = line[i];
	outb(0x21, 0xff); /* a BIOS leaves the timer on */
	outb(0xa1, 0xff);
	set_up_tables();
	uint32_t first = option("first"), count = option("count");
	say("programs from ");
	say_number(first);
	say("\n");
	for (uint32_t i = 0; i < count; i++)
		try(first + i, option("show"));
	say("all done\n");
	outb(0xf4, 0);
	for (;;)
		__asm__ volatile("cli; hlt");
}
