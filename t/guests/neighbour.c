// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest that runs next to every attacker. It shows whether it gets the share that it was
 * promised, and when: it works without a pause, checks its memory as its work, and takes a timer
 * event every millisecond. All times are virtual. It prints
 *
 *	neighbour: work N in M ms, T kiloticks, longest gap G us, behind B us, K beats, A us apart
 *
 * and whether its checksum is right. N is the number of blocks of work done, G the longest time
 * without progress, A the longest time between two timer events. B is the most that the work ever
 * lagged behind a steady pace of `pace=` blocks per billion TSC ticks (not per second, since the
 * clock is calibrated anew in each run). A guest that is promised half of a core and gets it in
 * turns lags by one turn. If it gets less, the lag keeps growing.
 *
 * With `secret` it has a word that no other guest knows, in memory, and at each beat also in all
 * registers while it takes a #DB. That leaves the word where the processor has its exception
 * stacks.
 *
 * It works for `ms=` milliseconds. With `wait` it continues until it gets a key, or for `most=`
 * milliseconds; with `tell=` it says when so many have passed. An h is answered, so that the test
 * knows that the neighbour is running: on a core of its own, it may start after the attacker has
 * ended.
 */
#include "guest.h"

#define BLOCK	64 /* words: well under a microsecond of work */
#define WORDS	16384
#define BEAT	1000000
#define BILLION 1000000000ull

#define SECRET	0x5ec2e70fabcd1357

static uint32_t memory[WORDS];
static volatile uint64_t secrets[512];
static volatile uint64_t last_beat, longest_apart;
static volatile unsigned beats;
static volatile bool told;

static uint32_t word(unsigned i)
{
	return i * 2654435761u;
}

static void beat(void)
{
	uint64_t now = veneer_clock_ns();

	if (beats++ && now - last_beat > longest_apart)
		longest_apart = now - last_beat;
	last_beat = now;
}

static void key(void)
{
	char c;

	while (veneer_console_read(&c, 1)) {
		if (c == 'h')
			say("neighbour: here\n");
		else
			told = true;
	}
}

/* TF raises #DB after the NOP. */
static void whisper(void *arg)
{
	__asm__ volatile(
		"movq (%0), %%rax; movq %%rax, %%rcx; movq %%rax, %%rdx; movq %%rax, %%rsi;"
		"movq %%rax, %%r8; movq %%rax, %%r9; movq %%rax, %%r10; movq %%rax, %%r11;"
		"pushfq; orq $0x100, (%%rsp); popfq; nop"
		:
		: "D"(arg)
		: "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
}

/* One block of work. Returns false if its memory has changed. */
static bool work(unsigned block)
{
	unsigned at = block * BLOCK % WORDS;
	uint32_t wrong = 0;

	for (unsigned i = at; i < at + BLOCK; i++)
		wrong |= ((volatile uint32_t *)memory)[i] ^ word(i);
	return !wrong;
}

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

struct rhythm {
	uint64_t begin, now, longest_gap;
	uint64_t first_tick, tick;
	uint64_t debt, most_debt; /* of work, in billionths of a block */
};

/* Records that a block of work was done since the last call. */
static void took(struct rhythm *r, unsigned pace)
{
	uint64_t now = veneer_clock_ns(), gap = now - r->now, tick = ticks();

	if (gap > r->longest_gap)
		r->longest_gap = gap;
	r->debt += (tick - r->tick) * pace;
	if (r->debt > r->most_debt)
		r->most_debt = r->debt;
	r->debt -= r->debt < BILLION ? r->debt : BILLION;
	r->now = now;
	r->tick = tick;
}

int guest_main(const struct veneer_start_info *info)
{
	uint64_t end = number_after(info->cmdline, "ms=") * 1000000ull;
	uint64_t most = number_after(info->cmdline, "most=") * 1000000ull;
	uint64_t tell = number_after(info->cmdline, "tell=") * 1000000ull;
	unsigned pace = number_after(info->cmdline, "pace="), blocks = 0;
	bool right = true, secret = text_after(info->cmdline, "secret");
	unsigned whispered = 0;

	for (unsigned i = 0; i < 512; i++)
		secrets[i] = SECRET;
	told = !text_after(info->cmdline, "wait");
	for (unsigned i = 0; i < WORDS; i++)
		memory[i] = word(i);
	veneer_on_event(VENEER_EVENT_TIMER, beat);
	veneer_on_event(VENEER_EVENT_CONSOLE, key);
	veneer_timer_set(veneer_clock_ns() + BEAT, BEAT);
	veneer_unmask();

	struct rhythm r = { .begin = veneer_clock_ns(), .first_tick = ticks() };
	r.tick = r.first_tick;
	for (r.now = r.begin; !told || r.now - r.begin < end; took(&r, pace)) {
		right &= work(blocks++);
		if (secret && beats != whispered) {
			whispered = beats;
			attempt(whisper, (void *)secrets);
			veneer_unmask();
		}
		if (most && r.now - r.begin > most)
			break;
		if (tell && r.now - r.begin > tell) {
			say("neighbour: has worked for a while\n");
			tell = 0;
		}
	}

	veneer_mask();
	say("neighbour: work %d in %d ms, %d kiloticks, longest gap %d us, behind %d us, %d beats, "
	    "%d us apart, "
	    "checksum %s\n",
	    blocks, (unsigned)((r.now - r.begin) / 1000000),
	    (unsigned)((r.tick - r.first_tick) / 1000), (unsigned)(r.longest_gap / 1000),
	    pace ? (unsigned)(r.most_debt / pace * 1000 / info->tsc_khz) : 0, beats,
	    (unsigned)(longest_apart / 1000), right ? "right" : "WRONG");
	expect(right, "memory as it was written");
	return 0;
}
