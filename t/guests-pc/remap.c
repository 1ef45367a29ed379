// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel that changes its page tables in every way there is, and says so as late as it may. The
 * hypervisor keeps what it has read of them over loads of CR3, and reads again what was written.
 * Attack: entries changed by moves, exchanges, string and x87 instructions, through other mappings
 * of a table, through a directory that is its own table, and by pushes with the stack in a table;
 * tables that become data, and data that becomes a table; one page at two addresses, written by one
 * instruction; CR0.WP on and off. Expected: what INVLPG or a load of CR3 has made visible is there,
 * and so is an entry that was not present before. (The guest hurts itself alone.)
 */
#include "pc.h"

#define PAGE	    4096u
#define DIRECTORIES 3
#define SLOTS	    48 /* entries of each table that are used */
#define FRAMES	    40
#define FIRST	    0x800000u	/* the frames, each with its number in all words */
#define OWN	    0x40000000u /* by each directory's own table */
#define SHARED	    0x40400000u /* by one table of all */
#define ALIASES	    0x40800000u /* all tables again */
#define SELF	    0xffc00000u /* the directory as its own table */
#define BESIDE	    0xff1f0000u /* near the hypervisor's window; each directory has a page of its own \
				 */
#define PRESENT 0x27u
#define ROUNDS	4000

static uint32_t low[1024] __attribute__((aligned(PAGE)));
static uint32_t high[1024] __attribute__((aligned(PAGE)));
static uint32_t aliases[1024] __attribute__((aligned(PAGE)));
static uint32_t directory[DIRECTORIES][1024] __attribute__((aligned(PAGE)));
/* A table moves to another page from time to time. */
static uint32_t pages[2 * (DIRECTORIES + 1)][1024] __attribute__((aligned(PAGE)));
static uint32_t beside[DIRECTORIES][1024] __attribute__((aligned(PAGE)));
static unsigned page_of[DIRECTORIES + 1];
static unsigned want[DIRECTORIES + 1][SLOTS]; /* frame + 1; 0: not present */
static unsigned current;
static uint64_t writes;

static void load_cr3(unsigned d)
{
	current = d;
	__asm__ volatile("movl %0, %%cr3" ::"r"(directory[d]) : "memory");
}

static void set_cr0(uint32_t set, uint32_t clear)
{
	uint32_t cr0;

	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("movl %0, %%cr0" ::"r"((cr0 | set) & ~clear) : "memory");
}

static void invlpg(uint32_t va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* Of the table that maps OWN in the current directory, or SHARED. */
static uint32_t *self_entry(unsigned table, unsigned slot)
{
	uint32_t va = table == DIRECTORIES ? SHARED : OWN;

	return (uint32_t *)(SELF + (va >> 12) * 4) + slot;
}

static void push(uint32_t *at, uint32_t e)
{
	__asm__ volatile(
		"movl %%esp, %%ecx; movl %0, %%esp; pushl %1; movl %%ecx, %%esp" ::"r"(at + 1),
		"r"(e)
		: "ecx", "memory");
}

static void write_entry(uint32_t *at, uint32_t e)
{
	uint32_t old = *at, *to = at, count = 1;
	const uint32_t *from = &e;
	int32_t number = (int32_t)e;

	writes++;
	switch (noise() % 8) {
	case 0: __asm__ volatile("xchgl %0, %1" : "+r"(e), "+m"(*at)); break;
	case 1:
		__asm__ volatile("lock cmpxchgl %2, %1" : "+a"(old), "+m"(*at) : "r"(e));
		if (*at != from[0])
			*(volatile uint32_t *)at = e; /* an accessed bit came in between */
		break;
	case 2: __asm__ volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(count)::"memory"); break;
	case 3: push(at, e); break;
	case 4: __asm__ volatile("fildl %1; fistpl %0" : "=m"(*at) : "m"(number)); break;
	case 5:
		for (unsigned i = 0; i < 4; i++)
			((volatile uint8_t *)at)[i] = (uint8_t)(e >> 8 * i);
		break;
	default: *(volatile uint32_t *)at = e;
	}
}

static uint32_t *entry_at(unsigned table, unsigned slot)
{
	uint32_t *page = pages[page_of[table]];

	switch (noise() % 4) {
	case 0: return (uint32_t *)(ALIASES + ((uint32_t)page - (uint32_t)pages)) + slot;
	case 1:
		if (table == current || table == DIRECTORIES)
			return self_entry(table, slot);
		/* fall through */
	default: return page + slot;
	}
}

static void change(unsigned table, unsigned slot)
{
	unsigned to = noise() % (FRAMES + 4);
	uint32_t va = (table == DIRECTORIES ? SHARED : OWN) + slot * PAGE;
	bool used = table == current || table == DIRECTORIES, was = want[table][slot];

	want[table][slot] = to < FRAMES ? to + 1 : 0;
	write_entry(entry_at(table, slot), to < FRAMES ? (FIRST + to * PAGE) | PRESENT : 0);
	if (!used || !was)
		return; /* visible at once, or when its directory is loaded */
	if (noise() % 2)
		invlpg(va);
	else
		load_cr3(current);
}

static uint32_t value;

static void read_at(uint32_t va)
{
	value = *(volatile uint32_t *)va;
}

