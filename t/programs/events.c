// SPDX-License-Identifier: GPL-2.0-or-later
/* What happens to a program: each exception and INT n is noted, and leads on. */
#include "programs.h"

#define EVENTS_MAX   800
#define STEPS_MAX    300

#define FLAGS_TF     0x100u
#define FLAGS_IF     0x200u
#define FLAGS_RESULT 0x8d5u /* CF PF AF ZF SF OF */

static const struct program *program;
static struct outcome outcome;
static bool shown, busy;
static unsigned steps, slot; /* slot: the last one that it was seen in */

void on_event(uint32_t esp, uint32_t ss);

static void note(uint32_t v)
{
	outcome.sum = ((outcome.sum << 7 | outcome.sum >> 25) ^ v) * 16777619;
}

static void show(const char *name, uint32_t v, unsigned digits)
{
	say(name);
	say_hex(v, digits);
}

/* In one line of the hypervisor's console, which has 239 characters. */
static void show_frame(const struct frame *f, uint32_t esp, uint32_t ss, uint32_t cr2)
{
	static const char *const names[] = { " gs ",  " fs ", " es ",  " ds ",	" edi ", " esi ",
					     " ebp ", "",     " ebx ", " edx ", " ecx ", " eax " };
	const uint32_t *word = &f->gs;

	show("event ", f->vector, 2);
	show(" error ", f->error, 4);
	show(" eip ", f->eip, 8);
	show(" flags ", f->eflags, 8);
	show(" cs ", f->cs, 4);
	show(" esp ", esp, 8);
	show(" ss ", ss, 4);
	show(" cr2 ", cr2, 8);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (*names[i])
			show(names[i], word[i], i < 4 ? 4 : 8);
	say("\n");
}

static void note_frame(const struct frame *f, uint32_t esp, uint32_t ss)
{
	const uint32_t *word = &f->gs;
	uint32_t cr2 = 0;

	if (f->vector == 14)
		__asm__ volatile("movl %%cr2, %0" : "=r"(cr2));
	for (unsigned i = 0; i < 4; i++) /* a null selector may lose its RPL on the way from ring 1 */
		note((word[i] & 0xffff) < 4 ? 0 : word[i] & 0xffff);
	for (unsigned i = 4; i < sizeof(*f) / 4; i++)
		note(word[i]);
	note(esp);
	note(ss);
	note(cr2);
	if (shown)
		show_frame(f, esp, ss, cr2);
}

/* Notes the slot that an address is in, unless it is in none. */
static void reach(uint32_t eip)
{
	uint32_t at = eip % ARENA_BYTES;

	if (at >= program->at)
		return;
	while (slot + 1 < program->slots && program->slot[slot + 1] <= at)
		slot++;
}

/* A new frame, on an empty stack, which leads to an address with these registers. */
static void lead(const struct frame *from, uint32_t flags, uint32_t to)
{
	struct frame *f;

	resume_ss = SEL_DATA;
	resume_esp = program->base + STACK - sizeof(*f);
	f = (struct frame *)resume_esp;
	*f = *from;
	f->gs = f->fs = f->es = f->ds = SEL_DATA;
	f->eip = program->base + to;
	f->cs = SEL_CODE;
	f->eflags = flags;
}

static void skip(const struct frame *f)
{
	if (++slot >= program->slots)
		leave_program();
	lead(f, (f->eflags & (FLAGS_RESULT | FLAGS_IF)) | 2, program->slot[slot]);
}

static uint32_t base_of(uint32_t selector)
{
	uint64_t d = selector & 4 ? 0 : gdt[selector / 8];

	return (d >> 16 & 0xffffff) | (uint32_t)(d >> 56) << 24;
}

void on_event(uint32_t esp, uint32_t ss)
{
	struct frame *f = (struct frame *)(esp + base_of(ss));

	if (busy) {
		outcome.broken = true;
		leave_program();
	}
	busy = true;
	f->eflags &= ~0x3000u; /* IOPL stays 0 in ring 1 */
	note_frame(f, esp, ss);
	resume_esp = esp;
	resume_ss = ss;
	for (unsigned i = 0; i < 4; i++) /* QEMU does not check for null, what is emulated does */
		if (((&f->gs)[i] & 0xffff) < 4)
			(&f->gs)[i] = SEL_DATA;
	reach(f->eip);
	if (f->vector == VECTOR_END || ++outcome.events > EVENTS_MAX)
		leave_program();
	if (f->vector == 1 && ++steps > STEPS_MAX)
		f->eflags &= ~FLAGS_TF;
	if (f->vector == 0 || (f->vector > 4 && f->vector < 32))
		skip(f);
	busy = false;
}

struct outcome run(const struct program *p, bool show_all)
{
	struct random r = p->random;
	struct frame f = { 0 };

	program = p;
	outcome = (struct outcome){ 0 };
	shown = show_all;
	steps = slot = 0;
	busy = false;
	for (uint32_t *reg = &f.edi; reg <= &f.eax; reg++)
		*reg = draw(&r);
	lead(&f, 2, p->slot[0]);
	enter_program();
	return outcome;
}
