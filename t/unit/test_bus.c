// SPDX-License-Identifier: GPL-2.0-or-later
/* The PC's bus: which device is found at an address, and which registrations are refused. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pc/acpi_pm.h"
#include "pc/bus.h"
#include "pc/hpet.h"
#include "pc/i8042.h"
#include "pc/i8254.h"
#include "pc/i8259.h"
#include "pc/ns16550.h"
#include "pc/pci.h"
#include "pc/rtc.h"
#include "pc/system.h"
#include "pc/vga.h"
#include "tap.h"

/* --- the PC around it: records what devices ask for --- */

static uint64_t now, level, timers_set, restarts, inputs;
static char printed;
static int exit_code;

static uint64_t clock_now(const struct bus *b)
{
	(void)b;
	return now;
}

static uint64_t seconds(const struct bus *b)
{
	(void)b;
	return 86399;
}

static void set_line(struct bus *b, unsigned irq, bool high)
{
	(void)b;
	level = (level & ~(1ull << irq)) | (uint64_t)high << irq;
}

static void set_timer(struct bus *b, unsigned timer)
{
	(void)b, (void)timer;
	timers_set++;
}

static void input(struct bus *b)
{
	(void)b;
	inputs++;
}

static bool print(struct bus *b, uint8_t byte)
{
	(void)b;
	printed = (char)byte;
	return true;
}

static unsigned prompts;

static void prompt(struct bus *b)
{
	(void)b;
	prompts++;
}

static void restart(struct bus *b)
{
	(void)b;
	restarts++;
}

static void end(struct bus *b, uint8_t code, const char *how)
{
	(void)b, (void)how;
	exit_code = code;
}

static const struct bus_owner owner = { clock_now, seconds, set_line, set_timer, input,
					print,	   prompt,  restart,  end };

/* --- the table --- */

static uint64_t device_read(void *device, struct bus_access a)
{
	return *(char *)device + a.at;
}

static void device_write(void *device, struct bus_access a, uint64_t value)
{
	(void)device, (void)a, (void)value;
}

static const struct bus_functions bytes = { device_read, device_write, 1 };
static const struct bus_functions words = { device_read, device_write, 2 | 4 };
static struct bus bus;
static char device[BUS_PORT_RANGES];

/* The device that answers, or -1. */
static int at_port(uint16_t port, unsigned width)
{
	const struct bus_range *r = bus_find(bus.port, BUS_PORT_RANGES, port, width);

	return r ? (int)((char *)r->device - device) : -1;
}

static const struct bus_range *in_memory(uint64_t at, unsigned width)
{
	return bus_find(bus.memory, BUS_MEMORY_RANGES, at, width);
}

static void test_find(void)
{
	bus_init(&bus, &owner);
	ok(at_port(0, 1) < 0 && at_port(0xffff, 1) < 0 && !in_memory(~0ull, 4),
	   "an empty bus: no device answers");
	bus_add_ports(&bus, 0x60, 1, &bytes, &device[0]);
	bus_add_ports(&bus, 0x40, 4, &bytes, &device[1]);
	bus_add_ports(&bus, 0x44, 8, &words, &device[2]);
	bus_add_ports(&bus, 0xfff8, 8, &words, &device[3]);
	ok(at_port(0x3f, 1) < 0 && at_port(0x40, 1) == 1 && at_port(0x43, 1) == 1 &&
		   at_port(0x60, 1) == 0 && at_port(0x5f, 1) < 0 && at_port(0x61, 1) < 0,
	   "a port belongs to its device, its neighbours do not");
	ok(at_port(0x40, 2) < 0 && at_port(0x44, 1) < 0 && at_port(0x44, 2) == 2 &&
		   at_port(0x48, 4) == 2,
	   "a device is asked for the widths that it takes");
	ok(at_port(0x4a, 2) == 2 && at_port(0x4b, 2) < 0 && at_port(0x49, 4) < 0 &&
		   at_port(0xfffc, 4) == 3 && at_port(0xfffd, 4) < 0,
	   "a device is asked for addresses in its range");
	bus_add_memory(&bus, 0xfee00000, 4096, &words, &device[0]);
	bus_add_memory(&bus, 0xfec00000, 4096, &words, &device[1]);
	ok(in_memory(0xfec00ffc, 4)->device == &device[1] &&
		   in_memory(0xfee00000, 4)->device == &device[0] && !in_memory(0xfec01000, 4) &&
		   !in_memory(0x40, 4) && !in_memory(~2ull, 4) && !in_memory(~0ull, 4) &&
		   !in_memory(0xfee00000, 8),
	   "memory has a table of its own");
}