static void look(unsigned table, unsigned slot)
{
	uint32_t va = (table == DIRECTORIES ? SHARED : OWN) + slot * PAGE + noise() % 1024 * 4;
	int vector = attempt(read_at, va);

	if (!want[table][slot])
		expect(vector == 14, "a page that is not present");
	else
		expect(vector == -1 && value == want[table][slot] - 1,
		       "the page that the entry names");
}

/* The table goes to its other page, and the old one is data, which looks like entries. */
static void move_table(unsigned table)
{
	unsigned to = page_of[table] < DIRECTORIES + 1 ? page_of[table] + DIRECTORIES + 1
						       : page_of[table] - DIRECTORIES - 1;
	uint32_t *old = pages[page_of[table]];

	for (unsigned i = 0; i < 1024; i++)
		pages[to][i] = old[i];
	page_of[table] = to;
	for (unsigned d = 0; d < DIRECTORIES; d++)
		if (d == table || table == DIRECTORIES)
			write_entry(&directory[d][(d == table ? OWN : SHARED) >> 22],
				    (uint32_t)pages[to] | PRESENT);
	load_cr3(current);
	for (unsigned i = 0; i < 1024; i++)
		old[i] = (FIRST + noise() % FRAMES * PAGE) | PRESENT;
}

/* One instruction, two addresses of one page: the last bytes of one and the first of the next. */
static void write_twice(void)
{
	volatile uint32_t *at = (volatile uint32_t *)(SHARED + (SLOTS + 1) * PAGE - 2);

	*at = 0x12345678;
	expect(*at == 0x12345678, "a write across two addresses of a page");
	*at = 0;
	for (unsigned i = 0; i < 2; i++)
		((volatile uint16_t *)(FIRST + FRAMES * PAGE))[i ? 2047 : 0] = 0;
}

/* With CR0.WP clear the kernel may write to a page that is read-only, and then it may not. */
static void write_protected(unsigned slot)
{
	volatile uint32_t *at = (volatile uint32_t *)(SHARED + slot * PAGE);

	if (!want[DIRECTORIES][slot])
		return;
	uint32_t number = want[DIRECTORIES][slot] - 1;
	write_entry(entry_at(DIRECTORIES, slot), (FIRST + number * PAGE) | (PRESENT & ~2u));
	set_cr0(0, 0x10000);
	invlpg((uint32_t)at);
	*at = 77;
	expect(*(volatile uint32_t *)(FIRST + number * PAGE) == 77, "a write with CR0.WP clear");
	*at = number;
	set_cr0(0x10000, 0);
	write_entry(entry_at(DIRECTORIES, slot), (FIRST + number * PAGE) | PRESENT);
}

static void paging_on(void)
{
	for (unsigned i = 0; i < 1024; i++) {
		low[i] = i * PAGE | PRESENT;
		high[i] = (0x800000 + i * PAGE) | PRESENT;
	}
	for (unsigned t = 0; t < sizeof(pages) / PAGE; t++)
		aliases[t] = (uint32_t)pages[t] | PRESENT;
	for (unsigned t = 0; t <= DIRECTORIES; t++)
		page_of[t] = t;
	for (unsigned i = 0; i < 2; i++) /* write_twice() */
		pages[DIRECTORIES][SLOTS + i] = (FIRST + FRAMES * PAGE) | PRESENT;
	for (unsigned d = 0; d < DIRECTORIES; d++) {
		directory[d][0] = (uint32_t)low | PRESENT;
		directory[d][FIRST >> 22] = (uint32_t)high | PRESENT;
		directory[d][OWN >> 22] = (uint32_t)pages[d] | PRESENT;
		directory[d][SHARED >> 22] = (uint32_t)pages[DIRECTORIES] | PRESENT;
		directory[d][ALIASES >> 22] = (uint32_t)aliases | PRESENT;
		beside[d][BESIDE >> 12 & 1023] = (FIRST + d * PAGE) | PRESENT;
		directory[d][BESIDE >> 22] = (uint32_t)beside[d] | PRESENT;
		directory[d][SELF >> 22] = (uint32_t)directory[d] | PRESENT;
	}
	load_cr3(0);
	set_cr0(0x80010000, 0);
}

int guest_main(void)
{
	outb(0x21, 0xff); /* natively a BIOS has left some lines open */
	outb(0xa1, 0xff);
	for (uint32_t f = 0; f <= FRAMES; f++)
		for (uint32_t i = 0; i < 1024; i++)
			((uint32_t *)(FIRST + f * PAGE))[i] = f;
	paging_on();
	for (unsigned n = 0; n < ROUNDS && !failures; n++) {
		change(noise() % (DIRECTORIES + 1), noise() % SLOTS);
		if (noise() % 4 == 0)
			load_cr3(noise() % DIRECTORIES);
		for (unsigned i = 0; i < 4; i++)
			look(noise() % 2 ? current : DIRECTORIES, noise() % SLOTS);
		expect(*(volatile uint32_t *)BESIDE == current, "the directory's own page");
		if (noise() % 64 == 0)
			move_table(noise() % (DIRECTORIES + 1));
		if (noise() % 64 == 0)
			write_twice();
		if (noise() % 64 == 0)
			write_protected(noise() % SLOTS);
	}
	say("changed ");
	say_number((uint32_t)writes);
	say(" entries\n");
	return failures != 0;
}
