// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A 32-bit kernel for the bare PC that does nothing but attack, with random numbers from a seed. It
 * is like pv.c, with what a PC has: ports, descriptor tables, control and debug registers, far
 * transfers, three kinds of paging; in a virtual machine (machine=1) also the APICs and several
 * processors.
 *
 * It attacks until the time-stamp counter says that M milliseconds have passed since the machine's
 * start. The counter's rate is measured against the 8254 at each start.
 */
#include "pc.h"

struct self selves[VCPUS];
struct weights weights;
bool in_machine;
uint32_t memory_bytes;
volatile uint32_t mode64_seen;
uint32_t directories[VCPUS][1024] __attribute__((aligned(4096)));
uint64_t gdt[64];

extern char stacks[];
static uint64_t idts[VCPUS][256];
static struct {
	uint32_t link, esp0, ss0, rest[23];
} tasks[VCPUS];
static char cmdline[256];
static uint32_t seed, end_ms, after_ms, khz;

/* --- the console --- */

void say(const char *s)
{
	for (; *s; s++)
		outb(0x3f8, (uint8_t)*s);
}

void say_number(uint32_t v)
{
	char digits[12], *d = digits + 11;

	*d = 0;
	do
		*--d = (char)('0' + v % 10);
	while (v /= 10);
	say(d);
}

/* --- time --- */

static uint64_t tsc(void)
{
	uint64_t t;

	__asm__ volatile("rdtsc" : "=A"(t));
	return t;
}

/* A division by hand, since there is no library for it. */
static uint32_t now_ms(void)
{
	uint32_t high, low, rest, t = khz;
	uint64_t now = tsc();

	high = (uint32_t)(now >> 32);
	low = (uint32_t)now;
	__asm__("divl %4" : "=a"(low), "=d"(rest) : "a"(low), "d"(high % t), "r"(t));
	return low;
}

static uint32_t pit_count(void)
{
	outb(0x43, 0);
	uint32_t low = inb(0x40);
	return low | (uint32_t)inb(0x40) << 8;
}

/* Ten milliseconds of the 8254 are 11932 of its ticks. */
static void measure(void)
{
	uint64_t begin;

	outb(0x3f9, 0); /* disable the UART's interrupts */
	outb(0x43, 0x34);
	outb(0x40, 0xff);
	outb(0x40, 0xff);
	while (pit_count() > 60000)
		;
	begin = tsc();
	uint32_t from = pit_count();
	while (from - pit_count() < 11932)
		;
	khz = (uint32_t)(tsc() - begin) / 10;
}

/* --- devices: a timer tick detects attacks that hang --- */

#define TICK  72 /* 60 microseconds */
#define LAPIC 0xfee00000u

void set_up_devices(const struct self *s)
{
	const uint32_t pit = TICK;
	const uint8_t init[][2] = { { 0x20, 0x11 },
				    { 0x21, TIMER },
				    { 0x21, 4 },
				    { 0x21, 1 },
				    { 0xa0, 0x11 },
				    { 0xa1, TIMER + 8 },
				    { 0xa1, 2 },
				    { 0xa1, 1 },
				    { 0xa1, 0xff },
				    { 0x21, 0xfe },
				    { 0x43, 0x34 },
				    { 0x40, (uint8_t)pit },
				    { 0x40, (uint8_t)(pit >> 8) } };

	if (in_machine) {
		*at32(LAPIC + 0xf0) = 0x1ff;
		*at32(LAPIC + 0x350) = s->id ? 0x10000 : 0x700;
		*at32(LAPIC + 0x3e0) = 0xb;
		*at32(LAPIC + 0x320) = s->id ? 0x20000 | TIMER : 0x10000;
		*at32(LAPIC + 0x380) = s->id ? 60000 * (1000000 / khz) : 0;
	}
	if (s->id)
		return;
	for (unsigned i = 0; i < sizeof(init) / sizeof(init[0]); i++)
		outb(init[i][0], init[i][1]);
}

