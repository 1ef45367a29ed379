// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc.h"

uint64_t gdt[64] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff,
		     0x00cff3000000ffff };
uint64_t idt[256];
unsigned failures;

extern char stubs[];
void load_gdt_asm(const struct table_register *r);
void pc_start(void);

void check(bool good, const char *what, const char *file, uint32_t line)
{
	if (good)
		return;
	failures++;
	say("FAILED: ");
	say(what);
	say(" (");
	say(file);
	say(":");
	say_number(line);
	say(")\n");
}

void load_gdt(uint16_t limit)
{
	struct table_register r = { limit, (uint32_t)gdt };

	load_gdt_asm(&r);
}

#define USER_CODE 0x1b
#define USER_DATA 0x23
#define TASK	  0x28

static uint32_t user_stack[256], kernel_stack[1024];
static struct {
	uint32_t link, esp0, ss0, rest[22];
	uint16_t trap, bitmap;
	uint8_t ports[8192], end;
} __attribute__((packed)) tss;

void start_user(uint16_t port)
{
	uint32_t at = (uint32_t)&tss, limit = sizeof(tss) - 1;

	for (unsigned i = 0; i < sizeof(tss.ports); i++)
		tss.ports[i] = 0xff;
	tss.end = 0xff;
	tss.ports[port / 8] = (uint8_t) ~(1u << port % 8);
	tss.bitmap = 104;
	tss.esp0 = (uint32_t)(kernel_stack + 1000);
	tss.ss0 = 0x10;
	gdt[TASK / 8] = (limit & 0xffff) | (uint64_t)(at & 0xffffff) << 16 | 0x89ull << 40 |
			(uint64_t)(at >> 24) << 56;
	__asm__ volatile("ltr %w0" ::"r"(TASK));
	idt[0x80] |= 0x6000ull << 32;
}

static void enter_user(uint32_t at)
{
	__asm__ volatile("pushl %0; pushl %1; pushl $2; pushl %2; pushl %3; iretl" ::"i"(USER_DATA),
			 "r"(user_stack + 250), "i"(USER_CODE), "r"(at));
}

int attempt_user(uint32_t at)
{
	return attempt(enter_user, at);
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
	int exit_code = guest_main();
	say(failures || exit_code ? "NOT WELL\n" : "well\n");
	outb(0xf4, failures ? 1 : (uint8_t)exit_code);
}
