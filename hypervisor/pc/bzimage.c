// SPDX-License-Identifier: GPL-2.0-or-later
/* A Linux kernel (bzImage), or another program with its boot protocol (memtest86+): the 32-bit
 * entry, Documentation/arch/x86/boot.rst in the kernel's source. */
#include <asm/bootparam.h>

#include "arch/descriptor.h"
#include "guest/guest.h"
#include "lib/string.h"
#include "pc/vga.h"

/* Below the BIOS's and the kernel's own places */
#define GDT_AT	      0x6000
#define PARAMS_AT     0x7000
#define CMDLINE_AT    0x8000
#define CMDLINE_BYTES 256

static void fill_params(struct guest *g, struct boot_params *p)
{
	uint64_t low = g->board->low_bytes;

	p->hdr.type_of_loader = 0xff;
	p->hdr.vid_mode = 0xffff; /* as it is */
	p->hdr.cmd_line_ptr = CMDLINE_AT;
	p->screen_info.orig_video_isVGA = 1;
	p->screen_info.orig_video_mode = 3;
	p->screen_info.orig_video_cols = VGA_COLUMNS;
	p->screen_info.orig_video_lines = VGA_ROWS;
	p->screen_info.orig_video_points = 16;
	p->e820_entries = 3;
	p->e820_table[0] = (struct boot_e820_entry){ 0, low, 1 };
	p->e820_table[1] = (struct boot_e820_entry){ low, MIB(1) - low, 2 };
	p->e820_table[2] = (struct boot_e820_entry){ MIB(1), ram_bytes(&g->memory) - MIB(1), 1 };
}

const char *bzimage_finish(struct guest *g)
{
	struct boot_params *p = guest_pointer(&g->memory, GPA(PARAMS_AT), sizeof(*p));
	uint64_t *gdt = guest_pointer(&g->memory, GPA(GDT_AT), PAGE_SIZE);
	char *cmdline = guest_pointer(&g->memory, GPA(CMDLINE_AT), CMDLINE_BYTES);

	memset(p, 0, sizeof(*p));
	memcpy(&p->hdr, g->image.file.data + offsetof(struct boot_params, hdr), sizeof(p->hdr));
	fill_params(g, p);
	copy_string(cmdline, g->config->cmdline, CMDLINE_BYTES);
	if (g->load.plan.modules) {
		p->hdr.ramdisk_image = (uint32_t)g->load.plan.module[0].v;
		p->hdr.ramdisk_size = (uint32_t)g->module[0].bytes;
	}
	gdt[LEGACY_CS / 8] = DESC_CODE32(0);
	gdt[LEGACY_DS / 8] = DESC_DATA(0);
	const struct regs r = { .rip = (uint32_t)g->load.plan.entry.v, .rsi = PARAMS_AT };
	vcpu_start_at(g->vcpu, &r, GPA(~0ull), GDT_AT);
	return NULL;
}
