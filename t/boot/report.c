// SPDX-License-Identifier: GPL-2.0-or-later
/* A kernel that says what it found at its entry: registers, Multiboot information (0.6.96, section
 * 3.3), the sums of its modules, whether anything of that lies where its image is, the BIOS's data
 * and the MP table (MultiProcessor Specification 1.4, chapter 4). */
#include "../guests-pc/serial.h"

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader_name;
};

struct module {
	uint32_t start, end, string, reserved;
};

struct range {
	uint32_t size, base, base_high, length, length_high, type;
};

extern char image[], bss_end[];
static char untouched[0x3000]; /* in .bss: must be zero */
static uint32_t filled = 0x600df00d;

static void say_value(const char *name, uint32_t value)
{
	static const char digits[] = "0123456789abcdef";
	char text[9];

	for (unsigned i = 0; i < 8; i++)
		text[i] = digits[value >> (28 - 4 * i) & 15];
	text[8] = 0;
	say(name);
	say(text);
}

static const char *pointer(uint32_t address)
{
	return (const char *)(uintptr_t)address;
}

static void say_place(const char *name, uint32_t at)
{
	say_value(name, at);
	say((uintptr_t)image <= at && at < (uintptr_t)bss_end ? " IN THE IMAGE\n" : "\n");
}

static void say_modules(const struct info *info)
{
	const struct module *m = (const void *)pointer(info->mods_addr);

	for (unsigned i = 0; i < info->mods_count; i++) {
		uint32_t sum = 0;

		for (uint32_t at = m[i].start; at < m[i].end; at++)
			sum = sum * 31 + (uint8_t)*pointer(at);
		say_place("module at ", m[i].start);
		say_value("  bytes ", m[i].end - m[i].start);
		say_value(" sum ", sum);
		say(" string ");
		say(pointer(m[i].string));
		say("\n");
	}
}

static void say_ranges(const struct info *info)
{
	for (uint32_t at = 0; at < info->mmap_length;) {
		const struct range *r = (const void *)pointer(info->mmap_addr + at);

		say_value("range ", r->base);
		say_value(" bytes ", r->length);
		say_value(" type ", r->type);
		say("\n");
		at += r->size + 4;
	}
}

static uint32_t word(uint32_t at)
{
	uint16_t value;

	__asm__ volatile("movw (%1), %0" : "=r"(value) : "r"(at)); /* gcc takes it for NULL */
	return value;
}

static void say_bios(void)
{
	say_value("bios com1 ", word(0x400));
	say_value(" extended ", word(0x40e));
	say_value(" memory ", word(0x413));
	say_value(" columns ", word(0x44a));
	say_value(" crtc ", word(0x463));
	say_value(" rows ", word(0x484) & 255);
	say("\n");
}

static uint32_t sum(uint32_t at, uint32_t bytes)
{
	uint32_t s = 0;

	for (; bytes; bytes--)
		s += (uint8_t)*pointer(at++);
	return s & 255;
}

/* Each entry as its bytes; those of processors have 20. */
static void say_mp_table(void)
{
	uint32_t at = 0xf0000;

	while (at < 0x100000 && *(const uint32_t *)(const void *)pointer(at) != 0x5f504d5f)
		at += 16;
	uint32_t table = *(const uint32_t *)(const void *)pointer(at + 4);
	say_value("mp at ", at);
	say_value(" sum ", sum(at, 16));
	say_value(" table sum ", sum(table, word(table + 4)));
	say("\n");
	uint32_t entry = table + 44;
	for (uint32_t n = word(table + 34); n; n--) {
		unsigned bytes = *pointer(entry) ? 8 : 20;

		say_value("mp entry ", *(const uint32_t *)(const void *)pointer(entry));
		say_value(" ", *(const uint32_t *)(const void *)pointer(entry + 4));
		say("\n");
		entry += bytes;
	}
	say(entry == table + word(table + 4) ? "mp whole\n" : "mp BROKEN\n");
}

void report(uint32_t eax, uint32_t ebx, uint32_t esp);
void report(uint32_t eax, uint32_t ebx, uint32_t esp)
{
	uint32_t used = 0;

	for (unsigned i = 0; i < sizeof(untouched); i++)
		used |= (uint8_t)untouched[i];
	say_value("eax ", eax);
	say(used || filled != 0x600df00d ? " THE IMAGE IS DAMAGED\n" : " image whole\n");
	say_place("stack at ", esp);
	if (eax == 0x2badb002) {
		const struct info *info = (const void *)pointer(ebx);

		say_place("information at ", ebx);
		say_value("flags ", info->flags & 0x24d);
		say("\nloader ");
		say(pointer(info->loader_name));
		say("\ncmdline ");
		say(pointer(info->cmdline));
		say("\n");
		say_ranges(info);
		say_modules(info);
	}
	if ((uintptr_t)image >= 0x100000) {
		say_bios();
		say_mp_table();
	}
	say("report ends\n");
	outb(0xf4, 0);
}
