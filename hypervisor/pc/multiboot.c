// SPDX-License-Identifier: GPL-2.0-or-later
/* What a Multiboot kernel finds at its entry (Multiboot 0.6.96, section 3.3), and the state in
 * which a kernel begins that has no such header: an ELF file or a flat binary. */
#include "guest/guest.h"
#include "lib/string.h"
#include "pc/vga.h"

#define MULTIBOOT_MAGIC 0x2badb002

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader_name;
	uint32_t apm_table, vbe[4];
	uint64_t framebuffer;
	uint32_t framebuffer_pitch, framebuffer_width, framebuffer_height;
	uint8_t framebuffer_bits, framebuffer_type, rest[6];
} __attribute__((packed));
_Static_assert(offsetof(struct info, framebuffer) == 88, "3.3");

#define INFO_MEMORY	 0x0001
#define INFO_CMDLINE	 0x0004
#define INFO_MODULES	 0x0008
#define INFO_MMAP	 0x0040
#define INFO_LOADER	 0x0200
#define INFO_FRAMEBUFFER 0x1000
#define FRAMEBUFFER_TEXT 2

struct module {
	uint32_t start, end, string, reserved;
};

struct range {
	uint32_t size;
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));
#define RANGES	    3
#define RAM	    1
#define RESERVED    2

#define STACK_BYTES PAGE_SIZE /* below the page of information */
#define FIRST_PLACE 0x8000    /* above the BIOS's own */

static struct range range(uint64_t from, uint64_t to, uint32_t type)
{
	return (struct range){ sizeof(struct range) - 4, from, to - from, type };
}

/* A page, filled from the front. What does not fit is cut off. */
struct page {
	char *at;
	uint32_t address, used;
};

static void *take(struct page *p, uint64_t bytes, uint32_t *address)
{
	char *to = p->at + p->used;

	*address = p->address + p->used;
	p->used += (uint32_t)ALIGN_UP(bytes, 4);
	return to;
}

static uint32_t put_text(struct page *p, const char *text, unsigned bytes)
{
	uint32_t address;
	unsigned n = MIN(bytes, PAGE_SIZE - p->used - 4);
	char *to = take(p, n + 1, &address);

	memcpy(to, text, n);
	to[n] = 0;
	return address;
}

static void put_modules(struct guest *g, struct page *p, struct info *info)
{
	const struct image_plan *plan = &g->load.plan;
	uint32_t at;
	struct module *m = take(p, plan->modules * sizeof(*m), &at);

	info->mods_addr = at;
	for (unsigned i = 0; i < plan->modules; i++) {
		const struct file_config *c = &g->config->module[i];
		uint32_t start = (uint32_t)plan->module[i].v;

		m[i] = (struct module){ start, start + (uint32_t)g->module[i].bytes,
					put_text(p, c->text, c->bytes), 0 };
	}
	info->mods_count = plan->modules;
	info->flags |= plan->modules ? INFO_MODULES : 0;
}

static void put_information(struct guest *g, struct page *p)
{
	static const char loader[] = "Veneer";
	const char *cmdline = g->config->cmdline;
	uint64_t low = g->board->low_bytes, end = ram_bytes(&g->memory);
	uint32_t at;
	struct info *info = take(p, sizeof(*info), &at);

	*info = (struct info){
		.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MMAP | INFO_LOADER | INFO_FRAMEBUFFER,
		.mem_lower = (uint32_t)(low >> 10),
		.mem_upper = (uint32_t)((end - MIB(1)) >> 10),
		.mmap_length = RANGES * sizeof(struct range),
		.framebuffer = 0xb8000,
		.framebuffer_pitch = 2 * VGA_COLUMNS,
		.framebuffer_width = VGA_COLUMNS,
		.framebuffer_height = VGA_ROWS,
		.framebuffer_bits = 16,
		.framebuffer_type = FRAMEBUFFER_TEXT,
	};
	struct range *r = take(p, info->mmap_length, &at);
	info->mmap_addr = at;
	r[0] = range(0, low, RAM);
	r[1] = range(low, MIB(1), RESERVED);
	r[2] = range(MIB(1), end, RAM);
	info->loader_name = put_text(p, loader, sizeof(loader) - 1);
	info->cmdline = put_text(p, cmdline, (unsigned)strlen(cmdline));
	put_modules(g, p, info);
}

const char *multiboot_finish(struct guest *g)
{
	const struct image_plan *plan = &g->load.plan;
	const uint64_t bytes = STACK_BYTES + PAGE_SIZE;
	gpa_t at = image_room(plan, FIRST_PLACE, g->board->low_bytes, bytes);

	if (at.v == ~0ull)
		at = image_room(plan, MIB(1), plan->memory, bytes);
	if (at.v == ~0ull)
		return IMAGE_TOO_LARGE("the boot information");
	gpa_t info = GPA(at.v + STACK_BYTES);
	struct regs r = { .rip = (uint32_t)g->image.elf.entry, .rsp = info.v };
	if (g->image.multiboot) {
		struct page p = { guest_pointer(&g->memory, info, PAGE_SIZE), (uint32_t)info.v, 0 };

		put_information(g, &p);
		r.rax = MULTIBOOT_MAGIC;
		r.rbx = info.v;
	}
	vcpu_start_at(g->vcpu, &r, GPA(~0ull), 0);
	return NULL;
}
