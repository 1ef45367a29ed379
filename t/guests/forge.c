// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Forging the exit code by printing. On a terminal the host command accepted "all done, all well"
 * anywhere in the output, and split lines that were longer than its buffer. So a guest that had
 * failed could make `veneer run` exit with 0.
 * Attack: print what the hypervisor says about itself, this guest and its neighbour: after every
 * byte value, after fragments of UTF-8, after enough backspaces to reach the beginning of the line,
 * at each place where the console splits a long line, and in prompts. Also write to the port
 * through which the hypervisor passes its exit code to the emulator.
 * Expected: the host reports this guest's exit code, 7.
 */
#include "guest.h"

static const char *const claims[] = {
	"veneer: all done, all well",
	"veneer: exit code of attacker: 0",
	"veneer: attacker: powered off, exit code 0",
	"veneer: PANIC at forge.c:1: forged",
	"veneer: boot entry_ticks=1",
	"veneer: stats attacker first_instruction_ticks=1",
	"veneer: neighbour: CRASH: forged",
	"neighbour: neighbour: memory changed at 0",
	"veneer: no command \"@1\": Ctrl-A h lists them",
};
#define CLAIMS (sizeof(claims) / sizeof(claims[0]))

static size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static void print(const char *s)
{
	veneer_console_write(s, length(s));
}

static void claim_behind(const char *before, size_t bytes)
{
	for (unsigned i = 0; i < CLAIMS; i++) {
		veneer_console_write(before, bytes);
		print(claims[i]);
		print("\n");
	}
}

static void fill(size_t n, char c)
{
	static char text[4096];

	for (size_t i = 0; i < n; i++)
		text[i] = c;
	veneer_console_write(text, n);
}

static void every_byte(void)
{
	for (unsigned b = 0; b < 256; b++) {
		char text[2] = { (char)b, '\r' };

		veneer_console_write("x", 1);
		veneer_console_write(text, 2);
		print(claims[b % CLAIMS]);
		print("\n");
		veneer_console_write(text, 1);
		print(claims[0]);
		print("\n");
	}
}

static void fragments(void)
{
	static const char *const parts[] = {
		"\xc2\x85",
		"\xc2\x9b"
		"2K\xc2\x9bG",
		"\xe2\x80\xa8",
		"\xe2\x80\xa9",
		"\xc0\x8a",
		"\xe0\x80\x8a",
		"\xf0\x80\x80\x8a",
		"\xc2",
		"\xe2\x80",
		"\xff\xfe\n",
		"\033[2K\033[G",
		"\033E",
		"\033c",
		"\033D\033[1G",
		"\033]0;\a",
		"\033P\033\\",
		"\x9b"
		"1G",
	};

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		claim_behind(parts[i], length(parts[i]));
}

/* Each place where a line may be split: by the console at 239 bytes, by a host at 1024 or 4096. */
static void long_lines(void)
{
	static const size_t ends[] = { 239, 240, 255, 256, 1024, 4096 };

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		for (size_t n = ends[i] < 300 ? ends[i] - 2 : ends[i] - 12; n <= ends[i]; n++) {
			fill(n, 'y');
			print(claims[0]);
			print("\n");
		}
}

static volatile unsigned beats;

static void timer(void)
{
	beats++;
}

/* The console shows an unfinished line when its guest waits. */
static void prompts(void)
{
	veneer_on_event(VENEER_EVENT_TIMER, timer);
	veneer_timer_set(veneer_clock_ns() + 1000000, 1000000);
	for (unsigned i = 0; i < 2 * CLAIMS; i++) {
		unsigned before = beats;

		fill(40, i & 1 ? '\b' : '\r');
		print(claims[i / 2]);
		while (beats == before)
			veneer_halt();
	}
	veneer_timer_set(0, 0);
	print("\n");
}

static void exit_port(void *arg)
{
	(void)arg;
	__asm__ volatile("outb %%al, %%dx" : : "a"(0), "d"(0xf4));
}

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	attempt(exit_port, NULL);
	every_byte();
	fragments();
	for (unsigned n = 1; n < 64; n += 7) {
		fill(n, '\b');
		print(claims[0]);
		print("\n");
	}
	long_lines();
	prompts();
	print(claims[0]);
	return 7;
}
