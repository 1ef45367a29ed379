// SPDX-License-Identifier: GPL-2.0-or-later
/* Loading a Linux kernel: where pc/image_bzimage.c and load/image.c place it, and pc/bzimage.c. */
#define VENEER_HOST
#include "proof.h"

#include "machine_address.h"
#include "pc/bzimage.c"
#include "lib/string.c"
#include "pc/image_bzimage.c"
#include "load/image.c"

static bool inside(const void *file, uint64_t bytes, const void *at, uint64_t length)
{
	uint64_t offset = (uint64_t)at - (uint64_t)file;

	return offset <= bytes && length <= bytes - offset;
}

void vcpu_start_at(struct vcpu *v, const struct regs *r, gpa_t root, uint32_t gdt)
{
	(void)v, (void)r, (void)root, (void)gdt;
}

/* Writes only to the buffer, and reads up to the end of the string or the size of the buffer. */
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

SEPARATELY(place_kernel);
SEPARATELY(image_place_module);
SEPARATELY(bzimage_place);

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
	struct file *file = &g.image.file;
	struct image_plan *plan = &g.load.plan;
	file->bytes = any_u64();
	g.module[0].bytes = any_u64();
	assume(file->bytes < 1ull << 48 && g.module[0].bytes < 1ull << 48);
	file->data = any_file(file->bytes);
	g.module[0].data = any_file(g.module[0].bytes);
	plan->copies = plan->modules = 0;
	plan->end = 0;
	plan->memory = ram_bytes;
	g.config = &config;
	g.board = &board;
	assume(bzimage_is(file));
	assume(!bzimage_place(file, g.module, plan));
	prove(plan->copies == (g.module[0].bytes ? 2 : 1));
	prove(inside(file->data, file->bytes, plan->copy[0].from, plan->copy[0].bytes));
	prove(plan->copy[0].to.v <= ram_bytes &&
	      plan->copy[0].bytes <= ram_bytes - plan->copy[0].to.v);
	if (g.module[0].bytes)
		prove(plan->copy[1].to.v <= ram_bytes &&
		      g.module[0].bytes <= ram_bytes - plan->copy[1].to.v);
	bzimage_finish(&g);
	possible(g.module[0].bytes);
}