/* Random ranges, added in any order, against a plain array. */
static void test_random(void)
{
	static int8_t of[0x10000];
	unsigned wrong = 0;

	for (unsigned round = 0; round < 20; round++) {
		bus_init(&bus, &owner);
		memset(of, -1, sizeof(of));
		for (unsigned n = 0; n < BUS_PORT_RANGES - 1;) {
			unsigned first = 1 + rnd() % 0xfff0, count = 1 + rnd() % 15;
			bool room = true;

			for (unsigned i = 0; i < count; i++)
				room &= of[first + i] < 0;
			if (!room)
				continue;
			bus_add_ports(&bus, (uint16_t)first, count, &bytes, &device[n]);
			memset(of + first, (int)n++, count);
		}
		for (unsigned port = 0; port < 0x10000; port++)
			wrong += at_port((uint16_t)port, 1) != of[port];
	}
	ok(!wrong, "full tables, added in any order: each port finds its device (%u wrong)", wrong);
}

/* --- bugs --- */

static void overlap_below(void)
{
	bus_add_ports(&bus, 0x3f, 2, &bytes, device);
}

static void overlap_above(void)
{
	bus_add_ports(&bus, 0x47, 1, &bytes, device);
}

static void overlap_around(void)
{
	bus_add_ports(&bus, 0x30, 0x30, &bytes, device);
}

static void same_again(void)
{
	bus_add_ports(&bus, 0x40, 8, &bytes, device);
}

static void too_far(void)
{
	bus_add_ports(&bus, 0xffff, 2, &bytes, device);
}

static void empty(void)
{
	bus_add_ports(&bus, 0x80, 0, &bytes, device);
}

static void overlap_in_memory(void)
{
	bus_add_memory(&bus, 0xfee00fff, 1, &bytes, device);
}

static void line_of_another(void)
{
	bus_add_line(&bus, 4);
}

static void too_many(void)
{
	for (unsigned i = 0; i < BUS_PORT_RANGES; i++)
		bus_add_ports(&bus, (uint16_t)(0x1000 + i), 1, &bytes, device);
}