/* --- repairs after an attack --- */

struct table_register {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));

static void fill_gdt(void)
{
	static const uint64_t usual[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff,
					  0x004ffb200000ffff, /* ring 3: PLACE, 1 MiB */
					  0x004ff3200000ffff };

	for (unsigned i = 0; i < 5; i++)
		gdt[i] = usual[i];
	for (unsigned i = 0; i < VCPUS; i++) {
		uint32_t at = (uint32_t)&tasks[i];

		gdt[5 + i] = (sizeof(tasks[0]) - 1) | (uint64_t)(at & 0xffffff) << 16 |
			     0x89ull << 40 | (uint64_t)(at >> 24) << 56;
		tasks[i].esp0 = (uint32_t)stacks + STACK * (i + 1);
		tasks[i].ss0 = KERNEL_DS;
	}
}

static void fill_idt(unsigned id)
{
	for (unsigned i = 0; i < 256; i++) {
		uint32_t at = (uint32_t)entries + 16 * (256 * id + i);
		uint64_t type = i >= 48 ? 0xef00 : 0x8f00; /* no interrupt gates: see pc.S */

		idts[id][i] =
			(at & 0xffff) | KERNEL_CS << 16 | type << 32 | (uint64_t)(at >> 16) << 48;
	}
}

static void load_tables(const struct self *s)
{
	const struct table_register g = { sizeof(gdt) - 1, (uint32_t)gdt };
	const struct table_register i = { sizeof(idts[0]) - 1, (uint32_t)idts[s->id] };

	fill_gdt();
	__asm__ volatile("lgdt %0; lidt %1" ::"m"(g), "m"(i));
	load_segments();
	__asm__ volatile("ltr %w0" ::"r"(8 * (5 + s->id)));
}

#define CR0_PG 0x80000000u

void set_control(struct self *s)
{
	uint32_t cr0;

	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("movl %0, %%cr0" ::"r"((cr0 & ~CR0_PG) | 1));
	__asm__ volatile("movl %0, %%cr4" ::"r"(0x10));
	__asm__ volatile("movl %0, %%cr3" ::"r"(directories[s->id]));
	__asm__ volatile("movl %0, %%cr0" ::"r"(CR0_PG | 0x10031));
	s->directory = s->id;
	s->dirty &= ~DIRTY_CONTROL;
}

static void mend(struct self *s)
{
	struct random *r = &s->random;

	if ((s->dirty & DIRTY_DESCRIPTORS) && one_in(r, 4)) {
		load_tables(s);
		s->dirty &= ~DIRTY_DESCRIPTORS;
	}
	if ((s->dirty & DIRTY_CONTROL) && one_in(r, 4)) {
		set_control(s);
	}
	if ((s->dirty & DIRTY_DEVICES) && one_in(r, 8)) {
		if (s->dirty & DIRTY_CONTROL)
			set_control(s);
		set_up_devices(s);
		s->dirty &= ~DIRTY_DEVICES;
	}
}

/* --- the loop --- */

static uint32_t all_attempts(void)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < VCPUS; i++)
		sum += selves[i].attempts;
	return sum;
}

static void report(const char *what)
{
	selves[0].reporting = true;
	outb(0x3fb, 3);
	outb(0x3fc, 0);
	say("\nattacker: seed ");
	say_number(seed);
	say(what);
	say(" at ");
	say_number(now_ms());
	say(" ms, attempts ");
	say_number(all_attempts());
	say("\n");
	selves[0].reporting = false;
}

static void look_for_wrong(void)
{
	if (in_machine || !mode64_seen)
		return;
	say("\nNOT AS IT MUST: 64-bit code of a legacy guest\n");
	mode64_seen = 0;
}

void begin_anew(uint32_t id) __attribute__((noreturn));
void begin_anew(uint32_t id)
{
	selves[id].reporting = false;
	attack_on(&selves[id], stacks + STACK * (id + 1));
}

