// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/load.h"

#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "lib/string.h"

bool load_copy_part(struct guest *g)
{
	struct load *l = &g->load;

	if (l->copied == l->plan.copies)
		return true;
	const struct image_copy *c = &l->plan.copy[l->copied];
	uint64_t left = c->bytes - l->done, n = MIN(left, LOAD_PART);

	memcpy((char *)guest_pointer(&g->memory, c->to, c->bytes) + l->done, c->from + l->done, n);
	l->done += n;
	if (n == left) {
		l->copied++;
		l->done = 0;
	}
	return l->copied == l->plan.copies;
}

static const char *start_pv(struct guest *g)
{
	gpa_t at = GPA(ALIGN_UP(g->load.plan.end, PAGE_SIZE));
	struct veneer_start_info *si = guest_pointer(&g->memory, at, PAGE_SIZE);

	if (!si)
		return "no room for the start information";
	*si = (struct veneer_start_info){
		.magic = VENEER_START_MAGIC,
		.abi_major = VENEER_ABI_MAJOR,
		.abi_minor = VENEER_ABI_MINOR,
		.features = VENEER_FEATURE_SYSCALL | VENEER_FEATURE_SOFTINT |
			    VENEER_FEATURE_PVCLOCK | VENEER_FEATURE_MMU |
			    (cpu_features.cr4 & CR4_FSGSBASE ? VENEER_FEATURE_FSGSBASE : 0),
		.memory = ram_bytes(&g->memory),
		.vcpu_pages = g->memory.region[REGION_VCPU_PAGES].first,
		.hypercall_page = VENEER_HYPERCALL_PAGE,
		.vcpus = g->config->vcpus,
		.tsc_khz = (uint32_t)tsc_khz,
		.module = g->load.plan.module[0].v,
		.module_bytes = g->module[0].bytes,
		.reserved_end = at.v + PAGE_SIZE,
		.wall_clock = clock_boot_seconds() * 1000000000,
	};
	copy_string(si->cmdline, g->config->cmdline, sizeof(si->cmdline));
	const struct regs r = { .rip = g->image.elf.entry, .rdi = at.v };
	vcpu_start_at(g->vcpu, &r, GPA(~0ull), 0);
	return NULL;
}

const char *load_finish(struct guest *g)
{
	if (!g->board)
		return start_pv(g);
	return g->image.bzimage ? bzimage_finish(g) : multiboot_finish(g);
}
