// SPDX-License-Identifier: GPL-2.0-or-later
/* Loading a Linux kernel: guest/bzimage.c, and what guest/load.c notes of it. */
#define VENEER_HOST
#include "proof.h"

#include "machine_address.h"
#include "guest/bzimage.c"
#include "guest/load.c"
#include "lib/string.c"

static bool inside(const void *file, uint64_t bytes, const void *at, uint64_t length)
{
	uint64_t offset = (uint64_t)at - (uint64_t)file;

	return offset <= bytes && length <= bytes - offset;
}

void vcpu_start_at(struct vcpu *v, const struct regs *r, gpa_t root, uint32_t gdt)
{
	(void)v, (void)r, (void)root, (void)gdt;
}

/* Writes to the buffer, and reads what has an end or as much as the buffer takes. */
void claim_copy_string(char *to, const char *s, size_t size)
{
	memset(to, *s, size);
}

PROOF(copy_string, "copy_string stays in its buffer, and reads up to the end of the string: "
		   "buffers of up to 6 bytes, strings of up to 8")
{
	char to[6], s[9];
	uint8_t size = any_u8(), length = any_u8();

	assume(size <= sizeof(to) && length < sizeof(s));
	s[sizeof(s) - 1] = 0;
	copy_string(to + sizeof(to) - size, s + (sizeof(s) - 1 - length), size);
	possible(size == sizeof(to) && length == sizeof(s) - 1);
}

SEPARATELY(add_kernel);
SEPARATELY(add_initrd);
SEPARATELY(bzimage_begin);

PROOF(bzimage,
      "a bzImage is read inside its file, and what is loaded lies in the file and goes to the "
      "guest's RAM: every file and module, guests of up to 16 TiB")
{
	struct guest g;
	struct guest_config config;
	const struct board board = { .low_bytes = KIB(639) };
	uint64_t ram_bytes = (uint64_t)any_u32() << PAGE_SHIFT;

	const char *ram = any_memory(ram_bytes, PAGE_SIZE);
	guest_memory_init(&g.memory, machine_address(ram), ram_bytes, MPA(0), 0);
	g.image.bytes = any_u64();
	g.module.bytes = any_u64();
	assume(g.image.bytes < 1ull << 48 && g.module.bytes < 1ull << 48);
	g.image.data = any_file(g.image.bytes);
	g.module.data = any_file(g.module.bytes);
	g.load.copies = 0;
	g.config = &config;
	g.board = &board;
	assume(bzimage_is(g.image.data, g.image.bytes));
	assume(!bzimage_begin(&g));
	prove(g.load.copies == (g.module.bytes ? 2 : 1));
	prove(inside(g.image.data, g.image.bytes, g.load.copy[0].from, g.load.copy[0].bytes));
	prove(g.load.copy[0].to.v <= ram_bytes &&
	      g.load.copy[0].bytes <= ram_bytes - g.load.copy[0].to.v);
	if (g.module.bytes)
		prove(g.load.copy[1].to.v <= ram_bytes &&
		      g.module.bytes <= ram_bytes - g.load.copy[1].to.v);
	bzimage_finish(&g);
	possible(g.module.bytes);
}
