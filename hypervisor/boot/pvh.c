// SPDX-License-Identifier: GPL-2.0-or-later
/* PVH start info: Xen's public/arch-x86/hvm/start_info.h, versions 0 and 1. */
#include "arch/layout.h"
#include "kernel/boot_info.h"

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp;
	uint64_t memmap; /* from version 1 on */
	uint32_t memmap_entries, reserved;
};

struct module_entry {
	uint64_t address, bytes, cmdline, reserved;
};

int pvh_read(mpa_t at, struct boot_info *info)
{
	const struct start_info *si = direct(at);

	if (si->magic != BOOT_MAGIC_PVH || si->version < 1)
		return -EINVAL;
	info->loader = "PVH";
	info->rsdp = MPA(si->rsdp);
	if (si->modules) {
		const struct module_entry *m = direct(MPA(si->module_list));

		info->bundle = MPA(m->address);
		info->bundle_bytes = m->bytes;
	}
	const struct memmap_entry *e = direct(MPA(si->memmap));
	for (uint32_t i = 0; i < si->memmap_entries; i++)
		boot_add_memory(info, &e[i]);
	return 0;
}
