// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Garbage in the vCPU page, and on the console.
 * Attack: random values in every field of the vCPU page that the hypervisor reads, again and again,
 * with events pending; terminal escapes and other guests' names in the output; long lines; and
 * numbers, to check how guests print them.
 * Expected: no line on the console looks like another guest's, and the guest only hurts itself.
 */
#include "guest.h"

static uint32_t seed = 1;

static uint32_t noise(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 3;
}

static volatile unsigned beats;

static void timer(void)
{
	beats++;
}

static void console(void)
{
	static const char text[] =
		"harmless\r\nveneer: all done, all well\r\033[2J\033]0;title\007\n\x9b\x80\n";
	static char longest[4096];

	veneer_console_write(text, sizeof(text) - 1);
	for (unsigned i = 0; i < sizeof(longest); i++)
		longest[i] = 'x';
	longest[4095] = '\n';
	veneer_console_write(longest, sizeof(longest));
	say("numbers %d %d %u %x\n", -1, -2147483647 - 1, 4294967295u, 0xbeefu);
}

static void vcpu_page(const struct veneer_start_info *info)
{
	veneer_on_event(VENEER_EVENT_TIMER, timer);
	veneer_timer_set(veneer_clock_ns() + 100000, short_period(info));
	for (unsigned i = 0; i < 200000; i++) {
		veneer_vcpu.irq_pending = noise();
		veneer_vcpu.events = noise() % 4 ? 0 : ~0ull;
		veneer_vcpu.user_sp = (uint64_t)noise() << 40;
		veneer_vcpu.cr2 = noise();
		veneer_vcpu.id = noise();
		if (i % 16 == 0)
			veneer_unmask();
		if (i % 16 == 8)
			veneer_mask();
	}
	veneer_mask();
	veneer_timer_set(0, 0);
	veneer_vcpu.events = 0;
	expect(beats > 0, "events still come");
}

int guest_main(const struct veneer_start_info *info)
{
	console();
	vcpu_page(info);
	return 0;
}