void ticked(uint32_t id);
void ticked(uint32_t id)
{
	struct self *s = &selves[id];

	if (id)
		*at32(LAPIC + 0xb0) = 0;
	else
		outb(0x20, 0x20);
	if (s->seen == s->attempts && !s->reporting)
		begin_anew(id);
	s->seen = s->attempts;
}

static void look_at_clock(const struct self *s)
{
	static bool ended;
	uint32_t now = now_ms();

	if (now > end_ms && !ended)
		report(" ends");
	ended = now > end_ms;
	if (now > end_ms + after_ms)
		outb(0xf4, 0);
	else if (!ended && s->rounds % 256 == 0)
		report(" goes on");
}

void attack_for_ever(struct self *s);
void attack_for_ever(struct self *s)
{
	__asm__ volatile("sti");
	for (;;) {
		mend(s);
		s->attempts++;
		if (++s->rounds % 64 == 0) {
			s->dirty |= DIRTY_DEVICES;
			look_for_wrong();
			if (!s->id)
				look_at_clock(s);
		}
		attacks[weights_choose(&weights, &s->random)](s);
	}
}

/* --- the beginning --- */

void begin_other(uint32_t id) __attribute__((noreturn));
void begin_other(uint32_t id)
{
	struct self *s = &selves[id];

	load_tables(s);
	set_control(s);
	set_up_devices(s);
	begin_anew(id);
}

/* INIT and startup IPIs to all others: those that are attacking already begin anew. */
void start_others(struct random *r)
{
	*at32(LAPIC + 0x300) = 0xc4500;
	*at32(LAPIC + 0x300) = 0xc4600 | (one_in(r, 16) ? below(r, 256) : TRAMPOLINE >> 12);
}

static void copy_trampoline(void)
{
	for (char *from = trampoline, *to = (char *)TRAMPOLINE; from < trampoline_end;)
		*to++ = *from++;
}

extern char text_end[], image_end[];

/* The first entry of each directory maps this code. Nothing around it is mapped, so that stray
 * execution ends in a fault. The attacks use the rest. */
static void fill_directories(void)
{
	static uint32_t low[1024] __attribute__((aligned(4096)));

	for (uint32_t at = 0x100000; at < (uint32_t)image_end; at += 4096)
		low[at >> 12] = at | (at < ((uint32_t)text_end & ~4095u) ? 1 : 3);
	for (uint32_t at = PLACE; at < PLACE_END; at += 4096)
		low[at >> 12] = at | 7;
	if (in_machine)
		low[TRAMPOLINE >> 12] = TRAMPOLINE | 3;
	for (unsigned i = 0; i < VCPUS; i++) {
		directories[i][0] = (uint32_t)low | 7;
		if (in_machine) /* both APICs */
			directories[i][0xfec00000 >> 22] = 0xfec00083;
	}
}

void pc_start(const uint32_t *multiboot);
void pc_start(const uint32_t *multiboot)
{
	const char *from = (const char *)multiboot[4];

	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	fill_idt(0);
	load_tables(&selves[0]);
	__asm__ volatile("sti");
	for (unsigned i = 0; i < sizeof(cmdline) - 1 && from[i]; i++)
		cmdline[i] = from[i];
	memory_bytes = (multiboot[2] + 1024) << 10;
	measure();
	in_machine = argument(cmdline, "machine", 0);
	seed = (uint32_t)argument(cmdline, "seed", 1);
	end_ms = (uint32_t)argument(cmdline, "ms", 1000);
	after_ms = (uint32_t)argument(cmdline, "after", 50);
	weights_read(&weights, cmdline);
	for (unsigned i = 0; i < VCPUS; i++) {
		selves[i].id = i;
		random_begin(&selves[i].random, seed, now_ms() * VCPUS + i);
		if (i)
			fill_idt(i);
	}
	fill_directories();
	set_control(&selves[0]);
	report(" begins");
	set_up_devices(&selves[0]);
	if (in_machine) {
		copy_trampoline();
		start_others(&selves[0].random);
	}
	begin_anew(0);
}
