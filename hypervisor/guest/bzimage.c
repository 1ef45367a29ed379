// SPDX-License-Identifier: GPL-2.0-or-later
/* A Linux kernel (bzImage), or another program with its boot protocol (memtest86+): the 32-bit
 * entry, Documentation/arch/x86/boot.rst in the kernel's source. */
#include <asm/bootparam.h>

#include "arch/descriptor.h"
#include "guest/guest.h"
#include "lib/string.h"

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

#define TOO_LARGE(what) \
	"the " what " does not fit into the guest's memory: raise memory = in the configuration"

/* Its load address, and the memory it needs while it decompresses itself. */
static const char *add_kernel(struct guest *g, const struct setup_header *h)
{
	uint64_t setup = ((h->setup_sects ? h->setup_sects : 4) + 1ull) * SECTOR, room;
	uint64_t entry = h->code32_start;

	if (h->version < OLDEST || !(h->loadflags & LOADED_HIGH))
		return "a kernel older than boot protocol 2.06";
	if (setup >= g->image.bytes)
		return "a kernel whose file is cut off";
	room = g->image.bytes - setup;
	if (h->version >= WITH_PREFERENCE) {
		if (h->relocatable_kernel)
			entry = h->pref_address;
		room = MAX(room, h->init_size);
	}
	g->load.entry = GPA(entry);
	if (entry < MIB(1) ||
	    !load_add_copy(g, GPA(entry), room, (const char *)g->image.data + setup,
			   g->image.bytes - setup))
		return TOO_LARGE("kernel");
	return NULL;
}

/* As high as allowed: the kernel grows upwards. */
static const char *add_initrd(struct guest *g, const struct setup_header *h)
{
	uint64_t bytes = g->module.bytes,
		 top = MIN(ram_bytes(&g->memory), h->initrd_addr_max + 1ull);

	if (!bytes)
		return NULL;
	if (bytes > top || ALIGN_DOWN(top - bytes, PAGE_SIZE) < g->load.entry.v + h->init_size)
		return TOO_LARGE("module");
	g->load.module = GPA(ALIGN_DOWN(top - bytes, PAGE_SIZE));
	return load_add_copy(g, g->load.module, 0, g->module.data, bytes) ? NULL
									  : TOO_LARGE("module");
}

static void fill_params(struct guest *g, struct boot_params *p)
{
	uint64_t low = g->board->low_bytes;

	p->hdr.type_of_loader = 0xff;
	p->hdr.vid_mode = 0xffff; /* as it is */
	p->hdr.cmd_line_ptr = CMDLINE_AT;
	p->screen_info.orig_video_isVGA = 1;
	p->screen_info.orig_video_mode = 3;
	p->screen_info.orig_video_cols = BOARD_COLUMNS;
	p->screen_info.orig_video_lines = BOARD_ROWS;
	p->screen_info.orig_video_points = 16;
	p->e820_entries = 3;
	p->e820_table[0] = (struct boot_e820_entry){ 0, low, 1 };
	p->e820_table[1] = (struct boot_e820_entry){ low, MIB(1) - low, 2 };
	p->e820_table[2] = (struct boot_e820_entry){ MIB(1), ram_bytes(&g->memory) - MIB(1), 1 };
}

const char *bzimage_begin(struct guest *g)
{
	struct setup_header header;

	read_header(g, &header);
	const char *why = add_kernel(g, &header);
	return why ? why : add_initrd(g, &header);
}

void bzimage_finish(struct guest *g)
{
	struct boot_params *p = guest_pointer(&g->memory, GPA(PARAMS_AT), sizeof(*p));
	uint64_t *gdt = guest_pointer(&g->memory, GPA(GDT_AT), PAGE_SIZE);
	char *cmdline = guest_pointer(&g->memory, GPA(CMDLINE_AT), CMDLINE_BYTES);

	memset(p, 0, sizeof(*p));
	read_header(g, &p->hdr);
	fill_params(g, p);
	copy_string(cmdline, g->config->cmdline, CMDLINE_BYTES);
	if (g->module.bytes) {
		p->hdr.ramdisk_image = (uint32_t)g->load.module.v;
		p->hdr.ramdisk_size = (uint32_t)g->module.bytes;
	}
	gdt[LEGACY_CS / 8] = DESC_CODE32(0);
	gdt[LEGACY_DS / 8] = DESC_DATA(0);
	const struct regs r = { .rip = (uint32_t)g->load.entry.v, .rsi = PARAMS_AT };
	vcpu_start_at(g->vcpu, &r, GPA(~0ull), GDT_AT);
}
