// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/system.h"

#include "pc/bus.h"

#define CONTROL	   0x92
#define DEBUG_EXIT 0xf4
#define RESET	   0x01
#define A20	   0x02

static uint64_t in(void *device, struct bus_access a)
{
	(void)device;
	return a.at == CONTROL ? A20 : 0xff;
}

static void out(void *device, struct bus_access a, uint64_t value)
{
	struct bus *b = device;

	if (a.at == DEBUG_EXIT)
		b->owner->end(b, (uint8_t)value, "exit by port 0xf4");
	else if (value & RESET)
		b->owner->restart(b);
}

void system_attach(struct bus *b)
{
	static const struct bus_functions functions = { in, out, 1 };

	bus_add_ports(b, CONTROL, 1, &functions, b);
	bus_add_ports(b, DEBUG_EXIT, 1, &functions, b);
}
