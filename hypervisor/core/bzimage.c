// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/bzimage.h"

#include <asm/bootparam.h>

#include "core/guest.h"
#include "core/string.h"
#include "platform/platform.h"
#include "x86/descriptor.h"

#define HEADER_AT	offsetof(struct boot_params, hdr) /* in the file too */
#define SIGNATURE	0x53726448			  /* "HdrS" */
#define OLDEST		0x0206				  /* the first with cmdline_size */
#define WITH_PREFERENCE 0x020a
#define SECTOR		512

/* Below the BIOS's and the kernel's own places */
#define GDT_AT	      0x6000
#define PARAMS_AT     0x7000
#define CMDLINE_AT    0x8000
#define CMDLINE_BYTES 256

static void read_header(const struct guest *g, struct setup_header *h)
{
	memcpy(h, (const char *)g->image.data + HEADER_AT, sizeof(*h));
}

bool bzimage_is(const void *data, uint64_t bytes)
{
	struct setup_header h;

	if (bytes < HEADER_AT + sizeof(h))
		return false;
	memcpy(&h, (const char *)data + HEADER_AT, sizeof(h));
	return h.boot_flag == 0xaa55 && h.header == SIGNATURE;
}

/* Where it wants to be, and how much room it takes while it unpacks itself. */
static const char *copy_kernel(struct guest *g, const struct setup_header *h, uint64_t *entry)
{
	uint64_t setup = ((h->setup_sects ? h->setup_sects : 4) + 1ull) * SECTOR, room;

	if (h->version < OLDEST || !(h->loadflags & LOADED_HIGH))
		return "a kernel older than boot protocol 2.06";
	if (setup >= g->image.bytes)
		return "a kernel whose file is cut off";
	*entry = h->code32_start;
	room = g->image.bytes - setup;
	if (h->version >= WITH_PREFERENCE) {
		if (h->relocatable_kernel)
			*entry = h->pref_address;
		room = MAX(room, h->init_size);
	}
	uint8_t *to = *entry < MIB(1) ? NULL : mmu_memory(&g->mmu, GPA(*entry), room);
	if (!to)
		return "the kernel does not fit into the guest's memory: raise memory = in "
		       "veneer.conf";
	memcpy(to, (const char *)g->image.data + setup, g->image.bytes - setup);
	return NULL;
}

/* As high as it may be: the kernel grows upwards. */
static const char *copy_initrd(struct guest *g, struct boot_params *p, uint64_t kernel)
{
	uint64_t bytes = g->module.bytes;
	uint64_t top = MIN(g->mmu.memory_bytes, p->hdr.initrd_addr_max + 1ull);

	if (bytes > top || ALIGN_DOWN(top - bytes, PAGE_SIZE) < kernel + p->hdr.init_size)
		return "the module does not fit into the guest's memory: raise memory = in "
		       "veneer.conf";
	uint64_t at = ALIGN_DOWN(top - bytes, PAGE_SIZE);
	memcpy(mmu_memory(&g->mmu, GPA(at), bytes), g->module.data, bytes);
	p->hdr.ramdisk_image = (uint32_t)at;
	p->hdr.ramdisk_size = (uint32_t)bytes;
	return NULL;
}

static void fill_params(struct guest *g, struct boot_params *p)
{
	p->hdr.type_of_loader = 0xff;
	p->hdr.vid_mode = 0xffff; /* as it is */
	p->hdr.cmd_line_ptr = CMDLINE_AT;
	p->screen_info.orig_video_isVGA = 1;
	p->screen_info.orig_video_mode = 3;
	p->screen_info.orig_video_cols = PLATFORM_COLUMNS;
	p->screen_info.orig_video_lines = PLATFORM_ROWS;
	p->screen_info.orig_video_points = 16;
	p->e820_entries = 3;
	p->e820_table[0] = (struct boot_e820_entry){ 0, PLATFORM_LOW_BYTES, 1 };
	p->e820_table[1] =
		(struct boot_e820_entry){ PLATFORM_LOW_BYTES, MIB(1) - PLATFORM_LOW_BYTES, 2 };
	p->e820_table[2] = (struct boot_e820_entry){ MIB(1), g->mmu.memory_bytes - MIB(1), 1 };
}

const char *bzimage_load(struct guest *g)
{
	struct setup_header header;
	uint64_t entry = 0;

	read_header(g, &header);
	const char *why = copy_kernel(g, &header, &entry);
	if (why)
		return why;

	struct boot_params *p = mmu_memory(&g->mmu, GPA(PARAMS_AT), sizeof(*p));
	uint64_t *gdt = mmu_memory(&g->mmu, GPA(GDT_AT), PAGE_SIZE);
	char *cmdline = mmu_memory(&g->mmu, GPA(CMDLINE_AT), CMDLINE_BYTES);
	memset(p, 0, sizeof(*p));
	p->hdr = header;
	fill_params(g, p);
	copy_string(cmdline, g->config->cmdline, CMDLINE_BYTES);
	if (g->module.bytes)
		why = copy_initrd(g, p, entry);
	if (why)
		return why;
	gdt[LEGACY_CS / 8] = DESC_CODE32(0);
	gdt[LEGACY_DS / 8] = DESC_DATA(0);
	vcpu_start_legacy(
		g->vcpu,
		&(struct legacy_start){ .eip = (uint32_t)entry, .esi = PARAMS_AT, .gdt = GDT_AT });
	return NULL;
}