/* Runs in a child process. */
static bool is_asserted(void (*bug)(void))
{
	pid_t child = fork();
	int status;

	if (!child) {
		signal(SIGABRT, SIG_DFL);
		fclose(stderr);
		bug();
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_bugs(void)
{
	static const struct {
		void (*bug)(void);
		const char *what;
	} bugs[] = {
		{ overlap_below, "ports that overlap the next device's" },
		{ overlap_above, "ports that overlap the device's before" },
		{ overlap_around, "ports around another device's" },
		{ same_again, "the same ports again" },
		{ too_far, "ports behind the last" },
		{ empty, "a range of no ports" },
		{ overlap_in_memory, "memory that overlaps" },
		{ line_of_another, "a line that another device has" },
		{ too_many, "more ranges than the table takes" },
	};

	bus_init(&bus, &owner);
	bus_add_ports(&bus, 0x40, 8, &bytes, device);
	bus_add_memory(&bus, 0xfee00000, 4096, &words, device);
	bus_add_line(&bus, 4);
	fflush(stdout);
	for (unsigned i = 0; i < sizeof(bugs) / sizeof(*bugs); i++)
		ok(is_asserted(bugs[i].bug), "asserted: %s", bugs[i].what);
}

/* --- timers --- */

static unsigned fired;

static void fire(void *arg)
{
	fired += arg == device;
}

static void test_timers(void)
{
	bus_init(&bus, &owner);
	unsigned other = bus_add_timer(&bus, fire, &device[1]);
	unsigned t = bus_add_timer(&bus, fire, device);

	timers_set = 0;
	bus_set_timer(&bus, t, 1000);
	bus_set_timer(&bus, t, 1000);
	ok(timers_set == 1 && bus.timer[t].at == 1000 && bus.timer[other].at == BUS_NEVER,
	   "a timer: the PC is told once");
	bus_fire(&bus, t);
	ok(fired == 1 && bus.timer[t].at == BUS_NEVER, "it fires, and is not set any longer");
	bus_set_timer(&bus, t, 1000);
	bus_reset(&bus);
	is(bus.timer[t].at, BUS_NEVER, "a reset: no timer is set");
}

/* --- the PC's devices, together --- */

static struct pic pic;
static struct pit pit;
static struct uart uart;
static struct i8042 keyboard;
static struct rtc rtc;
static struct vga vga;
static struct pci pci;
static struct acpi_pm acpi_pm;
static struct hpet hpet;

static void put_together(void)
{
	bus_init(&bus, &owner);
	pic_attach(&pic, &bus);
	pit_attach(&pit, &bus);
	uart_attach(&uart, &bus);
	i8042_attach(&keyboard, &bus);
	rtc_attach(&rtc, &bus, 64 << 20);
	vga_attach(&vga, &bus);
	pci_attach(&pci, &bus, true);
	acpi_pm_attach(&acpi_pm, &bus);
	hpet_attach(&hpet, &bus);
	system_attach(&bus);
	bus_reset(&bus);
	level = restarts = inputs = 0;
	exit_code = -1;
}

static uint64_t in(uint16_t port, unsigned width)
{
	const struct bus_range *r = bus_find(bus.port, BUS_PORT_RANGES, port, width);

	return r ? r->functions->read(r->device, (struct bus_access){ port, width, 0 }) : ~0ull;
}

static void out(uint16_t port, unsigned width, uint64_t value)
{
	const struct bus_range *r = bus_find(bus.port, BUS_PORT_RANGES, port, width);

	if (r)
		r->functions->write(r->device, (struct bus_access){ port, width, 0 }, value);
}

static void test_console(void)
{
	out(0x3f8, 1, 'x');
	is(printed, 'x', "16550: a byte is printed");
	out(0x3fc, 1, 0x0b);
	out(0x3f9, 1, 1);
	uart_receive(&uart, 'y');
	uart_update_line(&uart);
	ok(level == 1u << 4 && in(0x3f8, 1) == 'y' && inputs == 1,
	   "16550: its line, and room for more once it is read");
	i8042_type(&keyboard, 'a');
	i8042_update_line(&keyboard);
	ok((level >> 1 & 1) && in(0x60, 1) == 0x1e && !(level >> 1 & 1) && inputs == 2,
	   "8042: its line falls when the byte is read");
	is(bus.timer[keyboard.timer].at, now + 100000000, "8042: the key stays down for 100 ms");
	bus_fire(&bus, keyboard.timer);
	is(in(0x60, 1), 0x9e, "8042: then it goes up");
}

static void test_time(void)
{
	now = 5000;
	out(0x43, 1, 0x34);
	is(bus.timer[pit.timer].at, BUS_NEVER, "8254: no edge without a count");
	out(0x40, 1, 0xa9);
	out(0x40, 1, 0x04); /* 1193: a millisecond */
	uint64_t first = bus.timer[pit.timer].at;

	ok(first > now + 999000 && first < now + 1001000, "8254: the next edge has a timer");
	now = first;
	bus_fire(&bus, pit.timer);
	ok((level & 1) && bus.timer[pit.timer].at > first + 999000,
	   "8254: the edge comes, and the one behind it has the timer");
	now = 2000000000;
	out(0x70, 1, 0);
	is(in(0x71, 1), 1, "clock: seconds go on from those that the PC says");
	out(0x70, 1, 7);
	is(in(0x71, 1), 2, "clock: days go on, too");
}

static void test_ends(void)
{
	out(0x92, 1, 2);
	out(0xcf9, 1, 2);
	out(0xcf8, 4, 0x80000600); /* bit 2 of the second byte */
	ok(!restarts && in(0xcf8, 4) == 0x80000600 && in(0x92, 1) == 2, "nothing has reset");
	out(0x92, 1, 1);
	out(0xcf9, 1, 6);
	out(0x64, 1, 0xfe);
	is(restarts, 3, "resets: port 0x92, port 0xcf9, the keyboard controller");
	out(0xcf8, 4, 0x80000000);
	ok(in(0xcfc, 4) == 0x12378086 && in(0xcfc, 1) == 0x86, "PCI: the host bridge");
	out(0x604, 2, 0x0001);
	ok(exit_code < 0, "ACPI: without SLP_EN nothing ends");
	out(0x604, 2, 0x2000);
	is(exit_code, 0, "ACPI: a sleep is the end");
	out(0xf4, 1, 7);
	is(exit_code, 7, "port 0xf4: an end with a code");
	ok((in(0x608, 4) & 0xffffff) == 7159090 && !in(0x600, 2) && in(0x604, 2) == 1,
	   "ACPI: the timer, no event");
}

/* Accesses of any kind, with any value: nothing is accessed outside a structure (the sanitizers
 * check). */
static void noise(void)
{
	for (unsigned i = 0; i < 300000; i++) {
		const struct bus_range *r = &bus.port[1 + rnd() % (bus.ports - 1)];
		uint16_t port = (uint16_t)(r->first + rnd() % (r->last - r->first + 1));
		unsigned width = 1u << rnd() % 3;

		now += rnd() % 1000000;
		if (rnd() & 1)
			in(port, width);
		else
			out(port, width, rnd() & 0xffffffff);
		if (i % 64 == 0)
			bus_fire(&bus, (unsigned)(rnd() % bus.timers));
	}
	ok(true, "random accesses");
}

int main(void)
{
	test_find();
	test_random();
	test_bugs();
	test_timers();
	put_together();
	test_console();
	test_time();
	test_ends();
	noise();
	return done_testing();
}
