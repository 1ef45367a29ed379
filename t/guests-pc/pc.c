// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc.h"

uint64_t gdt[64] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff,
		     0x00cff3000000ffff };
uint64_t idt[256];
unsigned failures;

extern char stubs[];
void load_gdt_asm(const struct table_register *r);
void pc_start(void);

static void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

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

void expect(bool good, const char *what)
{
	if (good)
		return;
	failures++;
	say("NOT AS IT MUST: ");
	say(what);
	say("\n");
}

void load_gdt(uint16_t limit)
{
	struct table_register r = { limit, (uint32_t)gdt };

	load_gdt_asm(&r);
}

void pc_start(void)
{
	static struct table_register r = { sizeof(idt) - 1, 0 };

	load_gdt(sizeof(gdt) - 1);
	for (unsigned i = 0; i < 256; i++) {
		uint32_t at = (uint32_t)stubs + 16 * i;

		idt[i] = (at & 0xffff) | 0x08 << 16 | 0x8e00ull << 32 | (uint64_t)(at >> 16) << 48;
	}
	r.base = (uint32_t)idt;
	__asm__ volatile("lidt %0" ::"m"(r));
	int verdict = guest_main();
	say(failures || verdict ? "NOT WELL\n" : "well\n");
	outb(0xf4, failures ? 1 : (uint8_t)verdict);
}
