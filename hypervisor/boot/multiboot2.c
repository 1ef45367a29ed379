// SPDX-License-Identifier: GPL-2.0-or-later
/* Multiboot2 information, specification 2.0 section 3.6. */
#include "kernel/boot_info.h"
#include "kernel/memory.h"
#include "lib/string.h"

#define TAG_END	   0
#define TAG_MODULE 3
#define TAG_MEMMAP 6
#define TAG_ACPI_1 14
#define TAG_ACPI_2 15

struct tag {
	uint32_t type, size;
};

struct tag_module {
	struct tag tag;
	uint32_t start, end;
};

struct tag_memmap {
	struct tag tag;
	uint32_t entry_size, entry_version;
	struct memmap_entry entry[];
};

static void read_memmap(const struct tag_memmap *t, struct boot_info *info)
{
	uint32_t bytes = t->tag.size - sizeof(*t);

	for (uint32_t at = 0; t->entry_size && at + t->entry_size <= bytes; at += t->entry_size)
		boot_add_memory(info, (const void *)((const char *)t->entry + at));
}

int multiboot2_read(mpa_t at, struct boot_info *info)
{
	const uint32_t *head = direct(at);
	const char *p = (const char *)head + 8, *end = (const char *)head + head[0];

	info->loader = "Multiboot2";
	while (p + sizeof(struct tag) <= end) {
		const struct tag *t = (const void *)p;

		if (t->type == TAG_END)
			return 0;
		if (t->size < sizeof(*t))
			return -EINVAL;
		if (t->type == TAG_MODULE && !info->bundle_bytes) {
			const struct tag_module *m = (const void *)p;

			info->bundle = MPA(m->start);
			info->bundle_bytes = m->end - m->start;
		} else if (t->type == TAG_MEMMAP) {
			read_memmap((const void *)p, info);
		} else if (t->type == TAG_ACPI_2 || (t->type == TAG_ACPI_1 && !info->rsdp.v)) {
			memcpy(info->rsdp_copy, p + sizeof(*t),
			       MIN(t->size - sizeof(*t), sizeof(info->rsdp_copy)));
			info->rsdp = MPA((uint64_t)info->rsdp_copy - IMAGE_BASE);
		}
		p += ALIGN_UP(t->size, 8);
	}
	return -EINVAL;
}
